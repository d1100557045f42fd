"""The match score: how well a peptide explains a spectrum, learned once from right and wrong peptides of one mass.

A second look of the network costs a step; this score costs a fraction of it, so that many more peptides can be
compared. Of each residue it sees whether it is modified, but not by what; of each cleavage the ions, their heights
beside those expected (`model.fragmentation`), how far their m/z lie from where they should and from where the peptide's
other ions lie, how the graph reads their peaks and which of them share one, losses and immonium ions, the cleavage's
probability in the spectrum graph, and what it and its residues add to the path score (`model.path_score`). Two
convolutions over the residues read that, in three small networks side by side; no weights of the network that answers
take part. Fitted by ``python -m benchmarks.match_score``.
"""

from pathlib import Path
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.chemistry import CARBON_MONOXIDE, ION_SERIES, PROTON, WATER, fragment_mz
from data.vocabulary import PAD, Vocabulary
from model.evidence import MassEvidence, SpectrumIndex
from model.fragmentation import Fragmentation, closeness, correlation, fitted
from model.internal_fragments import SLOT_FEATURES as INTERNAL_SLOT_FEATURES
from model.internal_fragments import WHOLE_FEATURES as INTERNAL_WHOLE_FEATURES
from model.internal_fragments import beside_internal
from model.ion_peaks import LOSSES, IonPeaks, peaks_at, readings_at
from model.peak_lookup import nearest_distance
from model.tensor_file import fitted_weights

WEIGHTS_FILE = Path(__file__).with_suffix(".safetensors")

_PER_ION = 10
SLOT_FEATURES = len(ION_SERIES) * _PER_ION + len(LOSSES) + 1 + 2 + 1 + INTERNAL_SLOT_FEATURES
HEIGHTS, POSTERIOR = slice(len(ION_SERIES)), len(ION_SERIES) * _PER_ION + len(LOSSES) + 2
"""Where among them stand the heights of ions, and the logarithm of the cleavage's probability."""
INTERNAL = 21
WHOLE_FEATURES = INTERNAL + INTERNAL_WHOLE_FEATURES
"""Of the whole peptide; and where what internal fragments say begins among them."""
_POSITIONS = 3
_PRECURSOR_PPM = 20.0
_MEMBERS, _WIDTH = 3, 48
"""Networks side by side, whose scores are averaged: each errs in its own way; and how wide each is."""
_FARTHEST = 10.0
_PATH_WEIGHT = 0.25
"""Of the path score beside the match score: with none of it, fewer right peptides were found."""
_LEAST_NODE_DA = 0.012
"""Within which a node of the graph is that of a cleavage: the precursor's error counts, too."""


