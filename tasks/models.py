"""The model that is used: one of the package by its name, the folder of another, or the default where none is named."""

from pathlib import Path

import model
from data.errors import InputError
from tasks.workspace import Workspace

WEIGHTS = Path(model.__file__).parent / "weights"
SHIPPED = "base"
TRAINED = Workspace().model("pretrained")
_CONFIG = "config.json"


def chosen_model(named: Path | None) -> Path:
    """The folder of a model.

    Parameters
    ----------
    named : a folder, or the bare name of a network that the package brings; None: the package's default, else what
        the pipeline has trained here.

    Raises
    ------
    InputError : none is named, and there are neither.
    """
    if named is not None:
        brought = WEIGHTS / named
        is_name = len(named.parts) == 1 and not named.exists() and (brought / _CONFIG).is_file()
        return brought if is_name else named
    for folder in (WEIGHTS / SHIPPED, TRAINED):
        if (folder / _CONFIG).is_file():
            return folder
    raise InputError(
        "no model: this installation brings none, and none was trained here",
        path=TRAINED,
        remedy="Train one with `make demo` or `peptrm train`, or name the folder of another with --model",
    )
