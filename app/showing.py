"""What `peptrm show` shows: one spectrum, its peptide, the prediction, and the steps to the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from app.terminal_spectrum import peptide_text, spectrum_lines
from data.chemistry import WATER, precursor_mz
from data.errors import InputError
from data.fragments import explained_peaks, fragment_ions, residue_masses
from data.peptide_parts import take_apart
from data.peptidoform import parse_peptidoform
from data.predictions import Prediction
from data.readers import read_spectra
from data.schema import Spectrum, from_table

_EXAMPLES = 3
_WIDEST = 160


@dataclass(frozen=True)
class View:
    """A spectrum and what is known of it.

    Attributes
    ----------
    peptidoform : that explains the peaks; None where there is none.
    prediction : the network's, where it was asked.
    predicted : MS2PIP's spectrum of the peptide.
    notes : what could not be had, and why.
    """

    spectrum: Spectrum
    peptidoform: str | None
    prediction: Prediction | None
    predicted: Spectrum | None
    tolerance_ppm: float
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The spectrum's id and precursor."""
        spectrum = self.spectrum
        time = "" if spectrum.retention_time is None else f", {spectrum.retention_time / 60:.1f} min"
        return f"{spectrum.spectrum_id}   {spectrum.precursor_mz:.4f} Th, {spectrum.precursor_charge}+{time}"


def find_spectrum(path: Path, wanted: str) -> Spectrum:
    """The spectrum of a file that is called so: by its id, title or native id, else its scan, else its place from 0.

    Raises
    ------
    InputError : the file cannot be read, or holds none of that name.
    """
    by_rank: dict[int, Spectrum] = {}
    examples: list[str] = []
    for spectrum, names in read_spectra(path).with_names():
        native_id = spectrum.spectrum_id.rpartition(":")[2]
        place, *others = names
        if len(examples) < _EXAMPLES:
            examples.append(native_id)
        is_called_so = (
            wanted in (spectrum.spectrum_id, *others),
            f"scan={wanted}" in (native_id, *others),
            wanted in (native_id, place) or f"index={wanted}" == place,
        )
        if any(is_called_so):
            by_rank.setdefault(is_called_so.index(True), spectrum)
    if not by_rank:
        raise InputError(
            "holds no spectrum of that name, or one that cannot be read",
            path=path,
            record=wanted,
            remedy=f"Its first are {', '.join(examples)}" if examples else "Give a file with MS2 spectra",
        )
    return by_rank[min(by_rank)]


def look_at(
    spectrum: Spectrum,
    peptide: str | None,
    model: Path | None,
    *,
    device: str,
    steps: int | None,
    mirror: bool,
    tolerance_ppm: float,
) -> View:
    """Find the peptide and its predicted spectrum.

    Parameters
    ----------
    peptide : None: the network's answer, or the spectrum's annotation where there is no network.
    model : folder of the network; None: the default one.

    Raises
    ------
    InputError : the peptide cannot be read, or there is neither a network nor an annotation.
    """
    notes: list[str] = []
    prediction = None
    if peptide is not None:
        peptidoform: str | None = parse_peptidoform(peptide).proforma()
    else:
        prediction = _ask_network(spectrum, model, device, steps, notes)
        peptidoform = (prediction.peptidoform if prediction else spectrum.peptidoform) or None
    predicted = None
    if mirror and peptidoform:
        from data.settings import SynthesisSettings
        from data.synthesis import predict_spectra

        try:
            predictions = predict_spectra([peptidoform], [spectrum.precursor_charge], SynthesisSettings())
            predicted = next(from_table(predictions))
        except InputError as error:
            notes.append(f"no mirror: {error.problem}")
    return View(spectrum, peptidoform, prediction, predicted, tolerance_ppm, tuple(notes))


def _ask_network(
    spectrum: Spectrum, model: Path | None, device: str, steps: int | None, notes: list[str]
) -> Prediction | None:
    """The network's answer with its steps; None where there is no network but an annotation."""
    from app.sequencer import make_sequencer

    try:
        sequencer = make_sequencer(model, device=device, threads=None, batch_size=1)
    except InputError as error:
        if spectrum.peptidoform is None:
            raise
        notes.append(f"the spectrum's annotation is shown: {error}")
        return None
    (prediction,) = sequencer.sequence([spectrum], steps, keep_steps=True)
    return prediction


