"""The weights of the final score: those of the match score, fitted further to choices as the program meets them.

PEPTRM_MIRROR=DIR python -m benchmarks.final_score --params FILE --shards DIR [--write]

The peptides of each question are those that the spectrum graph and the search among neighbours find without being shown
the right one; where that is not among them, nothing is asked. Around a right peptide that was shown others lie as they
never lie in the program, and a score that compares them would learn that. The heights that are expected of measured
spectra are told by predictors that were fitted to other ones.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmarks.exchanged import exchanged
from benchmarks.fitting import arguments, keep, material
from benchmarks.match_score import Examiner, Questions, copied, each_once, fit, joined, measured_copies, report
from benchmarks.measured_heights import unseen_halves
from benchmarks.spectrum_graph import predicted
from data.batches import SpectrumSet
from data.vocabulary import PAD, VOCABULARY
from model.decoding import DecodingSettings
from model.evidence import SpectrumIndex
from model.expected_heights import ExpectedHeights
from model.final_score import WEIGHTS_FILE, FinalScore
from model.fragmentation import Fragmentation
from model.hypothesis import peptides_at
from model.match_score import SLOT_FEATURES, WHOLE_FEATURES, MatchScore, fitted_match_score
from model.path_score import PathGains
from tasks.params import Params, load_params

_COPIES, _EXCHANGED_COPIES, _PREDICTED = 5, 3, 6_000
_UPDATES, _RATE, _WEIGHT_DECAY, _MEASURED_SHARE = 1500, 2e-3, 0.3, 0.7


class Finalists(Examiner):
    """Asks which of the peptides is right among which the program would choose its answer.

    Parameters
    ----------
    match : finds the peptides.
    asked : whose features the questions have.
    """

    def __init__(self, params: Params, match: MatchScore, asked: FinalScore) -> None:
        super().__init__(params, match, asked, rounds=1, again=DecodingSettings().paths_again)

    def _asked_about(self, index: SpectrumIndex, gains: PathGains, own: Tensor, searching: bool) -> Tensor:
        graph = self._graph_answers(index)
        found, _ = self.search(self.evidence, index, graph)
        peptides = each_once(torch.cat([graph[:, :1], found], 1), self.settings.finalists)
        is_right = (peptides == own).all(2)
        peptides = peptides_at(peptides, (~is_right).long().argsort(dim=1, stable=True))
        return peptides.masked_fill(~is_right.any(1)[:, None, None], PAD)


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


def of_measured(
    examiner: Finalists, halves: list[tuple[SpectrumSet, Fragmentation, ExpectedHeights]], rng: np.random.Generator
) -> Questions:
    """Questions of measured spectra and copies, each half with the predictors that were fitted to the other."""
    asked, exact = [], ExpectedHeights(VOCABULARY)
    for spectra, small, expected in halves:
        examiner.asked.expected = expected
        asked.append(examiner.ask(measured_copies(spectra, _COPIES, rng), expected=small))
    of_exchange = rng.spawn(1)[0]
    for spectra, small, expected in halves:
        examiner.asked.expected = expected
        for _ in range(_EXCHANGED_COPIES):
            others = exchanged(spectra, exact, of_exchange)
            asked.append(examiner.ask(copied(others, of_exchange, of_exchange), expected=small))
    examiner.asked.expected = exact
    return joined(asked)


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    rng = np.random.default_rng(params.seed)
    given, match = material(params, options.shards), fitted_match_score(VOCABULARY)
    score = begun_from(match)
    examiner = Finalists(params, match, score)
    asked_of_measured = of_measured(examiner, unseen_halves(given, params), rng)
    some = given.training.select(rng.permutation(len(given.training))[:_PREDICTED])
    of_predicted = joined(examiner.ask(batches) for batches in predicted(some, params, rng).values())
    fit(
        score,
        asked_of_measured,
        of_predicted,
        _UPDATES,
        params.seed,
        rate=_RATE,
        measured_share=_MEASURED_SHARE,
        weight_decay=_WEIGHT_DECAY,
    )
    keep(options, WEIGHTS_FILE, score.weights)
    report(score, examiner, given, params, rng)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
