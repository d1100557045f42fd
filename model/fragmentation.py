"""Fragmentation: how high the b and y ions of a peptide stand, learned once from predicted and measured spectra.

A candidate explains a spectrum better where its ions are high that should be high: proline's y ions, not those behind
glycine. The network's evidence tells whether an ion is there, not whether so high a one is to be expected. The
predictor sees residues, whether they are modified but not by what, and charge. It tells two heights of each ion, as
MS2PIP predicts it (Degroeve & Martens 2013) and as it was measured; what is common to both it learns from the many
predicted spectra. With 29,960 weights it knows no peptide by heart.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from data.chemistry import ION_SERIES
from data.vocabulary import GAP, PAD, Vocabulary
from model.evidence import MassEvidence, SpectrumIndex
from model.tensor_file import fitted_weights

WEIGHTS_FILE = Path(__file__).with_suffix(".safetensors")

_LETTERS = "GASPVTCLNDQEMHFRKYW"
_BASIC = "KRH"
_CHARGES = 4
_WIDTH = 48
_REACH = 5
"""Residues that a layer sees at once: two layers reach four to each side."""
_PER_TOKEN = len(_LETTERS) + 2
INPUTS = _PER_TOKEN + 6 + _CHARGES

PREDICTED, MEASURED = 0, 1
"""Whose heights are told."""
_SOURCES = 2
_COUNT_SCALE = 3
_LEAST_MISSING = 0.002
"""Of a cosine to 1: nearer than that says no more."""


class Fragmentation(nn.Module):
    """Expected intensities of the ions of peptides.

    Parameters
    ----------
    vocabulary : whose tokens peptides consist of.
    """

    kind: Tensor
    basic: Tensor

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        kind = torch.zeros(len(vocabulary), _PER_TOKEN)
        for number, token in enumerate(vocabulary.tokens):
            if token.residue in _LETTERS and token.residue:
                kind[number, _LETTERS.index(token.residue)] = 1
            kind[number, -2], kind[number, -1] = token.is_modified, token.is_terminal
        self.register_buffer("kind", kind, persistent=False)
        is_basic = torch.tensor([token.residue in tuple(_BASIC) for token in vocabulary.tokens])
        self.register_buffer("basic", is_basic.float(), persistent=False)
        self.before = nn.Conv1d(INPUTS, _WIDTH, _REACH, padding=_REACH // 2)
        self.between = nn.Conv1d(_WIDTH, _WIDTH, _REACH, padding=_REACH // 2)
        self.sides = nn.Linear(2 * _WIDTH + INPUTS + 2 * _PER_TOKEN, _WIDTH)
        self.further = nn.Linear(_WIDTH, _WIDTH)
        self.height = nn.Linear(_WIDTH, _SOURCES * len(ION_SERIES))

    def forward(self, tokens: Tensor, charge: Tensor) -> Tensor:
        """Root intensities up to a factor of each spectrum.

        Parameters
        ----------
        tokens : (batch, slots) int64, ``PAD`` behind the peptide.
        charge : (batch,) int64, of the precursor.

        Returns
        -------
        (sources, batch, slots, series) float32, ``PREDICTED`` and ``MEASURED``, of the ions of the cleavage behind each
        slot, in the order of ``ION_SERIES``.
        """
        is_token = (tokens != PAD).float()[..., None]
        inputs = self.inputs(tokens, charge) * is_token
        kind = self.kind[tokens] * is_token
        before = kind.cumsum(1)
        counts = before / _COUNT_SCALE, (kind.sum(1, keepdim=True) - before) / _COUNT_SCALE
        hidden = functional.gelu(self.before(inputs.mT)) * is_token.mT
        hidden = (hidden + functional.gelu(self.between(hidden))).mT * is_token
        behind = functional.pad(hidden[:, 1:], (0, 0, 0, 1))
        sides = functional.gelu(self.sides(torch.cat([hidden, behind, inputs, *counts], -1)))
        sides = sides + functional.gelu(self.further(sides))
        heights: Tensor = functional.softplus(self.height(sides)).unflatten(-1, (_SOURCES, -1))
        return heights.movedim(-2, 0)

    def inputs(self, tokens: Tensor, charge: Tensor) -> Tensor:
        """(batch, slots, INPUTS): the residue, where it stands, where protons may sit, and how many there are."""
        is_token = (tokens != PAD).float()
        length = is_token.sum(1, keepdim=True).clamp(min=1)
        left = is_token.cumsum(1)
        basic = self.basic[tokens]
        places = [
            is_token,
            left / length,
            left / 10,
            (length - left) / 10,
            basic.cumsum(1) / 3,
            (basic.sum(1, keepdim=True) - basic.cumsum(1)) / 3,
        ]
        charges = functional.one_hot(charge.clamp(1, _CHARGES) - 1, _CHARGES).float()
        return torch.cat(
            [self.kind[tokens], torch.stack(places, -1), charges[:, None].expand(-1, tokens.shape[1], -1)], -1
        )


def likeness(expected: Tensor, observed: Tensor, asked: Tensor) -> Tensor:
    """Cosine of expected and observed root intensities of the ions asked for; (..., slots, series) to (...)."""
    expected, observed = (values.masked_fill(~asked, 0.0).flatten(-2) for values in (expected, observed))
    return functional.cosine_similarity(expected, observed, dim=-1)


def closeness(expected: Tensor, observed: Tensor, asked: Tensor) -> Tensor:
    """Minus the logarithm of what `likeness` misses to 1: from 0.98 to 0.99 is as far as from 0.6 to 0.8."""
    return -(1 + _LEAST_MISSING - likeness(expected, observed, asked)).log()


def correlation(expected: Tensor, observed: Tensor, asked: Tensor) -> Tensor:
    """Pearson's, as `likeness`: how high and how low the ions stand beside one another, whatever their mean."""
    count = asked.sum((-2, -1), keepdim=True).clamp(min=1)
    centred = [
        values - values.masked_fill(~asked, 0.0).sum((-2, -1), keepdim=True) / count for values in (expected, observed)
    ]
    return likeness(centred[0], centred[1], asked)


def observed_ions(
    evidence: MassEvidence, index: SpectrumIndex, tokens: Tensor, gap_mass: Tensor | float = 0.0
) -> tuple[Tensor, Tensor]:
    """What a spectrum shows where the ions of peptides would be, and which ions they can have.

    Parameters
    ----------
    index : of a batch of spectra.
    tokens : (batch, ..., slots) int64, ``PAD`` behind the peptide.
    gap_mass : Da, of the gaps among them.

    Returns
    -------
    observed, asked : (batch, ..., slots, series): root intensity; whether the cleavage and the charge are possible.
    """
    prefix = (evidence.masses[tokens] + gap_mass * (tokens == GAP)).cumsum(-1)
    return evidence.ions(index, prefix).intensity.float(), evidence.possible_ions(index, tokens)


def fitted(vocabulary: Vocabulary) -> Fragmentation:
    """The predictor with the weights of the package, fitted by ``python -m benchmarks.fragmentation``."""
    predictor = Fragmentation(vocabulary)
    predictor.load_state_dict(fitted_weights(WEIGHTS_FILE))
    return predictor.eval().requires_grad_(False)
