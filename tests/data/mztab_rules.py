"""The rules of mzTab 1.0.0 (specification of 20 June 2014) for identification files with a PSM section, as checks.

Sections in brackets are the specification's. Written for the tests because the official validator is a Java program.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_PREFIXES = {"MTD", "PRH", "PRT", "PEH", "PEP", "PSH", "PSM", "SMH", "SML", "COM"}
_METADATA = ("mzTab-version", "mzTab-mode", "mzTab-type", "description", "software[1]", "psm_search_engine_score[1]")
_METADATA += ("fixed_mod[1]", "variable_mod[1]", "ms_run[1]-location")
_ORDER = ("mzTab-version", "mzTab-mode", "mzTab-type", "description", "software", "psm_search_engine_score")
_ORDER += ("fixed_mod", "variable_mod", "ms_run")
_COLUMNS = "sequence PSM_ID accession unique database database_version search_engine search_engine_score[1] "
_COLUMNS += "modifications spectra_ref retention_time charge exp_mass_to_charge calc_mass_to_charge pre post start end"
_PARAM = re.compile(r'\[(\w*), ?([\w:+.-]*), ?("[^"]+"|[^",]*), ?([^"]*)\]')
_PARAMS = ("software", "psm_search", "fixed_mod", "variable_mod")
_SITE = re.compile(r"([NC]-term ?)?[A-Z]?")
_POSITIONS = ("Anywhere", "Any N-term", "Any C-term", "Protein N-term", "Protein C-term")
_MODIFICATION = re.compile(r"(\d+)-(UNIMOD:\d+|MOD:\d+|CHEMMOD:[+-]\d+(?:\.\d+)?)")
_DOUBLE = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?|INF|NaN")
_NATIVE_ID = {
    "MS:1000774": re.compile(r"index=\d+"),
    "MS:1000776": re.compile(r"scan=\d+"),
    "MS:1001530": re.compile(r".+"),
}
_TYPES = {
    "sequence": re.compile("[A-Z]+"),
    "PSM_ID": re.compile(r"\d+"),
    "unique": re.compile("[01]"),
    "charge": re.compile(r"\d+"),
    "start": re.compile(r"\d+"),
    "end": re.compile(r"\d+"),
    "pre": re.compile("[A-Z-]"),
    "post": re.compile("[A-Z-]"),
    "exp_mass_to_charge": _DOUBLE,
    "calc_mass_to_charge": _DOUBLE,
    "search_engine_score[1]": _DOUBLE,
    "retention_time": re.compile(rf"(?:{_DOUBLE.pattern})(?:\|(?:{_DOUBLE.pattern}))*"),
}


def violations(path: Path) -> Iterator[str]:
    """What in the file is against the rules."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if line]
    kinds = [line[0] for line in lines]
    if set(kinds) - _PREFIXES:
        yield f"[6, line prefix] {set(kinds) - _PREFIXES}"
    if kinds != sorted(kinds, key=["MTD", "PSH", "PSM"].index) or kinds.count("PSH") != 1:
        yield "[6.1, 6.5] the sections are not metadata, one header, PSMs"
    metadata = [(line[1], line[2]) for line in lines if line[0] == "MTD" and len(line) == 3]
    if len(metadata) != kinds.count("MTD"):
        yield "[6.2] a metadata line is not a name and a value"
    yield from _metadata_violations(metadata)
    header = next(line[1:] for line in lines if line[0] == "PSH")
    wrong = list(_header_violations(header))
    yield from wrong
    if wrong:
        return
    seen: dict[str, tuple[str, ...]] = {}
    for line in lines:
        if line[0] == "PSM":
            if len(line) - 1 != len(header):
                yield f"[6] {len(line) - 1} cells for {len(header)} columns"
            yield from _row_violations(dict(zip(header, line[1:], strict=False)), dict(metadata), seen)


