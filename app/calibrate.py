"""`peptrm calibrate`: a model's probabilities fitted to a user's annotated spectra."""

from collections import Counter
from pathlib import Path

from app.annotated import annotated_spectra
from app.progress import Progress
from model.calibrating import fit_calibration
from model.calibration import CALIBRATION_FILE
from model.inference import Sequencer
from tasks.wording import counted


def calibrate_files(files: list[Path], sequencer: Sequencer, folder: Path, seed: int, progress: Progress) -> list[str]:
    """Fit the calibration and write it into the model's folder.

    Returns
    -------
    What was done, for people.

    Raises
    ------
    InputError : a file cannot be read, there are too few annotated spectra, or the model reads all or none right.
    OutputError : the model's folder cannot be written.
    """
    skipped: Counter[str] = Counter()
    spectra = list(annotated_spectra(files, skipped, progress))
    calibration = fit_calibration(sequencer, spectra, seed, ", ".join(file.name for file in files))
    calibration.save(folder)
    return [
        *(f"{counted(number, 'spectrum')} skipped: {reason}" for reason, number in skipped.most_common()),
        f"calibrated on {len(spectra)} spectra; written: {folder / CALIBRATION_FILE}",
    ]
