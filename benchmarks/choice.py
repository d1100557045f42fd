"""What the search among neighbours and each feature add to the choice among the candidates of a spectrum.

PEPTRM_MIRROR=DIR python -m benchmarks.choice --params FILE --model DIR

Measured spectra that the model was not trained on are halved by peptide, ten ways; each half is read with weights that
were fitted to the other. ``profiles/base.yaml`` makes the parameters that name the spectra.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from data.schema import Spectrum
from data.seeding import derive
from data.splits import merged_sequence, sequence_hashes
from model.answers import AnswerSettings
from model.calibrating import Examples, examples
from model.calibration import CHOICE_FEATURES, Logistic
from model.inference import Sequencer
from tasks.params import load_params
from tasks.pretraining import measured_spectra

_HALVINGS = 10
_LEFT_OUT: dict[str, tuple[str, ...]] = {
    "all features": (),
    "no final score": ("match", "match lead"),
    "no heights of ions": ("predicted heights", "measured heights", "correlation"),
    "no heights as MS2PIP predicts them": ("predicted heights",),
    "no network": ("lead", "first answer"),
}


def chosen_right(seen: Examples, half: NDArray[np.bool_], left_out: tuple[str, ...]) -> tuple[float, float]:
    """Share of the spectra whose chosen candidate is right, and of the residues of all that are chosen.

    The second tells, too, how wrong a choice is where no candidate is right.
    """
    kept = [place for place, name in enumerate(CHOICE_FEATURES) if name not in left_out]
    feature = seen.feature[..., kept]
    matched = np.zeros(len(half))
    for side in (half, ~half):
        choice = Logistic.fit_choice(feature[side], seen.exists[side], seen.right[side])
        best = np.where(seen.exists[~side], choice(feature[~side]), -np.inf).argmax(1)
        matched[~side] = seen.matched[~side][np.arange(len(best)), best]
    return float((matched == 1).mean()), float(matched.mean())


def halves(spectra: list[Spectrum], seed: int) -> list[NDArray[np.bool_]]:
    """Which spectra are of the first half, peptide by peptide."""
    peptides = [merged_sequence(spectrum.peptidoform or "") for spectrum in spectra]
    names, place = np.unique(sequence_hashes(peptides), return_inverse=True)
    return [
        (np.random.default_rng(derive(seed, f"halving {number}")).permutation(len(names)) % 2 == 0)[place]
        for number in range(_HALVINGS)
    ]


def main() -> None:
    """Print a row a set of features."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    params = load_params(options.params)
    _, spectra = measured_spectra(params)
    for neighbours in (True, False):
        answers = AnswerSettings(calibrated=False, neighbours=neighbours)
        seen = examples(Sequencer(options.model, threads=1, answers=answers), spectra)
        found = (seen.right & seen.exists).any(1).mean()
        print(f"{'with' if neighbours else 'without'} neighbours: {found:.3f} of {len(spectra)} have the right peptide")
        for name, left_out in _LEFT_OUT.items():
            shares = np.array([chosen_right(seen, half, left_out) for half in halves(spectra, params.seed)])
            (peptides, residues), (varying, _) = shares.mean(0), shares.std(0)
            print(f"  {name}: {peptides:.3f}, among the halvings {varying:.3f}; of the residues {residues:.3f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
