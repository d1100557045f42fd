"""Inference: spectra in, peptides with scores out, in the order they came."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from data.chemistry import WATER, neutral_mass
from data.chemistry import precursor_mz as mz_of_mass
from data.errors import InputError
from data.peaks import PeakBatch
from data.predictions import Prediction
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.vocabulary import PAD, STOP, VOCABULARY
from model.carry import to_spectra
from model.checkpoint import autocast, load_network
from model.recursion import EncodedBatch, Spectra

MASS_MISMATCH_FACTOR = 0.5
"""Of the score of a peptide that does not weigh what the precursor weighs: it is certainly wrong somewhere."""


_COMPACTION_SHARE = 0.7
"""The batch is gathered anew when so few of its spectra are still unfinished: gathering costs time, too."""


class Sequencer:
    """A trained network, ready to sequence.

    Parameters
    ----------
    folder : of the model.
    device : ``cpu``, ``cuda`` or any that torch knows.
    threads : of the processor; None leaves torch's choice.
    batch_size : spectra at once.
    precision : of the matrix products, ``bf16``, ``fp32`` or ``auto``.

    Raises
    ------
    InputError : no usable model in the folder, or no such device.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        batch_size: int = 128,
        precision: str = "auto",
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            self.network, self.preprocessing = load_network(folder, device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"the device {device} cannot be used ({error})", remedy="Use --device cpu") from error
        self.device, self.batch_size, self.precision = device, batch_size, precision

    def sequence(
        self, spectra: Iterable[Spectrum], steps: int | None = None, *, keep_steps: bool = False
    ) -> Iterator[Prediction]:
        """One prediction a spectrum, in order.

        Parameters
        ----------
        steps : refinement steps for every spectrum. None: the network's own number, and up to ``max_steps`` for
            those whose answer is not yet stable or does not weigh what the precursor weighs.
        keep_steps : also give the answer after every step.
        """
        iterator = iter(spectra)
        while batch := list(islice(iterator, self.batch_size)):
            yield from self._sequence_batch(batch, steps, keep_steps)

    @torch.no_grad()
    def _sequence_batch(self, batch: list[Spectrum], steps: int | None, keep_steps: bool) -> Iterator[Prediction]:
        peaks = preprocess(PeakBatch.from_spectra(batch), self.preprocessing)
        spectra = to_spectra(peaks, max(1, peaks.mz.shape[1]), self.device)
        with autocast(self.device, self.precision):
            answer, by_step = self._refine(self.network.encode(spectra), spectra, steps)
        confidence, tokens = answer.softmax(-1).max(-1)
        history = [step.tolist() for step in by_step] if keep_steps else []
        for row, spectrum in enumerate(batch):
            peptides_by_step = tuple(VOCABULARY.decode(step[row]) for step in history)
            yield self._prediction(spectrum, tokens[row], confidence[row], peptides_by_step)

    def _refine(self, encoded: EncodedBatch, spectra: Spectra, steps: int | None) -> tuple[Tensor, list[Tensor]]:
        """The last answer (batch, slots, tokens), and the tokens (batch, slots) after each step."""
        settings = self.network.settings
        least, most = (steps, steps) if steps is not None else (settings.steps, settings.max_steps)
        state = self.network.start(len(spectra.charge))
        answer, tokens = state.answer.clone(), state.answer.argmax(-1)
        active = torch.arange(len(answer), device=answer.device)
        by_step: list[Tensor] = []
        for step in range(1, most + 1):
            state = self.network(encoded, state)
            answer[active] = state.answer
            before, tokens = tokens, answer.argmax(-1)
            by_step.append(tokens)
            if step >= least and step < most:
                unfinished = (~self._finished(before, tokens, spectra))[active].nonzero()[:, 0]
                if len(unfinished) == 0:
                    break
                if len(unfinished) < _COMPACTION_SHARE * len(active):
                    active, state, encoded = active[unfinished], state.select(unfinished), encoded.select(unfinished)
        return answer, by_step

    def _finished(self, before: Tensor, tokens: Tensor, spectra: Spectra) -> Tensor:
        """(batch,) bool: the answer did not change and its mass closes on the precursor's."""
        ended = ((tokens == PAD) | (tokens == STOP)).cumsum(1) > 0
        masses = torch.as_tensor(VOCABULARY.masses, device=tokens.device)
        mass = masses[tokens.masked_fill(ended, PAD)].sum(1) + WATER
        target = neutral_mass(spectra.precursor_mz, spectra.charge)
        closes = (mass - target).abs() <= target * (self.network.settings.closure_tolerance_ppm * 1e-6)
        stable = ((before == tokens) | ended).all(1)
        return closes & stable

    def _prediction(
        self, spectrum: Spectrum, tokens: Tensor, confidence: Tensor, by_step: tuple[str, ...]
    ) -> Prediction:
        """The answer of one spectrum; its score is the residues' mean confidence, lowered when the mass is wrong."""
        ids = tokens.tolist()
        length = next((slot for slot, token in enumerate(ids) if token in (PAD, STOP)), len(ids))
        ids, scores = ids[:length], confidence[:length].tolist()
        peptidoform = VOCABULARY.decode(ids)
        calculated_mz = ppm_error = None
        score = 0.0
        if peptidoform:
            mass = float(VOCABULARY.masses[ids].sum()) + WATER
            calculated_mz = mz_of_mass(mass, spectrum.precursor_charge)
            ppm_error = (spectrum.precursor_mz - calculated_mz) / calculated_mz * 1e6
            fits = abs(ppm_error) <= self.network.settings.closure_tolerance_ppm
            score = sum(scores) / length * (1.0 if fits else MASS_MISMATCH_FACTOR)
        return Prediction(
            spectrum_id=spectrum.spectrum_id,
            precursor_mz=spectrum.precursor_mz,
            precursor_charge=spectrum.precursor_charge,
            retention_time=spectrum.retention_time,
            peptidoform=peptidoform,
            residue_scores=tuple(scores) if peptidoform else (),
            peptide_score=score,
            calculated_mz=calculated_mz,
            ppm_error=ppm_error,
            reference=spectrum.peptidoform,
            peptidoform_by_step=by_step,
        )
