"""Peptides as a FASTA database: each once, the most probable first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from data.peptide_parts import take_apart
from data.predictions import Prediction


@dataclass(slots=True)
class _Found:
    """How often a peptide was read, and its highest probability."""

    spectra: int = 0
    probability: float = 0.0


def write_fasta(predictions: Iterable[Prediction]) -> Iterator[str]:
    """The lines; L stands for I or L, modifications are left out, and so are peptides with a gap."""
    found: dict[str, _Found] = {}
    for prediction in predictions:
        parts = take_apart(prediction.peptidoform)
        if not parts.has_gap:
            entry = found.setdefault(parts.residues.replace("I", "L"), _Found())
            entry.spectra += 1
            entry.probability = max(entry.probability, prediction.peptide_score)
    order = sorted(found, key=lambda residues: (-found[residues].probability, residues))
    for number, residues in enumerate(order, start=1):
        entry = found[residues]
        yield f">denovo_{number} probability={entry.probability:.4f} spectra={entry.spectra}"
        yield residues
