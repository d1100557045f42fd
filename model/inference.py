"""Inference: spectra in, peptides with scores out, in the order they came."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from data.chemistry import WATER
from data.chemistry import precursor_mz as mz_of_mass
from data.errors import InputError
from data.peaks import PeakBatch
from data.predictions import Prediction
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.vocabulary import PAD
from model.checkpoint import autocast, load_network
from model.hypothesis import Hypothesis
from model.offering import offer
from model.recursion import EncodedBatch, State
from model.spectra import to_spectra

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
    offered : modified residues that the network has not met in training, ``S[UNIMOD:21]``, offered by their mass.

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
        offered: Sequence[str] = (),
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            self.network, self.preprocessing = load_network(folder, device)
        except (RuntimeError, AssertionError) as error:
            raise InputError(f"the device {device} cannot be used ({error})", remedy="Use --device cpu") from error
        if offered:
            self.network = offer(self.network, offered)
        self.vocabulary = self.network.vocabulary
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
            encoded = self.network.encode(spectra)
            state, by_step = self._refine(encoded, steps)
            hypothesis = self.network.hypothesis(encoded, state)
            if self.network.confidence is not None:
                confidence = torch.sigmoid(self.network.confidence(state.answer, state.latent))
            else:
                confidence = state.answer.softmax(-1).amax(-1)
        history = [self._texts(step) for step in by_step] if keep_steps else []
        for row, text in enumerate(self._texts(hypothesis)):
            length = int((hypothesis.tokens[row] != PAD).sum())
            scores, masses = confidence[row, :length].tolist(), hypothesis.mass[row, :length].tolist()
            peptides_by_step = tuple(step[row] for step in history)
            yield self._prediction(batch[row], text, scores, sum(masses), peptides_by_step)

    def _refine(self, encoded: EncodedBatch, steps: int | None) -> tuple[State, list[Hypothesis]]:
        """The last state, and the hypothesis after each step."""
        settings = self.network.settings
        least, most = (steps, steps) if steps is not None else (settings.steps, settings.max_steps)
        everyone = encoded
        state = self.network.start(len(encoded.mask))
        last = state.clone()
        hypothesis = self.network.hypothesis(everyone, last)
        active = torch.arange(len(encoded.mask), device=encoded.mask.device)
        by_step: list[Hypothesis] = []
        for step in range(1, most + 1):
            state = self.network(encoded, state)
            last.put(active, state)
            before, hypothesis = hypothesis, self.network.hypothesis(everyone, last)
            by_step.append(hypothesis)
            if step >= least and step < most:
                unfinished = (~self._finished(before, hypothesis, everyone, last))[active].nonzero()[:, 0]
                if len(unfinished) == 0:
                    break
                if len(unfinished) < _COMPACTION_SHARE * len(active):
                    active, state, encoded = active[unfinished], state.select(unfinished), encoded.select(unfinished)
        return last, by_step

    def _finished(self, before: Hypothesis, now: Hypothesis, encoded: EncodedBatch, state: State) -> Tensor:
        """(batch,) bool: the answer is stable, weighs what the precursor weighs, and the halting head agrees."""
        target = encoded.index.peptide_mass
        closes = (now.total_mass + WATER - target).abs() <= target * self.network.settings.closure_tolerance_ppm * 1e-6
        finished = closes & (before.tokens == now.tokens).all(1)
        if self.network.halting is not None:
            finished &= self.network.halting(state.answer, state.latent) > 0
        return finished

    def _texts(self, hypothesis: Hypothesis) -> list[str]:
        rows = zip(hypothesis.tokens.tolist(), hypothesis.mass.tolist(), strict=True)
        return [self.vocabulary.decode(tokens, masses) for tokens, masses in rows]

    def _prediction(
        self, spectrum: Spectrum, peptidoform: str, scores: list[float], residue_mass: float, by_step: tuple[str, ...]
    ) -> Prediction:
        """The answer of one spectrum; its score is the residues' mean confidence, lowered when the mass is wrong."""
        calculated_mz = ppm_error = None
        score = 0.0
        if peptidoform:
            calculated_mz = mz_of_mass(residue_mass + WATER, spectrum.precursor_charge)
            ppm_error = (spectrum.precursor_mz - calculated_mz) / calculated_mz * 1e6
            fits = abs(ppm_error) <= self.network.settings.closure_tolerance_ppm
            score = sum(scores) / len(scores) * (1.0 if fits else MASS_MISMATCH_FACTOR)
        return Prediction(
            spectrum_id=spectrum.spectrum_id,
            precursor_mz=spectrum.precursor_mz,
            precursor_charge=spectrum.precursor_charge,
            retention_time=spectrum.retention_time,
            peptidoform=peptidoform,
            residue_scores=tuple(scores),
            peptide_score=score,
            calculated_mz=calculated_mz,
            ppm_error=ppm_error,
            reference=spectrum.peptidoform,
            peptidoform_by_step=by_step,
        )
