"""The demo's sample file holds test spectra of the asked noise level, from all species, with their peptides."""

from pathlib import Path

import numpy as np
import pytest
from pyteomics import mgf

from app.sample import write_sample
from data.errors import InputError
from data.schema import Spectrum, to_table
from data.shards import write_shards


def _spectrum(number: int, source: str, fold: str | None) -> Spectrum:
    return Spectrum(
        spectrum_id=f"synthetic:{number}",
        precursor_mz=400.25 + number,
        precursor_charge=2,
        mz=np.array([147.11280, 175.11895]),
        intensity=np.array([0.5, 1.0], np.float32),
        peptidoform="PEPTIDEK",
        source=source,
        fold=fold,
    )


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    spectra = [
        _spectrum(number, source, fold)
        for number, (source, fold) in enumerate(
            (source, fold)
            for fold in ("bovine", "mouse", None)
            for source in ("noise-0", "noise-0.5")
            for _ in range(10)
        )
    ]
    folder = tmp_path / "shards"
    write_shards([to_table(spectra)], folder, shard_rows=7, parameters={})
    return folder


def test_sample_holds_test_spectra_of_one_level(tmp_path: Path, shards: Path) -> None:
    output = tmp_path / "sample.mgf"
    assert write_sample(output, shards, 0.5, count=10) == 10
    with mgf.read(str(output), use_index=False) as reader:
        read = list(reader)
    numbers = [int(spectrum["params"]["title"].split(":")[1]) for spectrum in read]
    assert numbers == [10, 12, 14, 16, 18, 30, 32, 34, 36, 38]
    assert {spectrum["params"]["seq"] for spectrum in read} == {"PEPTIDEK"}
    assert read[0]["params"]["pepmass"][0] == pytest.approx(410.25)
    np.testing.assert_allclose(read[0]["m/z array"], [147.11280, 175.11895])


def test_no_such_level_is_an_error(tmp_path: Path, shards: Path) -> None:
    with pytest.raises(InputError, match="no test spectrum"):
        write_sample(tmp_path / "sample.mgf", shards, 0.7)
