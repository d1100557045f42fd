"""Identifications joined with their spectra: each spectrum gets its peptide, each match that is left out a reason."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from data.chemistry import MODIFICATIONS, precursor_mz
from data.errors import InputError, UnknownModificationError
from data.identifications.identification import Identification
from data.identifications.keys import Key, identification_keys, spectrum_keys
from data.peptidoform import Peptidoform, parse_peptidoform
from data.readers import SpectrumReader, read_spectra
from data.schema import Spectrum
from data.spectrum_id import run_name

_NO_SPECTRUM = "no spectrum of that name in the files"
_JOINED = "joined"
_FIXED_SITE = "N-term"


@dataclass(frozen=True)
class JoinSettings:
    """What is joined.

    Attributes
    ----------
    max_q : the highest q-value; what has none is kept, for its tool has filtered already.
    tolerance_ppm : by which a peptide may differ from the precursor.
    fixed : modifications such as ``Carbamidomethyl:C`` or ``TMT6plex:K`` that the tool may not have written; put on
        where the peptide does not weigh what the precursor weighs without them, and does with them.
    """

    max_q: float = 0.01
    tolerance_ppm: float = 20.0
    fixed: tuple[str, ...] = ("Carbamidomethyl:C",)


@dataclass(slots=True)
class _Match:
    """An identification that may be joined, and what became of it."""

    identification: Identification
    peptidoform: Peptidoform
    fate: str = _NO_SPECTRUM

    @property
    def order(self) -> tuple[float, float]:
        """Better matches first."""
        one = self.identification
        return (1.0 if one.q_value is None else one.q_value, 1.0 if one.pep is None else one.pep)


class Join:
    """Annotates the spectra of files.

    Attributes
    ----------
    read : identifications in the file.
    joined : identifications that have annotated a spectrum.
    unknown : modification as the tool writes it → identifications that were left out for it.

    Raises
    ------
    InputError : the identifications cannot be read, or a fixed modification is not known.
    """

    def __init__(self, identifications: Iterable[Identification], settings: JoinSettings) -> None:
        self.settings = settings
        self.read = self.joined = 0
        self.unknown: Counter[str] = Counter()
        self._fixed = [_fixed_modification(text) for text in settings.fixed]
        self._left_out: Counter[str] = Counter()
        self._matches: list[_Match] = []
        self._by_key: defaultdict[Key, list[_Match]] = defaultdict(list)
        self._runs: Counter[str] = Counter()
        for identification in identifications:
            self.read += 1
            self._runs[identification.run or "a run that is not named"] += 1
            self._add(identification)

    @property
    def skipped(self) -> Counter[str]:
        """Reason → identifications that have annotated no spectrum; complete when the spectra have been read."""
        fates = Counter(match.fate for match in self._matches)
        del fates[_JOINED]
        return self._left_out + fates

    @property
    def runs(self) -> list[str]:
        """The runs that the identifications are of, the most frequent first."""
        return [run for run, _ in self._runs.most_common()]

    def annotate(self, files: Sequence[Path], skipped: Counter[str]) -> Iterator[tuple[Spectrum, bool]]:
        """All spectra of files, each with whether it was annotated here; other annotations are taken off.

        Parameters
        ----------
        skipped : reason → spectra that could not be read; filled.

        Raises
        ------
        InputError : a file cannot be read.
        """
        for file in files:
            reader: SpectrumReader = read_spectra(file)
            run, alone = run_name(file.name), len(files) == 1
            for spectrum, names in reader.with_names():
                match = self._match(spectrum, spectrum_keys(spectrum.spectrum_id, names, run, alone=alone))
                peptidoform = match.peptidoform.proforma() if match else None
                yield replace(spectrum, peptidoform=peptidoform), match is not None
            skipped.update(reader.skipped)

    def _add(self, identification: Identification) -> None:
        if identification.is_decoy:
            self._left_out["decoy"] += 1
        elif identification.rank is not None and identification.rank > 1:
            self._left_out["not the best match of its spectrum"] += 1
        elif identification.q_value is not None and identification.q_value > self.settings.max_q:
            self._left_out[f"q-value above {self.settings.max_q:g}"] += 1
        else:
            try:
                match = _Match(identification, parse_peptidoform(identification.peptidoform))
            except UnknownModificationError as error:
                self._left_out["unknown modification"] += 1
                self.unknown[error.problem] += 1
            except InputError:
                self._left_out["peptide that cannot be read"] += 1
            else:
                self._matches.append(match)
                for key in dict.fromkeys(identification_keys(identification)):
                    self._by_key[key].append(match)

    def _match(self, spectrum: Spectrum, keys: Iterable[Key]) -> _Match | None:
        """The best identification of a spectrum that has its charge and weighs what its precursor weighs."""
        found = next((matches for key in keys if (matches := self._by_key.get(key))), [])
        best = None
        for match in sorted(found, key=lambda match: match.order):
            charge = match.identification.charge
            if charge is not None and charge != spectrum.precursor_charge:
                fate = "another charge than its spectrum's"
            elif (peptidoform := self._of_the_precursor(match.peptidoform, spectrum)) is None:
                fate = f"does not weigh what the precursor weighs within {self.settings.tolerance_ppm:g} ppm"
            elif best is not None:
                fate = "not the best match of its spectrum"
            else:
                match.peptidoform, best, fate = peptidoform, match, _JOINED
                self.joined += match.fate != _JOINED
            if match.fate != _JOINED:  # a spectrum may be there once a charge
                match.fate = fate
        return best

    def _of_the_precursor(self, peptidoform: Peptidoform, spectrum: Spectrum) -> Peptidoform | None:
        """The peptidoform as it stands or with the fixed modifications, whichever weighs what the precursor weighs."""
        for form in (peptidoform, self._with_fixed(peptidoform)):
            mz = precursor_mz(form.mass, spectrum.precursor_charge)
            if abs(spectrum.precursor_mz - mz) <= mz * self.settings.tolerance_ppm * 1e-6:
                return form
        return None

    def _with_fixed(self, form: Peptidoform) -> Peptidoform:
        modifications, n_term = list(form.modifications), set(form.n_term)
        for accession, sites in self._fixed:
            if sites == _FIXED_SITE and not form.n_term:
                n_term.add(accession)
            elif sites != _FIXED_SITE:
                for place, letter in enumerate(form.residues):
                    if letter in sites and modifications[place] is None:
                        modifications[place] = accession
        return replace(form, modifications=tuple(modifications), n_term=tuple(sorted(n_term)))


def _fixed_modification(text: str) -> tuple[int, str]:
    """Accession and sites of ``Carbamidomethyl:C`` or ``TMT6plex:N-term``.

    Raises
    ------
    InputError : no such modification, or no site.
    """
    name, _, sites = text.rpartition(":")
    names = {modification.name.casefold(): accession for accession, modification in MODIFICATIONS.items()}
    accession = names.get(name.strip().casefold())
    if accession is None or not (sites == _FIXED_SITE or (sites.isalpha() and sites.isupper())):
        raise InputError(
            "no fixed modification is meant by this", record=text, remedy="Write Carbamidomethyl:C or TMT6plex:N-term"
        )
    return accession, sites
