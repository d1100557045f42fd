"""`peptrm convert`: spectra, identifications and predictions into other formats."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from app.progress import Progress
from data.errors import InputError
from data.identifications import Join, JoinSettings, read_identifications
from data.peptide_parts import take_apart
from data.prediction_files import read_predictions
from data.readers import read_spectra
from data.schema import Spectrum
from data.vocabulary import TOKEN_TEXTS
from data.writers import SPECTRUM_ENDINGS, check_free, check_output, write_predictions, write_spectra
from tasks.wording import counted

_NAMED_MODIFICATIONS = 3
_NAMED_RUNS = 3
_LEFT_WITHOUT_PEPTIDE = "no peptide, which a library needs"


@dataclass
class Conversion:
    """What was written, and what was not.

    Attributes
    ----------
    written, annotated : spectra, and those of them with a peptide.
    skipped : reason → spectra.
    notes : further lines of the summary.
    """

    written: int = 0
    annotated: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        """The summary for people."""
        if self.written:
            yield f"{counted(self.written, 'spectrum')} written, {self.annotated} of them with a peptide"
        for reason, number in self.skipped.most_common():
            yield f"{counted(number, 'spectrum')} skipped: {reason}"
        yield from self.notes


def convert_spectra(files: Sequence[Path], output: Path, *, force: bool, progress: Progress) -> Conversion:
    """Spectra of files into one file.

    Raises
    ------
    InputError, OutputError : a file cannot be read, or the output not written.
    """
    check_output(output, SPECTRUM_ENDINGS)
    check_free(output, force)
    done = Conversion()
    write_spectra(_counted(_spectra(files, done.skipped), output, done, progress), output)
    return done


def convert_identified(
    files: Sequence[Path],
    identifications: Path,
    output: Path,
    settings: JoinSettings,
    *,
    force: bool,
    progress: Progress,
) -> Conversion:
    """Spectra with the peptides that a search engine found in them; the others are left out.

    Raises
    ------
    InputError, OutputError : as `convert_spectra`, or no identification belongs to a spectrum.
    """
    check_output(output, SPECTRUM_ENDINGS)
    check_free(output, force)
    done = Conversion()
    join = Join(read_identifications(identifications), settings)
    annotated = (spectrum for spectrum, found in join.annotate(files, done.skipped) if found)
    write_spectra(_counted(_some(annotated, join, identifications), output, done, progress), output)
    done.notes = list(join_notes(join))
    return done


def convert_predictions(
    files: Sequence[Path],
    spectra: Sequence[Path],
    output: Path,
    *,
    min_probability: float | None,
    force: bool,
) -> Conversion:
    """Predicted peptides of files into one file.

    Parameters
    ----------
    spectra : files that were sequenced; formats with peaks need them, mzTab refers to them.

    Raises
    ------
    InputError, OutputError : a file cannot be read, spectra are needed and not given, or the output not written.
    """
    check_output(output)
    check_free(output, force)
    if output.suffix.lower() in (".mgf", ".msp") and not spectra:
        raise InputError(
            "predictions have no peaks, which this format needs",
            path=output,
            remedy="Give the sequenced files with --spectra",
        )
    predictions = [prediction for file in files for prediction in read_predictions(file)]
    names = dict.fromkeys(prediction.spectrum_id.rpartition(":")[0] for prediction in predictions)
    modified = (token for each in predictions for token in take_apart(each.peptidoform).modified_tokens)
    write_predictions(
        predictions,
        output,
        source_files=list(spectra) or [Path(name) for name in names],
        software_version=version("peptrm"),
        readable=list(dict.fromkeys((*TOKEN_TEXTS, *modified))),
        min_probability=min_probability,
    )
    return Conversion(notes=[f"{counted(len(predictions), 'predicted peptide')} read"])


def join_notes(join: Join) -> Iterator[str]:
    """What became of the identifications, for people."""
    yield f"{join.joined} of {join.read} identifications joined"
    for reason, number in join.skipped.most_common():
        yield f"{counted(number, 'identification')} left out: {reason}"
    for problem, number in join.unknown.most_common(_NAMED_MODIFICATIONS):
        yield f"{number} of them: {problem}"


def _some(spectra: Iterable[Spectrum], join: Join, identifications: Path) -> Iterator[Spectrum]:
    """The same spectra.

    Raises
    ------
    InputError : there is none.
    """
    yield from spectra
    if not join.joined:
        reasons = "; ".join(f"{number} {reason}" for reason, number in join.skipped.most_common())
        raise InputError(
            f"none of the {join.read} identifications annotates a spectrum ({reasons or 'the file holds none'})",
            path=identifications,
            remedy=f"Give the spectra files of {', '.join(join.runs[:_NAMED_RUNS]) or 'the search'}, under these names",
        )


def _spectra(files: Iterable[Path], skipped: Counter[str]) -> Iterator[Spectrum]:
    for file in files:
        reader = read_spectra(file)
        yield from reader
        skipped.update(reader.skipped)


def _counted(spectra: Iterable[Spectrum], output: Path, done: Conversion, progress: Progress) -> Iterator[Spectrum]:
    """The spectra that the format can hold, counted.

    Raises
    ------
    InputError : there is none.
    """
    is_library = output.suffix.lower() == ".msp"
    for spectrum in spectra:
        if is_library and spectrum.peptidoform is None:
            done.skipped[_LEFT_WITHOUT_PEPTIDE] += 1
            continue
        done.written += 1
        done.annotated += spectrum.peptidoform is not None
        progress.advance(done.written)
        yield spectrum
    if not done.written:
        reasons = "; ".join(f"{number} {reason}" for reason, number in done.skipped.most_common())
        raise InputError(
            f"there is no spectrum to write ({reasons or 'none was read'})",
            path=output,
            remedy="Give annotated spectra, or --identifications" if is_library else "Give other spectra",
        )
