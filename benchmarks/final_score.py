"""The weights of the final score: those of the match score, fitted further with MS2PIP's own heights.

PEPTRM_MIRROR=DIR python -m benchmarks.final_score --params FILE --shards DIR [--write]

The questions are those of ``benchmarks.match_score``, all of them searched with the match score of the package, and
about as long as those that an answer is chosen among. The heights that are expected of measured spectra are told by
predictors that were fitted to other ones.
"""

import numpy as np
import torch
from torch.nn import functional

from benchmarks.fitting import arguments, keep, material
from benchmarks.match_score import Examiner, fit, joined, measured_copies, report
from benchmarks.measured_heights import unseen_parts
from benchmarks.spectrum_graph import predicted
from data.vocabulary import VOCABULARY
from model.expected_heights import ExpectedHeights
from model.final_score import WEIGHTS_FILE, FinalScore
from model.match_score import SLOT_FEATURES, WHOLE_FEATURES, MatchScore, fitted_match_score
from tasks.params import load_params

_PEPTIDES = 20
_COPIES, _PREDICTED = 5, 9000
_UPDATES, _RATE, _MEASURED_SHARE = 4000, 3e-3, 0.5


def begun_from(match: MatchScore) -> FinalScore:
    """A final score that says what the match score says: nothing of the features that it has beside."""
    score = FinalScore(VOCABULARY)
    begun = score.state_dict() | match.weights
    seen, narrow = torch.zeros_like(score.seen.weight), match.seen.weight
    seen[:, :SLOT_FEATURES] = narrow[:, :SLOT_FEATURES]
    seen[:, score.slot_features :] = narrow[:, SLOT_FEATURES:]
    begun["seen.weight"] = seen
    for name in ("whole.weight", "linear.weight"):
        begun[name] = functional.pad(begun[name], (0, WHOLE_FEATURES))
    begun["mean"] = functional.pad(match.mean, (0, WHOLE_FEATURES))
    begun["deviation"] = match.deviation.repeat(2)
    score.load_state_dict(begun)
    return score.eval()


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    rng = np.random.default_rng(params.seed)
    given, match = material(params, options.shards), fitted_match_score(VOCABULARY)
    score = begun_from(match)
    examiner, of_parts = Examiner(params, match, score, _PEPTIDES), []
    for spectra, small, expected in unseen_parts(given, params):
        score.expected = expected
        of_parts.append(examiner.ask(measured_copies(spectra, _COPIES, rng), expected=small))
    score.expected = ExpectedHeights(VOCABULARY)
    some = given.training.select(rng.permutation(len(given.training))[:_PREDICTED])
    of_predicted = joined(examiner.ask(batches) for batches in predicted(some, params, rng).values())
    fit(score, joined(of_parts), of_predicted, _UPDATES, params.seed, rate=_RATE, measured_share=_MEASURED_SHARE)
    keep(options, WEIGHTS_FILE, score.weights)
    report(score, examiner, given, params, rng)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
