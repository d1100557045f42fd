"""Exact decoding: the most probable peptides that weigh what the precursor weighs.

The score of a peptide is the sum of its tokens' log-probabilities, slot by slot, stop token included. The search keeps
a beam of prefixes, ordered by the score so far plus the best score that any completion of the right *nominal* mass can
add. That bound is exact dynamic programming over slots and whole nominal masses, which add up without rounding; the
true masses are compared at the end of a peptide, and before, where no multiset of residues can still reach them. As
the bound is never too low, the best peptide found is proven the best once it scores as much as the bound of every
prefix that was dropped; else the search is repeated with a wider beam.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from data.chemistry import ISOTOPE_SPACING, WATER
from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.hypothesis import peptides_at

_NEVER = -1e9
"""Score of what cannot be."""


@dataclass(frozen=True, kw_only=True)
class DecodingSettings:
    """How peptides are searched.

    Attributes
    ----------
    candidates : the best so many peptides of a spectrum.
    paths : so many of the best by what was learned of paths the search among neighbours begins with.
    paths_again : so many more, of a second reading of highly charged spectra.
    finalists : so many of them, and of their neighbours, the answer is chosen among.
    tolerance_ppm : of the precursor mass.
    isotope_errors : the precursor may be the peak of up to so many 13C atoms.
    max_modifications : of a peptide, beside residues that are always modified; None for no limit.
    beam : prefixes kept at first.
    widest_beam : a search that needs more gives what it has found, not proven.
    """

    candidates: int = 4
    paths: int = 64
    paths_again: int = 64
    finalists: int = 16
    tolerance_ppm: float = 20.0
    isotope_errors: int = 0
    max_modifications: int | None = None
    beam: int = 32
    widest_beam: int = 256


@dataclass
class Decoded:
    """The best peptides of a batch.

    Attributes
    ----------
    tokens : (batch, candidates, slots) int64, best first, ``PAD`` from the stop on.
    score : (batch, candidates) float32: sum of log-probabilities; -inf where there are fewer peptides.
    proven : (batch,) bool: no other peptide scores higher; where none was found, there is none.
    """

    tokens: Tensor
    score: Tensor
    proven: Tensor

    @property
    def found(self) -> Tensor:
        """(batch,) bool: some peptide weighs what the precursor weighs."""
        return self.score[:, 0].isfinite()

    def put(self, rows: Tensor, other: "Decoded") -> None:
        """Replace these rows."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(other, field.name)


