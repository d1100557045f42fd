"""The state of an unfinished training on disk: tensors and progress of one update, complete or absent."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from data.atomic import make_folder, write_atomically
from model.parallel import World
from model.tensor_file import read_tensors, write_tensors

log = logging.getLogger(__name__)

Parts = dict[str, dict[str, Tensor]]


class TrainingState:
    """The state's folder; every process has its own rows, and all else is the first one's.

    Parameters
    ----------
    folder : of the state.
    world : the processes of the training.
    """

    def __init__(self, folder: Path, world: World) -> None:
        self.folder, self.world = folder, world

    def save(self, update: int, parts: Parts, progress: dict[str, Any]) -> None:
        """Write a state and drop the older ones; ``parts["carry"]`` is each process's own."""
        make_folder(self.folder)
        write_tensors(self._rows(update), parts["carry"])
        self.world.wait()
        if self.world.leads:
            write_atomically(self.folder / f"{update}.json", json.dumps(progress).encode())
            tensors = {
                f"{part}/{name}": tensor
                for part, values in parts.items()
                if part != "carry"
                for name, tensor in values.items()
            }
            write_tensors(self.folder / f"{update}.safetensors", tensors)
            for old in self.folder.iterdir():
                if int(old.name.partition(".")[0]) < update:
                    old.unlink()
        self.world.wait()

    def load(self, recipe: dict[str, Any], device: str) -> tuple[Parts, dict[str, Any]] | None:
        """The newest state and its progress; None where there is none of this recipe and this number of processes."""
        saved = [path for path in self.folder.glob("*.safetensors") if path.stem.isdigit()]
        if not saved:
            return None
        newest = max(int(path.stem) for path in saved)
        progress = json.loads((self.folder / f"{newest}.json").read_text())
        rows = list(self.folder.glob(f"{newest}.rows-*"))
        if {key: progress.get(key) for key in recipe} != recipe or len(rows) != self.world.size:
            log.warning("%s: an unfinished training of other parameters is discarded", self.folder)
            self.world.wait()
            if self.world.leads:
                shutil.rmtree(self.folder)
            return None
        parts: Parts = {"carry": read_tensors(self._rows(newest), device), "optimizer": {}}
        for name, tensor in read_tensors(self.folder / f"{newest}.safetensors", device).items():
            part, _, key = name.partition("/")
            parts.setdefault(part, {})[key] = tensor
        return parts, progress

    def drop(self) -> None:
        """Delete the state of a finished training."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _rows(self, update: int) -> Path:
        return self.folder / f"{update}.rows-{self.world.rank}-of-{self.world.size}"