def printed(view: View, width: int, *, chart: bool) -> Iterator[RenderableType]:
    """What the terminal shows; the chart is left out where a file is written."""
    width = min(width, _WIDEST)
    spectrum = view.spectrum
    yield Text(view.title, "bold")
    ions = fragment_ions(view.peptidoform, spectrum.precursor_charge) if view.peptidoform else []
    if view.peptidoform:
        scores = view.prediction.residue_scores if view.prediction else ()
        line = peptide_text(view.peptidoform, scores)
        if view.prediction:
            line.append(f"   probability {view.prediction.peptide_score:.2f}", "dim")
        yield line
        if view.prediction and spectrum.peptidoform:
            yield Text(f"annotated as {spectrum.peptidoform}", "dim")
        explained = _explained(spectrum, view.peptidoform, view.tolerance_ppm)
        yield Text(f"{explained}, mass error {_mass_error(view.peptidoform, spectrum)}", "dim")
    else:
        yield Text("no peptide", "yellow")
    if chart:
        seen = explained_peaks(spectrum, ions, view.tolerance_ppm)
        below = explained_peaks(view.predicted, ions, view.tolerance_ppm) if view.predicted else []
        yield from spectrum_lines(spectrum, seen, view.predicted, below, width)
    for note in view.notes:
        yield Text(note, "yellow")
    if view.prediction:
        yield trace(view.prediction, spectrum, view.tolerance_ppm)


def trace(prediction: Prediction, spectrum: Spectrum, tolerance_ppm: float) -> Table:
    """The answer after each refinement step, what changed in it marked, and what it explains."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, side in (("step", "right"), ("peptide", "left"), ("mass error", "right"), ("explained", "left")):
        table.add_column(name, justify="right" if side == "right" else "left", overflow="fold")
    before = ""
    rows = [*enumerate(prediction.peptidoform_by_step, start=1), ("answer", prediction.peptidoform)]
    for step, peptidoform in rows:
        table.add_row(
            str(step),
            _changed(before, peptidoform),
            _mass_error(peptidoform, spectrum),
            _explained(spectrum, peptidoform, tolerance_ppm) if peptidoform else "",
        )
        before = peptidoform
    return table


def save_picture(view: View, path: Path) -> None:
    """The picture as SVG or PNG.

    Raises
    ------
    OutputError : the system refuses to write.
    """
    from tasks.spectrum_figure import Picture, save

    scores = view.prediction.residue_scores if view.prediction else ()
    save(Picture(view.spectrum, view.peptidoform, scores, view.predicted, view.title, view.tolerance_ppm), path)


def _changed(before: str, now: str) -> Text:
    """The residues of this step; those that the step before did not have at their place stand out."""
    old, new = _words(before), _words(now)
    text = Text()
    for place, word in enumerate(new):
        text.append(word, "" if place < len(old) and old[place] == word else "bold reverse" if before else "")
    return text


def _words(peptidoform: str) -> list[str]:
    """Residues with what is attached to each, the N terminus's first."""
    if not peptidoform:
        return []
    parts = take_apart(peptidoform)
    words = ["", *parts.residues]
    for attachment in parts.attachments:
        words[attachment.position] += f"[{attachment.name}]"
    return [f"{words[0]}-", *words[1:]] if words[0] else words[1:]


def _mass_error(peptidoform: str, spectrum: Spectrum) -> str:
    """In ppm, or in Da where it is far off."""
    if not peptidoform:
        return ""
    mass = float(residue_masses(take_apart(peptidoform)).sum()) + WATER
    calculated = precursor_mz(mass, spectrum.precursor_charge)
    difference = spectrum.precursor_mz - calculated
    error_ppm = difference / calculated * 1e6
    return f"{error_ppm:+.1f} ppm" if abs(error_ppm) < 1000 else f"{difference * spectrum.precursor_charge:+.2f} Da"


def _explained(spectrum: Spectrum, peptidoform: str, tolerance_ppm: float) -> str:
    """How many cleavages are seen, and the share of the intensity that they explain."""
    ions = fragment_ions(peptidoform, spectrum.precursor_charge)
    seen = explained_peaks(spectrum, ions, tolerance_ppm)
    cleavages = {ion.cleavage for ion in seen if ion is not None}
    of = max(len(take_apart(peptidoform).residues) - 1, 0)
    is_seen = [ion is not None for ion in seen]
    share = float(spectrum.intensity[is_seen].sum() / spectrum.intensity.sum())
    return f"{len(cleavages)} of {of} cleavages, {share:.0%} of the intensity"
