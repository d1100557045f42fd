"""The carry: a training batch whose rows have different ages, each replaced when finished or too old.

After TRM's training loop (Jolicoeur-Martineau 2025): a row keeps its answer and latent state between updates, so a
few steps with gradient an update are enough to train many steps of recursion.
"""

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from data.vocabulary import PAD
from model.evidence import SpectrumIndex
from model.recursion import Network, State
from model.rows import Rows
from model.settings import StageSettings
from model.spectra import Spectra, to_spectra
from model.teacher import Teacher


@dataclass
class Carry:
    """The rows under training.

    Attributes
    ----------
    spectra, index : of the rows.
    target : (batch, slots) int64: tokens, one stop, padding.
    gap_mass : (batch, slots) float64, Da, of the gaps among the targets.
    state : the recursion's memory of each row.
    finished : (batch,) bool: rows to replace before the next update.
    measured : (batch,) bool: no synthetic spectra.
    teacher : (batch, slots, tokens) float32, what a teacher holds probable; no tokens where there is none.
    """

    spectra: Spectra
    index: SpectrumIndex
    target: Tensor
    gap_mass: Tensor
    state: State
    finished: Tensor
    measured: Tensor
    teacher: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name, for a checkpoint."""
        parts: dict[str, Spectra | SpectrumIndex | State]
        parts = {"spectra": self.spectra, "index": self.index, "state": self.state}
        named = {f"{part}.{f.name}": getattr(value, f.name) for part, value in parts.items() for f in fields(value)}
        whole = ("target", "gap_mass", "finished", "measured", "teacher")
        return named | {name: getattr(self, name) for name in whole}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Carry":
        """The inverse of ``tensors``."""

        def part(name: str) -> dict[str, Tensor]:
            return {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{name}.")}

        return cls(
            Spectra(**part("spectra")),
            SpectrumIndex(**part("index")),
            tensors["target"],
            tensors["gap_mass"],
            State(**part("state")),
            tensors["finished"],
            tensors["measured"],
            tensors["teacher"],
        )

    def select(self, rows: Tensor) -> "Carry":
        """Some of the rows."""
        return Carry.from_tensors({name: tensor[rows] for name, tensor in self.tensors().items()})

    def put(self, places: Tensor, other: "Carry") -> None:
        """Let the rows at these places be the other's."""
        new = other.tensors()
        for name, tensor in self.tensors().items():
            tensor[places] = new[name].to(tensor.dtype)


def begin(
    rows: Rows, network: Network, stage: StageSettings, peak_columns: int, device: str, teacher: Teacher | None = None
) -> Carry:
    """New rows with the states that they start from.

    Parameters
    ----------
    peak_columns : of the peaks, the same for all rows of a training.
    """
    spectra = to_spectra(rows.peaks, peak_columns, device)
    index = network.index(spectra, doubly_charged=stage.doubly_charged)
    first = torch.from_numpy(rows.first).to(device)
    empty = (first == PAD).all(1).nonzero()[:, 0]
    if len(empty):
        first[empty] = network.first_answer(index.select(empty), first.shape[1])
    gap_mass = torch.from_numpy(rows.gap_mass).to(device)
    return Carry(
        spectra=spectra,
        index=index,
        target=torch.from_numpy(rows.target).to(device),
        gap_mass=gap_mass,
        state=network.look_again(first, gap_mass, torch.from_numpy(rows.age).to(device)),
        finished=torch.zeros(len(first), dtype=torch.bool, device=device),
        measured=torch.from_numpy(rows.measured).to(device),
        teacher=teacher.probabilities(spectra, first.shape[1])
        if teacher
        else torch.empty(*first.shape, 0, device=device),
    )
