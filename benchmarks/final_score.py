"""The weights of the final score: those of the match score, fitted further with MS2PIP's own heights.

PEPTRM_MIRROR=DIR python -m benchmarks.final_score --params FILE --shards DIR [--write]

The questions are those of ``benchmarks.match_score``, all of them searched with the match score of the package. The
measured heights that are expected of measured spectra are those of a predictor that was fitted to other ones.
"""

import numpy as np
import torch

from benchmarks.fitting import arguments, keep, material
from benchmarks.match_score import Examiner, fit, halves, joined, measured_copies, report
from benchmarks.spectrum_graph import predicted
from data.vocabulary import VOCABULARY
from model.final_score import WEIGHTS_FILE, FinalScore
from model.fragmentation import fitted
from model.match_score import SLOT_FEATURES, MatchScore, fitted_match_score
from tasks.params import load_params

_COPIES, _PREDICTED = 3, 6000
_UPDATES, _RATE, _MEASURED_SHARE = 900, 1e-3, 0.5


def begun_from(match: MatchScore) -> FinalScore:
    """A final score that says what the match score says: nothing of the features that it has beside."""
    score = FinalScore(VOCABULARY)
    weights = match.weights
    narrow, wide = weights["seen.weight"], torch.zeros_like(score.seen.weight)
    wide[:, :SLOT_FEATURES] = narrow[:, :SLOT_FEATURES]
    wide[:, score.slot_features :] = narrow[:, SLOT_FEATURES:]
    score.load_state_dict(score.state_dict() | weights | {"seen.weight": wide})
    return score.eval()


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    rng = np.random.default_rng(params.seed)
    given, match = material(params, options.shards), fitted_match_score(VOCABULARY)
    score = begun_from(match)
    examiner, of_halves = Examiner(params, match, score), []
    for spectra, heights in halves(given, params):
        score.expected.load_state_dict(heights.state_dict())
        of_halves.append(examiner.ask(measured_copies(spectra, _COPIES, rng), expected=heights))
    score.expected.load_state_dict(fitted(VOCABULARY).state_dict())
    some = given.training.select(rng.permutation(len(given.training))[:_PREDICTED])
    of_predicted = joined(examiner.ask(batches) for batches in predicted(some, params, rng).values())
    fit(score, joined(of_halves), of_predicted, _UPDATES, params.seed, rate=_RATE, measured_share=_MEASURED_SHARE)
    keep(options, WEIGHTS_FILE, score.weights)
    report(score, examiner, given, params, rng)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
