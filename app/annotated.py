"""Annotated spectra of files: what can be compared with, and why the rest cannot."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from app.progress import Progress
from data.errors import UnknownModificationError
from data.readers import read_spectra
from data.schema import Spectrum
from data.vocabulary import VOCABULARY


def annotated_spectra(files: list[Path], skipped: Counter[str], progress: Progress) -> Iterator[Spectrum]:
    """The annotated spectra whose peptides the vocabulary can hold; the others are counted in ``skipped``."""
    for file in files:
        reader = read_spectra(file)
        progress.file(file)
        for spectrum in reader:
            if spectrum.peptidoform is None:
                skipped["no readable annotation"] += 1
                continue
            try:
                VOCABULARY.encode(spectrum.peptidoform)
            except UnknownModificationError:
                skipped["annotated with a modification that the network has no token for"] += 1
                continue
            yield spectrum
        skipped.update(reader.skipped)
