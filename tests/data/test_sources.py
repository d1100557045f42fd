"""The registry: well-formed, honest about what is not known, and true of the files of the mirror."""

from pathlib import Path

import pytest
import yaml

from data.download import local_path
from data.errors import InputError
from data.fetch import Checksums, Expected
from data.proteomes import SPECIES
from data.sources import REGISTRY, SourceFile, load_registry

SETS = load_registry().sets


def with_change(tmp_path: Path, change) -> Path:
    """The registry with something wrong in it."""
    document = yaml.safe_load(REGISTRY.read_text())
    change(document["sets"])
    path = tmp_path / "sources.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_sets_of_the_field_are_known():
    names = {each.name for each in SETS}
    assert {"nine-species-main", "nine-species-balanced", "nine-species-v1", "proteometools", "massive-kb"} <= names
    modes = {Path(file.path).name.split("_annotated")[0] for file in load_registry().find("proteometools").files}
    assert modes == {f"FTMS_HCD_{nce}" for nce in (20, 23, 25, 28, 30, 35)} | {"ITMS_HCD_28", "ITMS_CID_35"}
    proteomes = {Path(file.path).name for file in load_registry().find("nine-species-proteomes").files}
    assert proteomes == {f"{species.slug}.fasta.gz" for species in SPECIES}


def test_what_a_publisher_did_not_state_is_not_made_up():
    for each in SETS:
        for file in each.files:
            if file.url:
                assert file.bytes is None and file.sha256 is None and file.md5 is None, file.path
            else:
                assert file.bytes and file.sha256, file.path


def test_training_sets_keep_all_test_peptides_apart():
    tests = {each for each in SETS if each.use in ("test", "validation")}
    of_mirrors = {each.name for each in tests if not any(file.url for file in each.files)}
    for each in SETS:
        if each.use == "train" and each.files:
            public = any(file.url for file in each.files)
            assert set(each.excludes) == ({each.name for each in tests} if public else of_mirrors), each.name


def test_the_mirror_holds_what_the_registry_says(mirror):
    listed = [file for each in SETS for file in each.files if file.url is None]
    assert len(listed) == 25
    for file in listed:
        found = Checksums.of(mirror / file.path)
        assert found.mismatch(Expected(file.bytes, file.sha256)) is None, file.path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda sets: sets[0].update(colour="red"), "sets.0.colour"),
        (lambda sets: sets[0]["files"][0].update(sha256="abc"), "sha256"),
        (lambda sets: sets[0]["files"][0].update(path="../x"), "leaves the folder"),
        (lambda sets: sets[0]["files"][0].update(path="/etc/x"), "leaves the folder"),
        (lambda sets: sets[0].update(unverified=["colour"]), "unverified names 'colour'"),
        (lambda sets: sets[0].update(excludes=["nothing"]), "unknown set 'nothing'"),
        (lambda sets: sets.append(sets[0]), "occurs twice"),
        (lambda sets: sets[0].update(use="fun"), "sets.0.use"),
    ],
)
def test_mistakes_are_named(tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        load_registry(with_change(tmp_path, change))


def test_unknown_sets_and_missing_parts_say_what_to_do():
    registry = load_registry()
    with pytest.raises(InputError, match="Did you mean proteometools"):
        registry.find("proteometolls")
    with pytest.raises(InputError, match=r"no file that can be fetched.*MSV000081382"):
        registry.find("nine-species-v1").chosen(subset=False)
    with pytest.raises(InputError, match="has no subset"):
        registry.find("nine-species-main").chosen(subset=True)
    (one,) = registry.find("proteometools").chosen(subset=True)
    assert "FTMS_HCD_28" in one.path


@pytest.mark.parametrize(("name", "folder"), [("a.zip", "a"), ("a.tar.gz", "a"), ("b.c.tar", "b.c")])
def test_archives_are_unpacked_beside_themselves(name, folder):
    assert local_path(SourceFile(path=f"x/{name}", format="mgf", archive=True), Path("/d")) == Path("/d/x") / folder
