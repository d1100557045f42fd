"""Peak readings: how probable it is that a peak is a b or a y ion, of one charge or of two, from what lies around it.

What lies around a peak are its rank, its complement, its isotopes, its losses, its other charge, peaks one residue up
and down, and whether residues can weigh what lies on either side; Novor's trees (Ma 2015, J. Am. Soc. Mass Spectrom.
26:1885) and PepNovo's network (Frank & Pevzner 2005, Anal. Chem. 77:964) ask such questions. One small network a
reading answers them, fitted by ``python -m benchmarks.spectrum_graph`` to measured and to predicted spectra.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.chemistry import AMMONIA, CARBON_MONOXIDE, ISOTOPE_SPACING, PROTON, WATER, neutral_mass
from data.vocabulary import GAP, STOP, Vocabulary
from model.peak_lookup import strongest_within
from model.residue_strings import CARBAMIDOMETHYL, GRID_DA, NOMINAL_DA, StringTables, string_tables, table_at
from model.tensor_file import fitted_weights

WEIGHTS_FILE = Path(__file__).with_suffix(".safetensors")

READINGS = ((0, 1), (1, 1), (0, 2), (1, 2))
"""Of a peak: terminus (0 b, 1 y) and charge."""

FEATURES = 63
"""Of a reading of a peak, as `PeakReader.features`."""

HIDDEN = 64

_PRECURSOR_PPM = 4.0
"""By which the precursor's mass is off at most, as a rule."""
_LEAST_PIECE_DA = 40.0
_USUAL = (CARBAMIDOMETHYL, "M[UNIMOD:35]")
"""Modified residues among those that a peak is followed by."""
_NEIGHBOURHOOD_DA = 50.0
_STRONG = 0.3
"""Of a peak's height, above which a peak one residue away counts as strong."""
_LEAST_RATIO = 1e-3
_EXACT_END = 20.0
"""Ratio of likelihoods of a C-terminal lysine or arginine alone."""
_TABLES = ("log_first", "log_inner", "log_tryptic")
_LAYERS = ("mean", "deviation", "first", "first_bias", "second", "second_bias", "last", "last_bias")