def _metadata_violations(metadata: list[tuple[str, str]]) -> Iterator[str]:
    names = [name for name, _ in metadata]
    yield from (f"[6.2, table 2] {name} is missing" for name in _METADATA if name not in names)
    yield from (f"[6.2] {name} is there twice" for name in set(names) if names.count(name) > 1)
    ranks = [next(rank for rank, stem in enumerate(_ORDER) if name.startswith(stem)) for name in names]
    if ranks != sorted(ranks):
        yield "[6.2] the fields are not in the specification's order"
    values = dict(metadata)
    if values.get("mzTab-version") != "1.0.0" or values.get("mzTab-mode") not in ("Summary", "Complete"):
        yield "[6.2.1, 6.2.2] version or mode"
    if values.get("mzTab-type") != "Identification":
        yield "[6.2.3] type"
    for stem in ("software", "psm_search_engine_score", "fixed_mod", "variable_mod", "ms_run"):
        numbers = sorted({int(m[1]) for name in names if (m := re.match(rf"{stem}\[(\d+)\]", name))})
        if numbers != list(range(1, len(numbers) + 1)):
            yield f"[6.1] {stem} is not numbered from 1 in steps of 1"
    for name, value in metadata:
        if name.endswith("-site") and not _SITE.fullmatch(value):
            yield f"[6.2.25, 6.2.28] {name} = {value}"
        if name.endswith("-position") and value not in _POSITIONS:
            yield f"[6.2.26, 6.2.29] {name} = {value}"
        is_param = (name.endswith("]") and name.startswith(_PARAMS)) or name.endswith("format")
        if is_param and not _PARAM.fullmatch(value):
            yield f"[6, params] {name} = {value}"
        if not value.strip():
            yield f"[5.9] {name} is empty"
        if name.endswith("-format") and name.replace("-format", "-id_format") not in names:
            yield f"[table 2] {name} without an id_format"
        if name.endswith("-location") and not re.match(r"[a-z]+://", value) and value != "null":
            yield f"[6.2] {name} is no URL"


def _header_violations(header: list[str]) -> Iterator[str]:
    yield from (f"[table 5] the column {name} is missing" for name in _COLUMNS.split() if name not in header)
    if len(set(header)) < len(header):
        yield "[6.5] a column is there twice"
    optional = [name.startswith("opt_") for name in header]
    if optional != sorted(optional):
        yield "[6.5.21] optional columns are not at the end"
    for name in header:
        known = name in _COLUMNS.split() or name in ("reliability", "uri")
        if not known and not re.fullmatch(
            r"opt_(global|(assay|study_variable|ms_run)\[\d+\])_[A-Za-z0-9_\-\[\]:]+", name
        ):
            yield f"[6.5.21] the column {name}"


def _row_violations(row: dict[str, str], metadata: dict[str, str], seen: dict[str, tuple[str, ...]]) -> Iterator[str]:
    yield from (f"[5.9] {name} is empty" for name, value in row.items() if not value.strip())
    for name, pattern in _TYPES.items():
        if row[name] != "null" and not pattern.fullmatch(row[name]):
            yield f"[6.5] {name} = {row[name]}"
    if not all(_PARAM.fullmatch(param) for param in row["search_engine"].split("|")):
        yield f"[6.5.7] {row['search_engine']}"
    match = re.fullmatch(r"ms_run\[(\d+)\]:(.+)", row["spectra_ref"])
    if match is None or f"ms_run[{match[1]}]-location" not in metadata:
        yield f"[6.5.16] {row['spectra_ref']}"
    else:
        id_format = _PARAM.fullmatch(metadata.get(f"ms_run[{match[1]}]-id_format", ""))
        if id_format and not _NATIVE_ID[id_format[2]].fullmatch(match[2]):
            yield f"[5.2, table 1] {match[2]} is no {id_format[3]}"
    if row["modifications"] != "null":
        searched = " ".join(value for name, value in metadata.items() if "_mod[" in name)
        for text in row["modifications"].split(","):
            modification = _MODIFICATION.fullmatch(text)
            if modification is None or int(modification[1]) > len(row["sequence"]) + 1:
                yield f"[5.8] {text}"
            elif modification[2].startswith("UNIMOD") and f"{modification[2]}," not in searched:
                yield f"[5.8] {modification[2]} is not among the modifications searched"
    content = tuple(row[name] for name in ("sequence", "modifications", "charge", "spectra_ref"))
    if seen.setdefault(row["PSM_ID"], content) != content:
        yield f"[6.5.2] PSM_ID {row['PSM_ID']} means two PSMs"