class MatchScore(nn.Module):
    """Scores of peptides, to be compared among those of one spectrum.

    Parameters
    ----------
    vocabulary : whose tokens peptides consist of.
    expected : tells the heights of ions; None: with the weights of the package.
    """

    slot_features = SLOT_FEATURES
    whole_features = WHOLE_FEATURES
    mean: Tensor
    deviation: Tensor

    def __init__(self, vocabulary: Vocabulary, expected: Fragmentation | None = None) -> None:
        super().__init__()
        self.expected = expected or fitted(vocabulary)
        self.register_buffer("mean", torch.zeros(self.whole_features))
        self.register_buffer("deviation", torch.ones(self.whole_features))
        width = _MEMBERS * _WIDTH
        self.seen = nn.Linear(self.slot_features + self.expected.kind.shape[1] + _POSITIONS, width)
        self.around = nn.ModuleList(nn.Conv1d(width, width, 3, padding=1, groups=_MEMBERS) for _ in range(2))
        self.whole = nn.Linear(self.whole_features, width)
        self.both = nn.Conv1d(3 * width, width, 1, groups=_MEMBERS)
        self.score = nn.Conv1d(width, _MEMBERS, 1, groups=_MEMBERS)
        self.linear = nn.Linear(self.whole_features, _MEMBERS, bias=False)

    @property
    def weights(self) -> dict[str, Tensor]:
        """What is fitted, by name."""
        return {name: weight for name, weight in self.state_dict().items() if not name.startswith("expected.")}

    def with_weights(self, weights_file: Path) -> Self:
        """This score with the weights that the package brings, not to be trained."""
        self.load_state_dict(self.state_dict() | fitted_weights(weights_file))
        return self.eval().requires_grad_(False)

    def forward(self, tokens: Tensor, slot: Tensor, whole: Tensor) -> Tensor:
        """Scores of peptides, (batch, peptides); arguments as `by_member`."""
        return self.by_member(tokens, slot, whole).mean(-1)

    def by_member(self, tokens: Tensor, slot: Tensor, whole: Tensor) -> Tensor:
        """Scores of peptides by each of the networks.

        Parameters
        ----------
        tokens : (batch, peptides, slots) int64, ``PAD`` behind the last residue.
        slot, whole : as `features`.

        Returns
        -------
        (batch, peptides, members).
        """
        is_token = (tokens != PAD).float()[..., None]
        length, place = is_token.sum(-2, keepdim=True), is_token.cumsum(-2)
        places = [place / 10, (length - place) / 10, place / length.clamp(min=1)]
        x = torch.cat([slot, self.expected.kind[tokens], *places], -1).flatten(0, 1)
        is_token = is_token.flatten(0, 1)
        x = functional.silu(self.seen(x)) * is_token
        for layer in self.around:
            x = (x + functional.silu(layer(x.mT)).mT) * is_token
        mean = x.sum(1) / is_token.sum(1).clamp(min=1)
        most = (x - _FARTHEST * (1 - is_token)).amax(1)
        whole = ((whole - self.mean) / self.deviation).clamp(-_FARTHEST, _FARTHEST).flatten(0, 1)
        parts = [part.unflatten(-1, (_MEMBERS, _WIDTH)) for part in (mean, most, functional.silu(self.whole(whole)))]
        both = functional.silu(self.both(torch.cat(parts, -1).flatten(1)[..., None]))
        scores: Tensor = (self.score(both)[..., 0] + self.linear(whole)).unflatten(0, tokens.shape[:2])
        return scores

    @torch.no_grad()
    def features(
        self,
        evidence: MassEvidence,
        index: SpectrumIndex,
        path: Tensor,
        tokens: Tensor,
        expected: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What speaks for and against peptides.

        Parameters
        ----------
        index : of a batch of spectra.
        path : (batch, peptides, slots), what each slot adds to the path score.
        tokens : (batch, peptides, slots) int64.
        expected : (sources, batch, peptides, slots, series), heights of their ions; None: they are asked for.

        Returns
        -------
        slot : (batch, peptides, slots, slot_features) float32.
        whole : (batch, peptides, whole_features) float32.
        """
        prefix = evidence.masses[tokens].cumsum(-1)
        asked = evidence.possible_ions(index, tokens)
        # y ions by the peptide's own mass: what is off in the precursor's would be far off where they are light
        mz = torch.stack([fragment_mz(prefix, prefix[..., -1:] + WATER, series) for series in ION_SERIES], -1)
        peaks = peaks_at(evidence, index, mz.float())
        peaks = peaks._replace(height=peaks.height * asked, error=peaks.error * asked)
        height, error, _ = peaks
        shared = _shared(peaks, index.mz.shape[1])
        trust = height.sqrt()
        offset = _mean(error, trust)
        beside = (error - offset[..., None, None]) * (height > 0)
        if expected is None:
            expected = self.heights(index, tokens)
        expected = _to_scale(expected, height, asked)
        losses = torch.stack([mz[..., series] - loss for series, loss in LOSSES], -1)
        lost = peaks_at(evidence, index, losses.float()).height * asked[..., :1]
        immonium = evidence.masses[tokens] - CARBON_MONOXIDE + PROTON
        small = peaks_at(evidence, index, immonium.float()[..., None]).height * (tokens != PAD)[..., None]
        within = evidence.narrow_da_at(prefix.float(), index.deviation_ppm).clamp(min=_LEAST_NODE_DA)
        posterior = evidence.posterior(index, prefix, within) * evidence.is_cleavage(tokens)[..., None]
        read = readings_at(index, peaks)
        per_ion = [height, error, beside, asked.float(), (height > 0).float(), *expected.float(), *read, shared]
        off = self.off_expected(height, expected, asked)
        explained = _explained(evidence, index, mz.float().masked_fill(~asked, torch.inf))
        internal, of_internal = beside_internal(evidence, index, tokens, ~explained)
        slot = torch.cat([*per_ion, lost, small, posterior, path[..., None], internal, *off], -1)
        ions = height, beside, expected, asked, shared
        whole = self._whole(evidence, index, tokens, ions, explained, posterior, path)
        whole = torch.cat([whole, of_internal], -1)
        return self.beside_others(evidence, tokens, slot.float(), whole.float())

    @torch.no_grad()
    def compare(
        self,
        evidence: MassEvidence,
        index: SpectrumIndex,
        path: Tensor,
        tokens: Tensor,
        expected: Tensor | None = None,
    ) -> Tensor:
        """(batch, peptides): scores with a part of the path scores, −inf for empty peptides; as `features`."""
        with torch.autocast(tokens.device.type, enabled=False):
            score = self(tokens, *self.features(evidence, index, path, tokens, expected))
            compared: Tensor = score + _PATH_WEIGHT * path.sum(2)
        return compared.masked_fill((tokens == PAD).all(2), -torch.inf)

    def heights(self, index: SpectrumIndex, tokens: Tensor) -> Tensor:
        """(sources, batch, peptides, slots, series): those that are expected of the ions of peptides."""
        charge = index.charge.repeat_interleave(tokens.shape[1])
        expected: Tensor = self.expected(tokens.flatten(0, 1), charge)
        return expected.view(len(expected), *tokens.shape, -1)

    def off_expected(self, height: Tensor, expected: Tensor, asked: Tensor) -> list[Tensor]:
        """Further features of ions, none here; heights in one scale, (..., batch, peptides, slots, series)."""
        return []

    def beside_others(
        self, evidence: MassEvidence, tokens: Tensor, slot: Tensor, whole: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Features, and further ones of each peptide beside the others of its spectrum, none here."""
        return slot, whole

    def _whole(
        self,
        evidence: MassEvidence,
        index: SpectrumIndex,
        tokens: Tensor,
        ions: tuple[Tensor, ...],
        explained: Tensor,
        posterior: Tensor,
        path: Tensor,
    ) -> Tensor:
        height, beside, expected, asked, shared = ions
        charge, score = index.charge, path.sum(2)
        cleaved = evidence.is_cleavage(tokens)
        count = cleaved.sum(2).clamp(min=1)
        found = height > 0
        logarithm = posterior[..., 1]
        off = evidence.masses[tokens].sum(2) + WATER - index.peptide_mass[:, None]
        length = (tokens != PAD).sum(2)
        return torch.stack(
            [
                (found.any(-1) & cleaved).sum(2) / count,
                found.sum((2, 3)) / asked.sum((2, 3)).clamp(min=1),
                (explained * index.intensity[:, None]).sum(2) / index.intensity.sum(1).clamp(min=1e-6)[:, None],
                _mean(beside.square(), height.sqrt()),
                logarithm.sum(2) / count,
                logarithm.masked_fill(~cleaved, 1.0).amin(2),
                off.abs() / (index.peptide_mass[:, None] * 1e-6 * _PRECURSOR_PPM),
                length / 10,
                *(alike(heights, height, asked) for heights in expected for alike in (closeness, correlation)),
                *(((charge == number)[:, None]).expand_as(length) for number in (1, 2, 3)),
                (charge > 3)[:, None].expand_as(length),
                (index.peptide_mass[:, None] / 2000).expand_as(length),
                (shared * found).sum((2, 3)) / found.sum((2, 3)).clamp(min=1),
                index.deviation_ppm.log()[:, None].expand_as(length),
                score / 10,
                score / length.clamp(min=1),
            ],
            -1,
        )


def _shared(peaks: IonPeaks, count: int) -> Tensor:
    """How many other ions of the same peptide, (batch, peptides, slots, series), lie at the peak of each."""
    there, position = (peaks.height > 0).flatten(2), peaks.position.flatten(2)
    uses = peaks.height.new_zeros(*there.shape[:2], count).scatter_add(2, position, there.to(peaks.height.dtype))
    return ((uses.gather(2, position) - 1).clamp(min=0) * there).view(peaks.height.shape)


def _to_scale(expected: Tensor, height: Tensor, asked: Tensor) -> Tensor:
    """Expected heights, (sources, batch, peptides, slots, series), times what brings them nearest to those found."""
    own, shared = ((expected * other * asked).sum((-2, -1), keepdim=True) for other in (expected, height))
    return expected * shared / own.clamp(min=1e-6)


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """(batch, peptides): weighted mean over the ions, (batch, peptides, slots, series)."""
    return (values * weight).sum((2, 3)) / weight.sum((2, 3)).clamp(min=1e-6)


def _explained(evidence: MassEvidence, index: SpectrumIndex, mz: Tensor) -> Tensor:
    """(batch, peptides, peaks): whether peaks lie at ions, (batch, peptides, slots, series)."""
    ions = mz.flatten(2).sort(dim=2).values
    peaks = index.mz.clamp(max=1e5)
    query = peaks[:, None].expand(-1, ions.shape[1], -1)
    distance = nearest_distance(ions.flatten(0, 1), query.flatten(0, 1)).view(query.shape)
    return distance <= evidence.narrow_da_at(peaks, index.deviation_ppm)[:, None]


def fitted_match_score(vocabulary: Vocabulary) -> MatchScore:
    """The score with the weights of the package, fitted by ``python -m benchmarks.match_score``."""
    return MatchScore(vocabulary).with_weights(WEIGHTS_FILE)