@dataclass(frozen=True)
class _Peaks:
    """A batch of spectra as the look-ups need it; shapes as in `PeakReader.features`."""

    mz: Tensor
    intensity: Tensor
    peptide_mass: Tensor
    charge: Tensor
    tolerance_da: Tensor

    def at(self, query: Tensor) -> Tensor:
        """Height of the peak at each m/z, (batch, peaks)."""
        return self.near(query[..., None])[0][..., 0]

    def near(self, query: Tensor, more_da: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Heights of the peaks at m/z, (batch, peaks, queries), and how near they lie, 1 exact.

        Parameters
        ----------
        more_da : (batch,), by which they may lie farther off.
        """
        tolerance = self.tolerance_da if more_da is None else self.tolerance_da + more_da[:, None].float()
        tolerance = tolerance[..., None].expand_as(query).flatten(1)
        keys = self.mz.float().contiguous()
        found = strongest_within(keys, self.intensity, query.float().flatten(1).contiguous(), tolerance)
        closeness = (1 - found.distance / tolerance) * (found.value > 0)
        return found.value.view(query.shape), closeness.view(query.shape)


class PeakReader(nn.Module):
    """Logits of all readings of the peaks of spectra; its weights are the package's, no network's.

    Parameters
    ----------
    vocabulary : whose residues peptides consist of.
    """

    residues: Tensor
    log_first: Tensor
    log_inner: Tensor
    log_tryptic: Tensor
    mean: Tensor
    deviation: Tensor
    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor
    last: Tensor
    last_bias: Tensor

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        tokens = [
            number
            for number in range(STOP + 1, GAP)
            if not vocabulary.is_terminal[number]
            and (not vocabulary.tokens[number].is_modified or vocabulary.tokens[number].text in _USUAL)
        ]
        masses = torch.as_tensor(vocabulary.masses)
        self.register_buffer("residues", masses[tokens].unique(), persistent=False)
        tables = StringTables(*(table[0] for table in string_tables(vocabulary)))
        tryptic = torch.zeros_like(tables.inner)
        for number in tokens:
            if vocabulary.tokens[number].text in ("K", "R"):
                place = round(float(masses[number]) / GRID_DA)
                tryptic[place:] += tables.inner[:-place]
                tryptic[place - 4 : place + 5] += _EXACT_END
        for name, table in zip(_TABLES, (tables.first, tables.inner, tryptic), strict=True):
            self.register_buffer(name, (table + _LEAST_RATIO).log10(), persistent=False)
        for name in _LAYERS:
            self.register_buffer(name, fitted_weights(WEIGHTS_FILE)[name], persistent=False)

    @property
    def weights(self) -> dict[str, Tensor]:
        """What is fitted, by name."""
        return {name: getattr(self, name) for name in _LAYERS}

    def forward(
        self, mz: Tensor, intensity: Tensor, peptide_mass: Tensor, charge: Tensor, tolerance_da: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Where each reading of each peak places a cleavage, and how probable it is; arguments as `features`.

        Returns
        -------
        mass : (batch, readings, peaks) float64, Da: prefix mass of the cleavage; +inf where the reading is impossible.
        logit : (batch, readings, peaks) float32.
        possible : (batch, readings, peaks) bool.
        """
        mass, feature, possible = self.features(mz, intensity, peptide_mass, charge, tolerance_da)
        with torch.autocast(mz.device.type, enabled=False):
            return mass, self.logits(feature), possible

    def logits(self, feature: Tensor) -> Tensor:
        """Of features, (..., readings, peaks, FEATURES) to (..., readings, peaks)."""
        hidden = functional.silu(((feature - self.mean) / self.deviation) @ self.first + self.first_bias)
        hidden = functional.silu(hidden @ self.second + self.second_bias)
        logit: Tensor = (hidden @ self.last + self.last_bias)[..., 0]
        return logit

    @torch.no_grad()
    def features(
        self, mz: Tensor, intensity: Tensor, peptide_mass: Tensor, charge: Tensor, tolerance_da: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What speaks for and against each reading of each peak.

        Parameters
        ----------
        mz : (batch, peaks) float64, Th, ascending, padded with +inf.
        intensity : (batch, peaks) float32, root-scaled, base peak = 1.
        peptide_mass : (batch,) float64, Da, water included.
        charge : (batch,) int64.
        tolerance_da : (batch, peaks), within which two peaks are at the same m/z.

        Returns
        -------
        mass, possible : as `forward`.
        feature : (batch, readings, peaks, FEATURES) float32.
        """
        peaks = _Peaks(mz, intensity, peptide_mass, charge, tolerance_da)
        isotopes = {z: [peaks.at(mz + side * ISOTOPE_SPACING / z) for side in (1, -1)] for z in (1, 2, 3)}
        of_peak = [*_of_peaks(peaks), isotopes[3][0] > 0]
        # all but where the cleavage lies is the same of a b and of a y ion
        ladders = {z: self._ladder(peaks, z) for z in (1, 2)}
        around = {
            z: [*_partners(peaks, z), *_losses(peaks, z), *_isotopes(intensity, isotopes[z], isotopes[3 - z])]
            for z in (1, 2)
        }
        masses, features, possible = [], [], []
        for terminus, fragment_charge in READINGS:
            neutral = neutral_mass(mz, fragment_charge)
            prefix = peptide_mass[:, None] - neutral if terminus else neutral
            suffix = peptide_mass[:, None] - WATER - prefix
            fits = (intensity > 0) & (prefix > _LEAST_PIECE_DA) & (suffix > _LEAST_PIECE_DA)
            fits &= (charge > fragment_charge)[:, None] | (fragment_charge == 1)
            columns = [
                *of_peak,
                *ladders[fragment_charge],
                *self._strings(prefix, suffix),
                *around[fragment_charge],
                *_places(prefix, suffix, neutral),
            ]
            masses.append(torch.where(fits, prefix, torch.inf))
            features.append(torch.stack([column.float() for column in columns], -1))
            possible.append(fits)
        return torch.stack(masses, 1), torch.stack(features, 1), torch.stack(possible, 1)

    def _ladder(self, peaks: _Peaks, charge: int) -> list[Tensor]:
        """Of the peaks one residue up and down: the highest, how many, how many high ones, and how near they lie."""
        columns = []
        for side in (1, -1):
            height, closeness = peaks.near(peaks.mz[..., None] + side * self.residues / charge)
            strong = height > _STRONG * peaks.intensity[..., None]
            columns += [height.amax(-1), (height > 0).sum(-1) / 4, strong.sum(-1) / 4]
            columns += [closeness.amax(-1), (height * closeness).amax(-1)]
        return columns

    def _strings(self, prefix: Tensor, suffix: Tensor) -> list[Tensor]:
        """Whether residues can weigh what lies before and behind the cleavage; behind it, also such as end with K, R.

        A side that is longer than the tables counts as possible.
        """
        columns = []
        for table, mass in ((self.log_first, prefix), (self.log_inner, suffix), (self.log_tryptic, suffix)):
            known = (mass > 0) & (mass < (len(table) - 1) * GRID_DA)
            columns.append(torch.where(known, table_at(table, mass.masked_fill(~known, 0.0)), 1.0))
        return columns


def _of_peaks(peaks: _Peaks) -> list[Tensor]:
    """Of each peak, however it is read: height, rank in the spectrum and nearby, m/z, charge and mass of the whole."""
    intensity, mz = peaks.intensity, peaks.mz.float().nan_to_num(0.0, 0.0, 0.0)
    is_peak = intensity > 0
    count = is_peak.sum(1, keepdim=True)
    rank = intensity.argsort(1, descending=True).argsort(1) / count.clamp(min=1)
    near = ((mz[:, :, None] - mz[:, None]).abs() < _NEIGHBOURHOOD_DA) & is_peak[:, None]
    higher = (near & (intensity[:, None] > intensity[..., None])).sum(2)
    precursor = (peaks.peptide_mass / peaks.charge + PROTON).float()[:, None]
    return [
        intensity,
        intensity.square(),
        intensity.clamp(min=1e-3).log() / 3,
        rank.clamp(max=1),
        higher.clamp(max=20) / 10,
        near.sum(2) / 20,
        mz / 1000,
        (mz / precursor).clamp(max=3),
        mz > precursor,
        (mz - precursor).abs() < 1,
        (count / 150).expand_as(mz),
        (peaks.peptide_mass / 2000)[:, None].expand_as(mz),
        *((peaks.charge == charge)[:, None].expand_as(mz) for charge in (1, 2, 3)),
        (peaks.charge > 3)[:, None].expand_as(mz),
    ]


def _partners(peaks: _Peaks, charge: int) -> list[Tensor]:
    """The complement, of one charge and of two, and the same ion of the other charge."""
    neutral = neutral_mass(peaks.mz, charge)
    rest = peaks.peptide_mass[:, None] - neutral
    more_da = peaks.peptide_mass * (1e-6 * _PRECURSOR_PPM)
    height, closeness = peaks.near(torch.stack([rest + PROTON, rest / 2 + PROTON], -1), more_da)
    same = peaks.at(neutral / (3 - charge) + PROTON)
    return [*height.unbind(-1), *(height > 0).unbind(-1), *closeness.unbind(-1), same, same > 0]


def _losses(peaks: _Peaks, charge: int) -> list[Tensor]:
    """What is a loss of the peak, and what the peak is a loss of."""
    losses = torch.tensor([WATER, AMMONIA, CARBON_MONOXIDE], dtype=torch.float64, device=peaks.mz.device) / charge
    lighter, _ = peaks.near(peaks.mz[..., None] - losses)
    heavier, _ = peaks.near(peaks.mz[..., None] + losses)
    higher = heavier > peaks.intensity[..., None]
    return [column for group in (lighter, lighter > 0, heavier, higher) for column in group.unbind(-1)]


def _isotopes(intensity: Tensor, own: list[Tensor], other: list[Tensor]) -> list[Tensor]:
    """Peaks where the next and the previous isotope would be, by the reading's charge and by the other."""
    ratios = [(height / (intensity + 1e-3)).clamp(max=3) for height in own]
    return [*own, *other, *(height > 0 for height in (*own, *other)), *ratios]


def _places(prefix: Tensor, suffix: Tensor, neutral: Tensor) -> list[Tensor]:
    """Where in the peptide the cleavage lies, and how far the mass is from a whole number of units."""
    share = (prefix / (prefix + suffix)).nan_to_num(0.0, 0.0, 0.0).clamp(0, 1)
    mass = neutral.nan_to_num(0.0, 0.0, 0.0).clamp(0, 5000)
    return [share, share.square(), mass % NOMINAL_DA - 0.5]
