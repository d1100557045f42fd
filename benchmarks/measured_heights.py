"""The weights of measured heights: fitted to measured spectra, from the heights that MS2PIP predicts on.

PEPTRM_MIRROR=DIR python -m benchmarks.measured_heights --params FILE --shards DIR [--write]

What the small network of heights tells of each spectrum is told by one that was fitted to the other half of the
peptides, so that it is as wrong as with unseen spectra.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from benchmarks.fitting import Material, arguments, keep, material
from benchmarks.fragmentation import examples, plain_evidence
from benchmarks.match_score import halves
from benchmarks.spectrum_graph import measured
from data.batches import SpectrumSet
from data.vocabulary import PAD, VOCABULARY
from model.expected_heights import ExpectedHeights
from model.fragmentation import MEASURED, PREDICTED, Fragmentation, fitted, likeness
from model.measured_heights import WEIGHTS_FILE, MeasuredHeights, conditions
from tasks.params import Params, load_params

_UPDATES, _RATE, _WEIGHT_DECAY, _ROWS = 3000, 3e-3, 0.3, 64


@dataclass(frozen=True)
class Told:
    """Spectra with their own peptides, and what is known of the heights beforehand.

    Attributes
    ----------
    tokens : (spectra, slots) int64.
    inputs : (spectra, slots, inputs), of the small network.
    heights : (spectra, sources, slots, series).
    condition : (spectra, CONDITIONS).
    observed, asked : (spectra, slots, series), root intensities, and which of them count.
    """

    tokens: Tensor
    inputs: Tensor
    heights: Tensor
    condition: Tensor
    observed: Tensor
    asked: Tensor

    def select(self, rows: Tensor) -> "Told":
        """Some of them, with no more slots than they need."""
        longest = int((self.tokens[rows] != PAD).sum(1).max())
        return Told(
            self.tokens[rows, :longest],
            self.inputs[rows, :longest],
            self.heights[rows, :, :longest],
            self.condition[rows],
            self.observed[rows, :longest],
            self.asked[rows, :longest],
        )

    def distance(self, measured_heights: MeasuredHeights) -> Tensor:
        """(spectra,), one minus the cosine."""
        told = measured_heights(self.tokens, self.inputs, self.heights.movedim(0, 1), self.condition)
        return 1 - likeness(told, self.observed, self.asked)


def told(spectra: SpectrumSet, params: Params, small: Fragmentation) -> Told:
    """What MS2PIP and the small network tell of the spectra's own peptides."""
    (tokens, charge, observed, asked), exact = examples(spectra, params.network), ExpectedHeights(VOCABULARY)
    evidence = plain_evidence(params.network)
    condition = [
        conditions(evidence.index(part.mz, part.intensity, part.precursor_mz, part.charge))
        for part, _ in measured(spectra)
    ]
    with torch.no_grad():
        heights = torch.stack([exact(tokens, charge)[PREDICTED], small(tokens, charge)[MEASURED]], 1)
        inputs = small.inputs(tokens, charge)
    return Told(tokens, inputs, heights, torch.cat(condition), observed.float(), asked)


def joined(parts: list[Told]) -> Told:
    """All of them."""
    return Told(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Told)))


def fitted_to(every: Told, seed: int) -> MeasuredHeights:
    """Least mean distance of directions: one minus the cosine."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    heights = MeasuredHeights().train()
    heights.mean, heights.deviation = every.condition.mean(0), every.condition.std(0) + 1e-3
    optimizer = torch.optim.AdamW(heights.parameters(), weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=_UPDATES, pct_start=0.1)
    for _ in range(_UPDATES):
        some = every.select(torch.randint(len(every.tokens), (_ROWS,), generator=generator))
        loss = some.distance(heights).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    heights.load_state_dict({name: weight.bfloat16().float() for name, weight in heights.state_dict().items()})
    return heights.eval().requires_grad_(False)


def unseen_halves(given: Material, params: Params) -> list[tuple[SpectrumSet, Fragmentation, ExpectedHeights]]:
    """The measured spectra as `halves`, each half with both that tell heights and were fitted to the other."""
    either, found = halves(given, params), []
    known = [told(spectra, params, small) for spectra, small in either]
    for (spectra, small), others in zip(either, reversed(known), strict=True):
        expected = ExpectedHeights(VOCABULARY)
        expected.load_state_dict(expected.state_dict() | small.state_dict())
        expected.measured = fitted_to(others, params.seed)
        found.append((spectra, small, expected))
    return found


def main() -> None:
    """Fit, judge on other peptides, and write the weights if asked."""
    options = arguments(__doc__, WEIGHTS_FILE)
    params = load_params(options.params)
    given = material(params, options.shards)
    every = joined([told(spectra, params, small) for spectra, small in halves(given, params)])
    heights = fitted_to(every, params.seed)
    keep(options, WEIGHTS_FILE, heights.state_dict())
    unseen = told(given.held_out, params, fitted(VOCABULARY))
    print(f"{len(unseen.tokens)} unseen measured spectra: mean cosine {1 - float(unseen.distance(heights).mean()):.4f}")
    for name, source in (("MS2PIP", PREDICTED), ("the small network", MEASURED)):
        print(f"of {name} {float(likeness(unseen.heights[:, source], unseen.observed, unseen.asked).mean()):.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
