"""Data cards on the disk: JSON and Markdown for each imported set, and one overview of all."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.atomic import make_folder, write_atomically
from data.errors import CorruptedDataError

_OVERLAP = "overlap.json"
_OVERVIEW = "overview.md"

COLUMNS = {
    "name": "set",
    "use": "use",
    "spectra": "spectra",
    "skipped": "left out",
    "peptides": "peptides",
    "lengths": "length",
    "charges": "charges",
    "modified": "modified",
    "explained": "explained",
    "seen": "seen",
    "precursor": "precursor",
    "shared": "shares peptides with",
}
"""Of the overview; the keys are those of its rows."""


def write_card(card: dict[str, Any], folder: Path) -> None:
    """Write ``<set>.json`` and ``<set>.md``.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    make_folder(folder)
    name = card["origin"]["name"]
    write_atomically(folder / f"{name}.json", (json.dumps(card, indent=1) + "\n").encode())
    write_atomically(folder / f"{name}.md", ("\n".join(markdown(card)) + "\n").encode())


def write_overview(folder: Path, overlaps: Sequence[dict[str, Any]]) -> None:
    """Write which sets share peptides, and the table of all cards.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    write_atomically(folder / _OVERLAP, (json.dumps(list(overlaps), indent=1) + "\n").encode())
    lines = _table([*COLUMNS.values()], [[row[key] for key in COLUMNS] for row in overview(folder)])
    write_atomically(folder / _OVERVIEW, ("\n".join(lines) + "\n").encode())


def read_cards(folder: Path) -> list[dict[str, Any]]:
    """The cards of a folder by name; none where there is no folder.

    Raises
    ------
    CorruptedDataError : a file is no card.
    """
    cards = []
    for path in sorted(folder.glob("*.json")):
        if path.name == _OVERLAP:
            continue
        try:
            cards.append(dict(json.loads(path.read_text())))
        except ValueError:
            raise CorruptedDataError("is no data card", path=path, remedy="Import the set again") from None
    return cards


def overview(folder: Path) -> list[dict[str, str]]:
    """A row of words for each card, the keys those of ``COLUMNS``."""
    path = folder / _OVERLAP
    overlaps = json.loads(path.read_text()) if path.exists() else []
    return [_row(card, overlaps) for card in read_cards(folder)]


def markdown(card: dict[str, Any]) -> list[str]:
    """One card for people."""
    origin = card["origin"]
    lines = [f"# {origin['name']}", ""]
    lines += [f"- {key}: {origin[key]}" for key in ("title", "use", "licence", "citation", "page") if origin.get(key)]
    lines += [
        f"- file: {file['path']}, {file['bytes']} bytes, SHA-256 {file['sha256']}"
        + (f", {file['url']}" if file.get("url") else "")
        for file in origin["files"]
    ]
    lines += [
        f"- spectra: {card['spectra']}; peptides (I and L merged): {card['peptides']}; "
        f"peptidoforms: {card['peptidoforms']}",
        f"- spectra a peptide: median {card['spectra_per_peptide']['median']:g}, "
        f"at most {card['spectra_per_peptide']['most']}",
        f"- peptides that occur in several species: {card['peptides_of_several_species']}",
        f"- left out: {_words(card['skipped']) or 'none'}",
        f"- peaks: {_quantiles(card['peaks'], '.0f')}",
        *(
            f"- intensity explained by b and y ions within {tolerance}: {_quantiles(values, '.2f')}"
            for tolerance, values in card["explained_intensity"].items()
        ),
        *(
            f"- cleavages seen within {tolerance}: {_quantiles(values, '.2f')}"
            for tolerance, values in card["seen_cleavages"].items()
        ),
        f"- precursor error in ppm: {_quantiles(card['precursor_error_ppm'], '.2f')}; "
        f"within 20 ppm: {card['precursor_error_ppm']['within_20_ppm']:.1%}; "
        f"by isotope: {_words(card['precursor_error_ppm']['by_isotope'])}",
    ]
    for name in ("charges", "lengths", "modifications", "species", "instruments", "fragmentations", "sources"):
        lines += ["", f"## {name.capitalize()}", "", *_table([name, "count"], list(card[name].items()))]
    return lines


def _row(card: dict[str, Any], overlaps: Sequence[dict[str, Any]]) -> dict[str, str]:
    name = card["origin"]["name"]
    lengths = [int(length) for length in card["lengths"]]
    charges = [int(charge) for charge in card["charges"]]
    shared = [
        f"{pair['right'] if pair['left'] == name else pair['left']} ({pair['shared']})"
        for pair in overlaps
        if name in (pair["left"], pair["right"])
    ]
    error = card["precursor_error_ppm"]
    return {
        "name": name,
        "use": card["origin"].get("use", ""),
        "spectra": str(card["spectra"]),
        "skipped": str(sum(card["skipped"].values())),
        "peptides": str(card["peptides"]),
        "lengths": f"{min(lengths)}–{max(lengths)}",
        "charges": f"{min(charges)}–{max(charges)}",
        "modified": f"{card['modified_spectra']:.0%}",
        "explained": _both(card["explained_intensity"]),
        "seen": _both(card["seen_cleavages"]),
        "precursor": f"{error['50%']:.1f} ppm, {error['within_20_ppm']:.0%}",
        "shared": ", ".join(shared) or "–",
    }


def _both(by_tolerance: dict[str, dict[str, float]]) -> str:
    narrow, wide = by_tolerance.values()
    return f"{narrow['50%']:.2f} ({wide['50%']:.2f})"


def _quantiles(values: dict[str, Any], form: str) -> str:
    return ", ".join(f"{key} {values[key]:{form}}" for key in ("5%", "25%", "50%", "75%", "95%"))


def _words(counts: dict[str, int]) -> str:
    return "; ".join(f"{key}: {count}" for key, count in counts.items())


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    return [
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(str(value).replace("|", "\\|") for value in row) + " |" for row in rows),
    ]
