"""Inference: spectra in, peptides with scores out, in the order they came."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from data.chemistry import ISOTOPE_SPACING, WATER, neutral_mass
from data.chemistry import precursor_mz as mz_of_mass
from data.errors import InputError, PepTRMError
from data.open_modifications import describe_gaps
from data.peaks import PeakBatch
from data.predictions import Candidate, Prediction, ProteinMatch
from data.preprocessing import preprocess
from data.schema import Spectrum
from data.settings import PreprocessingSettings
from data.vocabulary import GAP, PAD, STOP, Vocabulary
from model.answers import Answerer, Answers, AnswerSettings
from model.calibration import Calibration
from model.checkpoint import autocast, load_network
from model.database_search import Database, best_of_database
from model.decoding import DecodingSettings
from model.evidence import SpectrumIndex
from model.hypothesis import Hypothesis, are_among
from model.memory import is_out_of_memory, release_memory
from model.offering import fix, offer
from model.recursion import EncodedBatch, Network, State
from model.spectra import to_spectra

log = logging.getLogger(__name__)

USUAL_BATCH_SIZE = 128

_COMPACTION_SHARE = 0.7
"""The batch is gathered anew when so few of its spectra are still unfinished: gathering costs time, too."""


class Sequencer:
    """A trained network, ready to sequence.

    Parameters
    ----------
    folder : of the model.
    device : ``cpu``, ``cuda`` or any that torch knows, or ``auto``, as `best_device`.
    threads : of the processor; None leaves torch's choice.
    batch_size : spectra at once; None: as many as usual, and half as many whenever memory runs out.
    precision : of the matrix products, ``bf16``, ``fp32`` or ``auto``.
    decoding : of the search for peptides of the precursor's mass; None: the defaults with the next three.
    answers : how the answer is chosen and trusted.
    offered : modified residues that the network has not met in training, ``S[UNIMOD:21]``, offered by their mass.
    fixed : modified residues that stand for all of their residue.
    max_modifications : of a peptide, beside the fixed ones.
    tolerance_ppm : of the precursor; None: the network's own.
    isotope_errors : the precursor may be the peak of up to so many 13C atoms.
    open_search : let the network answer a residue or stretch of unknown mass.
    database : makes, of the vocabulary and the number of slots, the candidates that alone may be answered.
    ensemble : folders of further models, for the confidence of that name.

    Raises
    ------
    InputError : no usable model in the folder, no such device, or the network cannot answer what is asked for.
    """

    def __init__(
        self,
        folder: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        batch_size: int | None = USUAL_BATCH_SIZE,
        precision: str = "auto",
        decoding: DecodingSettings | None = None,
        answers: AnswerSettings | None = None,
        offered: Sequence[str] = (),
        fixed: Sequence[str] = (),
        max_modifications: int | None = None,
        tolerance_ppm: float | None = None,
        isotope_errors: int = 0,
        open_search: bool = False,
        database: Callable[[Vocabulary, int], Database] | None = None,
        ensemble: Sequence[Path] = (),
    ) -> None:
        if threads is not None:
            torch.set_num_threads(threads)
        device = best_device() if device == "auto" else device
        asked = (tuple(offered), tuple(fixed), open_search)
        try:
            self.network, self.preprocessing = _network(folder, device, *asked)
            others = [_network(other, device, *asked)[0] for other in ensemble]
        except (RuntimeError, AssertionError, TypeError) as error:  # the last where a device lacks float64
            raise InputError(f"the device {device} cannot be used ({error})", remedy="Use --device cpu") from error
        self.vocabulary = self.network.vocabulary
        self.device, self.precision = device, precision
        self.batch_size, self._halves = batch_size or USUAL_BATCH_SIZE, batch_size is None
        self.decoding = decoding or DecodingSettings(
            tolerance_ppm=tolerance_ppm or self.network.settings.closure_tolerance_ppm,
            isotope_errors=isotope_errors,
            max_modifications=max_modifications,
        )
        self.database = database(self.vocabulary, self.network.settings.slots) if database else None
        self._steps = self._spectra = 0
        settings = answers or AnswerSettings()
        calibration = Calibration.load(folder) if settings.calibrated else None
        self.answerer = Answerer(self.network, calibration, self.decoding, settings, others)

    @property
    def readable_tokens(self) -> list[str]:
        """Residues and modifications that an answer may hold, in ProForma."""
        numbers = (int(number) for number in self.network.candidates)
        return [self.vocabulary.tokens[number].text for number in numbers if number > STOP]

    @property
    def mean_steps(self) -> float:
        """Refinement steps a spectrum so far."""
        return self._steps / max(self._spectra, 1)

    def sequence(
        self,
        spectra: Iterable[Spectrum],
        steps: int | None = None,
        *,
        keep_steps: bool = False,
        keep_candidates: bool = False,
    ) -> Iterator[Prediction]:
        """One prediction a spectrum, in order.

        Parameters
        ----------
        steps : refinement steps for every spectrum. None: the network's own number, and up to ``max_steps`` for
            those whose answer is not yet stable or does not weigh what the precursor weighs.
        keep_steps : also give the answer after every step.
        keep_candidates : also give the peptides that were compared.

        Raises
        ------
        PepTRMError : memory ran out, and the batch may not or cannot be halved.
        """
        keep = {"keep_steps": keep_steps, "keep_candidates": keep_candidates}
        iterator = iter(spectra)
        while batch := list(islice(iterator, self.batch_size)):
            yield from self._sequence_parts(batch, steps, keep)

    def answers(self, spectra: Sequence[Spectrum], steps: int | None = None) -> tuple[Answers, list[Hypothesis]]:
        """The answers of at most a batch of spectra, with all that was thought of, and the hypothesis of every step."""
        peaks = preprocess(PeakBatch.from_spectra(spectra), self.preprocessing)
        batch = to_spectra(peaks, max(1, peaks.mz.shape[1]), self.device)
        with torch.no_grad(), autocast(self.device, self.precision):
            encoded = self.network.encode(batch)
            graph = self._graph_answers(encoded.index)
            state, by_step = self._refine(encoded, steps, graph)
            hypothesis = self.network.hypothesis(encoded, state)
            if self.database is None:
                return self.answerer.answer(batch, encoded, state, hypothesis, graph=graph), by_step
            found, numbers = best_of_database(self.database, self.network, encoded, state, self.decoding)
            answers = self.answerer.answer(batch, encoded, state, hypothesis, found)
            answers.number = numbers[np.arange(len(numbers)), answers.chosen]
        return answers, by_step

    def _sequence_parts(self, batch: list[Spectrum], steps: int | None, keep: dict[str, bool]) -> Iterator[Prediction]:
        """The batch at once; in halves where memory runs out, and no more at once from then on."""
        try:
            predictions = list(self._sequence_batch(batch, steps, **keep))
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if not self._halves or len(batch) == 1:
                raise PepTRMError(
                    f"memory ran out with {len(batch)} spectra at once",
                    remedy="Free some" if self._halves else "Use --batch-size auto or a smaller one",
                ) from error
        else:
            yield from predictions
            return
        # only here, where the error and what its frames hold are gone
        release_memory(self.device)
        half = (len(batch) + 1) // 2
        self.batch_size = min(self.batch_size, half)
        log.warning("memory ran out with %d spectra at once; going on with %d", len(batch), half)
        for part in (batch[:half], batch[half:]):
            yield from self._sequence_parts(part, steps, keep)

    def _sequence_batch(
        self, batch: list[Spectrum], steps: int | None, keep_steps: bool, keep_candidates: bool
    ) -> Iterator[Prediction]:
        answers, by_step = self.answers(batch, steps)
        history = [self._texts(step.tokens, step.mass) for step in by_step] if keep_steps else []
        for row, text in enumerate(self._texts(answers.tokens, answers.mass)):
            prediction = self._prediction(batch[row], answers, row, text, tuple(step[row] for step in history))
            if keep_candidates:
                prediction.candidates = self._candidates(answers, row)
            yield prediction

    def _graph_answers(self, index: SpectrumIndex) -> Tensor | None:
        """The best peptides of the spectrum graph: the recursion starts from the first, the answer may be any.

        Some are by posteriors and frequencies alone, many by what was learned of paths: the former are nearer to
        peptides of which few cleavages are seen, the latter more often right.
        """
        if self.network.mass_evidence.graph is None:
            return None
        slots = self.network.settings.slots
        if self.database is not None or not self.answerer.settings.exact:
            return self.network.graph_answers(index, slots, 1).tokens
        learned_path, count = self.answerer.search.neighbours.path, self.decoding.candidates
        searching = self.answerer.settings.neighbours
        paths, again = (self.decoding.paths, self.decoding.paths_again) if searching else (count, 0)
        plain = self.network.graph_answers(index, slots, count).tokens
        learned = self.network.graph_answers(index, slots, paths, learned_path, again).tokens
        return torch.cat([plain, learned.masked_fill(are_among(learned, plain)[..., None], PAD)], 1)

    def _refine(self, encoded: EncodedBatch, steps: int | None, graph: Tensor | None) -> tuple[State, list[Hypothesis]]:
        """The last state, and the hypothesis after each step."""
        settings = self.network.settings
        least, most = (steps, steps) if steps is not None else (settings.steps, settings.max_steps)
        everyone = encoded
        self._spectra += len(encoded.mask)
        state = self.network.begin(encoded.index, graph=graph)
        last = state.clone()
        hypothesis = self.network.hypothesis(everyone, last)
        active = torch.arange(len(encoded.mask), device=encoded.mask.device)
        by_step: list[Hypothesis] = []
        for step in range(1, most + 1):
            self._steps += len(active)
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

    def _texts(self, tokens: Tensor, mass: Tensor) -> list[str]:
        rows = zip(tokens.tolist(), mass.tolist(), strict=True)
        return [self.vocabulary.decode(numbers, masses) for numbers, masses in rows]

    def _prediction(
        self, spectrum: Spectrum, answers: Answers, row: int, peptidoform: str, by_step: tuple[str, ...]
    ) -> Prediction:
        length = int((answers.tokens[row] != PAD).sum())
        proteins: tuple[ProteinMatch, ...] = ()
        if self.database is not None and answers.number is not None and peptidoform:
            number = int(answers.number[row])
            peptidoform, proteins = self.database.peptidoform(number), self.database.proteins(number)
        calculated_mz = ppm_error = None
        if peptidoform:
            calculated_mz = mz_of_mass(float(answers.mass[row].sum()) + WATER, spectrum.precursor_charge)
            ppm_error = self._ppm_error(spectrum, calculated_mz)
        return Prediction(
            spectrum_id=spectrum.spectrum_id,
            precursor_mz=spectrum.precursor_mz,
            precursor_charge=spectrum.precursor_charge,
            retention_time=spectrum.retention_time,
            peptidoform=peptidoform,
            residue_scores=tuple(answers.residue[row, :length].tolist()),
            peptide_score=float(answers.peptide[row]) if peptidoform else 0.0,
            calculated_mz=calculated_mz,
            ppm_error=ppm_error,
            outlier_score=None if answers.outlier is None else float(answers.outlier[row]),
            is_proven=None if answers.proven is None else bool(answers.proven[row]),
            ambiguity=answers.ambiguity[row],
            gap=self._gap(spectrum, peptidoform) if GAP in answers.tokens[row] else "",
            proteins=proteins,
            reference=spectrum.peptidoform,
            peptidoform_by_step=by_step,
        )

    def _candidates(self, answers: Answers, row: int) -> tuple[Candidate, ...]:
        """The answer, then the others by falling score; only an answer without others has a gap."""
        score, chosen = answers.candidate_score[row], int(answers.chosen[row])
        places = sorted(
            np.flatnonzero(answers.exists[row]).tolist(), key=lambda place: (place != chosen, -score[place])
        )
        texts = self._texts(answers.candidates[row, places], answers.mass[row].expand(len(places), -1))
        return tuple(Candidate(text, float(score[place])) for text, place in zip(texts, places, strict=True) if text)

    def _gap(self, spectrum: Spectrum, peptidoform: str) -> str:
        """What the residues or stretches of unknown mass may be."""
        mass = neutral_mass(spectrum.precursor_mz, spectrum.precursor_charge)
        return describe_gaps(peptidoform, self.decoding.tolerance_ppm * mass * 1e-6, mass)

    def _ppm_error(self, spectrum: Spectrum, calculated_mz: float) -> float:
        """Of the precursor, which may be the peak of some 13C atoms."""
        shift = ISOTOPE_SPACING / spectrum.precursor_charge
        observed = (spectrum.precursor_mz - errors * shift for errors in range(self.decoding.isotope_errors + 1))
        return min(((mz - calculated_mz) / calculated_mz * 1e6 for mz in observed), key=abs)


def best_device() -> str:
    """``cuda`` where there is one, else ``cpu``; never ``mps``, which lacks the float64 that masses are held in."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _network(
    folder: Path, device: str, offered: tuple[str, ...], fixed: tuple[str, ...], open_search: bool
) -> tuple[Network, PreprocessingSettings]:
    """A network that may answer what is asked for."""
    network, preprocessing = load_network(folder, device)
    if offered or fixed:
        network = offer(network, [*offered, *fixed])
        fix(network, fixed)
    if open_search and not network.settings.gap:
        raise InputError(
            "this network was trained without gaps, so it cannot search openly",
            path=folder,
            remedy="Train one with network.gap: true and a training.gap_share",
        )
    if not open_search:
        network.forbid_gap()
    return network, preprocessing
