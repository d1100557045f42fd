"""Real spectra: told apart by their analyser, capped, and free of the peptides that they may not hold."""

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.errors import InputError
from data.noise_fit import pair
from data.real_psms import ION_TRAP, ORBITRAP, TIME_OF_FLIGHT, analysers, annotated_spectra, capped, without_sequences
from data.schema import Spectrum
from data.settings import SynthesisSettings


def spectrum(peptide: str, name: str) -> Spectrum:
    return Spectrum(name, 500.0, 2, np.array([200.0]), np.ones(1, np.float32), peptidoform=peptide)


def test_a_peptide_has_at_most_so_many_spectra():
    spectra = [spectrum("PEPTIDEK", f"a{n}") for n in range(9)] + [spectrum("SAMPLER", "b")]
    kept = capped(spectra, 3, np.random.default_rng(2))
    assert Counter(s.peptidoform for s in kept) == {"PEPTIDEK": 3, "SAMPLER": 1}
    assert [s.spectrum_id for s in kept] == sorted(s.spectrum_id for s in kept)


def test_forbidden_sequences_are_left_out_however_they_are_written():
    spectra = [spectrum(p, p) for p in ("PEPTLDEK", "PEPTIDEK", "[UNIMOD:1]-PEPTIDEK", "PEPTIDER", "AC[UNIMOD:4]DEK")]
    assert [s.spectrum_id for s in without_sequences(spectra, {"PEPTLDEK", "ACDEK"})] == ["PEPTIDER"]


def test_a_variable_that_is_not_set_is_named(monkeypatch):
    monkeypatch.delenv("PEPTRM_NOWHERE", raising=False)
    with pytest.raises(InputError, match="variable PEPTRM_NOWHERE is not set"):
        annotated_spectra(["$PEPTRM_NOWHERE/x.mgf"], 32)


def test_the_analyser_is_told_by_the_fragments(mirror):
    path = mirror / "train" / "real_psms.parquet"
    spectra = annotated_spectra([str(path)], 32)
    found = analysers(spectra, pair(spectra, SynthesisSettings()))
    # an independent judgement stands in the table: how its makers measured the resolution
    columns = ["spectrum_id", "ms2_resolution", "instrument"]
    rows = {row["spectrum_id"]: row for row in pq.read_table(path, columns=columns).to_pylist()}
    agreed: Counter[tuple[str, bool]] = Counter()
    for each, analyser in zip(spectra, found, strict=True):
        row = rows[each.spectrum_id]
        expected = ORBITRAP if row["ms2_resolution"].startswith("high") else ION_TRAP
        expected = TIME_OF_FLIGHT if "TripleTOF" in row["instrument"] else expected
        if analyser:
            agreed[expected, expected == analyser] += 1
    for family in (ORBITRAP, ION_TRAP, TIME_OF_FLIGHT):
        assert agreed[family, True] > 200
        assert agreed[family, False] < 0.02 * agreed[family, True]
    assert (found == "").mean() < 0.05
    assert len({each.source for each in spectra}) > 15
