"""Spectra files of any known format as a stream of `data.schema.Spectrum`, with every skip counted by its reason."""

from data.readers.reader import SpectrumReader, read_spectra

__all__ = ["SpectrumReader", "read_spectra"]
