"""A peptide that a search engine found in a spectrum."""

from dataclasses import dataclass


@dataclass(slots=True)
class Identification:
    """One peptide-spectrum match.

    Attributes
    ----------
    peptidoform : as the tool writes it; not yet read.
    run : the spectra file's name without its endings; None where the tool does not tell.
    title : what the tool calls the spectrum, where that is not a number alone.
    scan : its scan number.
    charge : of the precursor; None where the tool does not tell.
    q_value, pep : the share of wrong matches among those at least as good; the probability that this one is wrong.
    rank : 1 for the spectrum's best match; None where the tool does not tell.
    """

    peptidoform: str
    run: str | None = None
    title: str | None = None
    scan: int | None = None
    charge: int | None = None
    q_value: float | None = None
    pep: float | None = None
    is_decoy: bool = False
    rank: int | None = None
