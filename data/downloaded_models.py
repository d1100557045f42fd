"""MS2PIP's models that are no part of its package: XGBoost files that it downloads once."""

import difflib
from pathlib import Path

import numpy as np

from data.errors import InputError
from data.fragment_intensity import OFFLINE_MODELS, IntensityPredictor, Scorer


def intensity_predictor(model: str) -> IntensityPredictor:
    """The predictor of any of MS2PIP's models.

    Parameters
    ----------
    model : one of `ms2pip.constants.MODELS`; those that are not in ``OFFLINE_MODELS`` are downloaded into
        ``~/.ms2pip`` if they are not there.

    Raises
    ------
    InputError : there is no such model, or it would have to be downloaded and cannot be.
    PepTRMError : the installed MS2PIP is not the one that this package calls.
    """
    return IntensityPredictor(model, () if model in OFFLINE_MODELS else _downloaded_scorers(model))


def _downloaded_scorers(model: str) -> list[Scorer]:
    import xgboost  # this and MS2PIP's own modules take seconds to import
    from ms2pip._utils.xgb_models import validate_requested_xgb_model
    from ms2pip.constants import MODELS
    from ms2pip.exceptions import InvalidXGBoostModelError

    if "xgboost_model_files" not in MODELS.get(model, {}):
        nearest = difflib.get_close_matches(model, MODELS, n=1, cutoff=0.0)[0]
        raise InputError(f"MS2PIP has no model '{model}'", record="synthesis.model", remedy=f"Did you mean '{nearest}'")
    files: dict[str, str] = MODELS[model]["xgboost_model_files"]
    folder = Path.home() / ".ms2pip"
    try:
        validate_requested_xgb_model(files, MODELS[model]["model_hash"], str(folder))
    except (OSError, InvalidXGBoostModelError) as error:
        raise InputError(
            f"MS2PIP's model {model} is not installed and cannot be downloaded ({error})",
            record="synthesis.model",
            remedy=f"Take one that needs no download: {', '.join(OFFLINE_MODELS)}",
        ) from None

    def scorer(file: str) -> Scorer:
        booster = xgboost.Booster({"nthread": 1}, model_file=str(folder / file))
        return lambda features: np.asarray(booster.predict(xgboost.DMatrix(features.astype(np.float32))), np.float32)

    return [scorer(file) for file in files.values()]