class ExactDecoder:
    """Searches peptides by mass.

    Parameters
    ----------
    vocabulary : of the tokens.
    tokens : that peptides are made of, terminal ones for the first slot only; a gap is left out, for it fits any mass.
    settings : of the search.
    """

    def __init__(
        self, vocabulary: Vocabulary, tokens: Iterable[int], settings: DecodingSettings, device: str = "cpu"
    ) -> None:
        self.settings = settings
        numbers = sorted(number for number in tokens if number > STOP and number != GAP)
        self._tokens = torch.tensor(numbers, device=device)
        self._mass = torch.as_tensor(vocabulary.masses, dtype=torch.float64, device=device)[self._tokens]
        self._nominal = self._mass.round().long()
        plain = {vocabulary.tokens[n].residue for n in numbers if not vocabulary.tokens[n].is_modified}
        # a residue that is never met without its modification has a fixed one
        variable = [t.is_modified and (t.is_terminal or t.residue in plain) for t in vocabulary.tokens]
        self._is_variable = torch.tensor(variable, device=device)
        self._modified = self._is_variable[self._tokens]
        self._terminal = torch.as_tensor(vocabulary.is_terminal, device=device)[self._tokens]

    def modifications(self, tokens: Tensor) -> Tensor:
        """How many variable modifications peptides have; (..., slots) int64 to (...)."""
        count: Tensor = self._is_variable[tokens].sum(-1)
        return count

    @torch.no_grad()
    def decode(self, log_probability: Tensor, peptide_mass: Tensor) -> Decoded:
        """Find the best peptides of each spectrum.

        Parameters
        ----------
        log_probability : (batch, slots, tokens), of a token in each slot.
        peptide_mass : (batch,) float64, Da, neutral, water included.
        """
        log_probability = log_probability.float().clone()
        log_probability[:, 1:, self._tokens[self._terminal]] = _NEVER
        targets = _Targets.of(peptide_mass - WATER, self._nominal, self._mass, self._terminal, self.settings)
        bound = self._bound(log_probability, targets.size)
        beam = self.settings.beam
        found = self._search(log_probability, bound, targets, beam)
        while not found.proven.all() and beam < self.settings.widest_beam:
            beam = min(8 * beam, self.settings.widest_beam)
            for rows in (~found.proven).nonzero()[:, 0].split(max(1, _MOST_STATES // beam)):
                wider = self._search(log_probability[rows], bound[:, rows], targets.select(rows), beam)
                found.put(rows, wider)
        return found

    def _bound(self, log_probability: Tensor, size: int) -> Tensor:
        """(slots + 1, batch, size): the most that a completion from each slot can score, by its nominal mass."""
        batch, slots, _ = log_probability.shape
        bound = log_probability.new_full((slots + 1, batch, size), _NEVER)
        bound[slots, :, 0] = 0.0
        for slot in reversed(range(slots)):
            here, after = bound[slot], bound[slot + 1]
            here[:, 0] = log_probability[:, slot, STOP]
            for nominal in self._nominal.unique().tolist():
                best = log_probability[:, slot, self._tokens[self._nominal == nominal]].amax(1, keepdim=True)
                first, last = max(nominal, 0), size + min(nominal, 0)
                if first >= last or (best <= _FORBIDDEN).all():
                    continue
                torch.maximum(
                    here[:, first:last], after[:, first - nominal : last - nominal] + best, out=here[:, first:last]
                )
        return bound

    def _search(self, log_probability: Tensor, bound: Tensor, targets: "_Targets", beam: int) -> Decoded:
        """One beam search; the dropped prefix of the highest bound says whether its result is proven."""
        slots, kept = log_probability.shape[1], self.settings.candidates
        states = _States.start(targets, slots, bound[0])
        best = _Best.nothing(len(bound[0]), kept, slots, bound.device)
        dropped = bound.new_full((len(bound[0]),), _NEVER)
        for slot in range(slots + 1):
            ended = (states.nominal == 0) & (states.mass.abs() <= targets.tolerance[:, None]) & states.alive
            stop = log_probability[:, slot, STOP, None] if slot < slots else 0.0
            best.add(torch.where(ended, states.score + stop, -torch.inf), states.tokens)
            if slot == slots:
                break
            states, most = self._extend(
                states, log_probability[:, slot, self._tokens], bound[slot + 1], targets, slot, beam
            )
            dropped = torch.maximum(dropped, most)
            open_bound = torch.maximum(dropped, states.bound.amax(1))
            if (best.score[:, -1] >= open_bound).all() or (open_bound <= _FORBIDDEN).all():
                break
        proven = (best.score[:, -1] >= dropped - _ROUNDING) | (dropped <= _FORBIDDEN)
        return Decoded(best.tokens, best.score, proven)

    def _extend(
        self, states: "_States", log_probability: Tensor, bound: Tensor, targets: "_Targets", slot: int, beam: int
    ) -> tuple["_States", Tensor]:
        """The best prefixes of one token more, and the bound of the best one that was dropped."""
        nominal = states.nominal[..., None] - self._nominal
        mass = states.mass[..., None] - self._mass
        modifications = states.modifications[..., None] + self._modified
        place = nominal.clamp(0, targets.size - 1)
        score = states.score[..., None] + log_probability[:, None]
        total = score + bound.gather(1, place.flatten(1)).view_as(score)
        possible = states.alive[..., None] & (nominal == place) & (total > _FORBIDDEN)
        possible &= targets.reachable(mass - nominal, place)
        if self.settings.max_modifications is not None:
            possible &= modifications <= self.settings.max_modifications
        total = total.masked_fill(~possible, _NEVER).flatten(1)
        top, chosen = total.topk(min(beam + 1, total.shape[1]), dim=1)
        dropped = top[:, beam] if top.shape[1] > beam else torch.full_like(top[:, 0], _NEVER)
        top, chosen = top[:, :beam], chosen[:, :beam]
        parent, token = chosen // len(self._tokens), chosen % len(self._tokens)
        tokens = peptides_at(states.tokens, parent)
        tokens[..., slot] = self._tokens[token]
        score, mass, nominal, modifications = (
            part.flatten(1).gather(1, chosen) for part in (score, mass, nominal, modifications)
        )
        return _States(score, mass, nominal, modifications, top, tokens), dropped


_FORBIDDEN = -5e3
_ROUNDING = 1e-3
_MOST_STATES = 1 << 16


@dataclass
class _Targets:
    """What the residues of each spectrum's peptide may weigh.

    Attributes
    ----------
    mass : (batch, targets) float64, Da; NaN where there are fewer.
    nominal : (batch, targets) int64.
    tolerance : (batch,) float64, Da.
    least_defect, most_defect : (size,) float64, Da: of all multisets of residues of a nominal mass.
    """

    mass: Tensor
    nominal: Tensor
    tolerance: Tensor
    least_defect: Tensor
    most_defect: Tensor

    @classmethod
    def of(
        cls, residue_mass: Tensor, nominal: Tensor, mass: Tensor, terminal: Tensor, settings: DecodingSettings
    ) -> "_Targets":
        tolerance = (residue_mass + WATER) * settings.tolerance_ppm * 1e-6
        shifts = ISOTOPE_SPACING * torch.arange(settings.isotope_errors + 1, device=residue_mass.device)
        shifted = (residue_mass[:, None] - shifts).clamp(min=0)
        rates = (mass - nominal)[~terminal] / nominal[~terminal]
        lowest = (shifted / (1 + rates.max())).floor() - 2
        span = int((shifted.max() * (rates.max() - rates.min())).ceil()) + 4
        nominals = (lowest[..., None] + torch.arange(span, device=residue_mass.device)).clamp(min=0).long().flatten(1)
        size = int(nominals.max()) + 2 - int(nominal.min().clamp(max=0))
        least, most = _defects(nominal[~terminal], (mass - nominal)[~terminal], size)
        return cls(shifted[..., None].expand(-1, -1, span).flatten(1), nominals, tolerance, least, most)

    @property
    def size(self) -> int:
        """One more than the highest nominal mass."""
        return len(self.least_defect)

    def select(self, rows: Tensor) -> "_Targets":
        return _Targets(self.mass[rows], self.nominal[rows], self.tolerance[rows], self.least_defect, self.most_defect)

    def reachable(self, defect: Tensor, nominal: Tensor) -> Tensor:
        """Whether residues of this nominal mass can have this mass defect; (batch, …) each."""
        slack = self.tolerance.view(-1, *[1] * (defect.dim() - 1)) + 1e-9
        return (defect >= self.least_defect[nominal] - slack) & (defect <= self.most_defect[nominal] + slack)


def _defects(nominal: Tensor, defect: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """The least and the most defect of multisets of residues, by nominal mass; +inf and -inf where there is none."""
    least, most = [0.0] + [float("inf")] * (size - 1), [0.0] + [float("-inf")] * (size - 1)
    residues = list(zip(nominal.tolist(), defect.tolist(), strict=True))
    for total in range(1, size):
        before = [(total - whole, part) for whole, part in residues if whole <= total]
        least[total] = min((least[rest] + part for rest, part in before), default=float("inf"))
        most[total] = max((most[rest] + part for rest, part in before), default=float("-inf"))
    return torch.tensor(least, device=nominal.device).double(), torch.tensor(most, device=nominal.device).double()


@dataclass
class _States:
    """Prefixes of a search.

    Attributes
    ----------
    score : (batch, beam): sum of the tokens' log-probabilities.
    mass : (batch, beam) float64, Da, still to be found.
    nominal : (batch, beam) int64, still to be found.
    modifications : (batch, beam) int64.
    bound : (batch, beam): the most that a completion can score.
    tokens : (batch, beam, slots) int64.
    """

    score: Tensor
    mass: Tensor
    nominal: Tensor
    modifications: Tensor
    bound: Tensor
    tokens: Tensor

    @classmethod
    def start(cls, targets: _Targets, slots: int, bound: Tensor) -> "_States":
        score = torch.zeros_like(targets.mass, dtype=bound.dtype)
        tokens = torch.full((*score.shape, slots), PAD, device=bound.device)
        best = bound.gather(1, targets.nominal)
        return cls(score, targets.mass, targets.nominal, torch.zeros_like(targets.nominal), best, tokens)

    @property
    def alive(self) -> Tensor:
        """(batch, beam) bool: not a place left empty."""
        return self.bound > _FORBIDDEN


@dataclass
class _Best:
    """The best finished peptides so far."""

    tokens: Tensor
    score: Tensor

    @classmethod
    def nothing(cls, batch: int, candidates: int, slots: int, device: torch.device) -> "_Best":
        tokens = torch.full((batch, candidates, slots), PAD, device=device)
        return cls(tokens, torch.full((batch, candidates), -torch.inf, device=device))

    def add(self, score: Tensor, tokens: Tensor) -> None:
        """Take in finished peptides, (batch, beam), of score -inf where one is not finished."""
        if not score.isfinite().any():
            return
        kept = self.score.shape[1]
        self.score, order = torch.cat([self.score, score], 1).topk(kept, dim=1)
        every = torch.cat([self.tokens, tokens], 1)
        self.tokens = peptides_at(every, order)
