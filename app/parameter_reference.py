"""The reference of params.yaml and of the output's columns, made from them: `python -m app.parameter_reference`."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from data.atomic import write_atomically
from data.predictions import Prediction
from data.writers.mztab import COLUMN_MEANINGS
from data.writers.tables import TABLE
from tasks.params import Params

ROOT = Path(__file__).parent.parent
PARAMETERS_PAGE = ROOT / "docs" / "parameters.md"
COLUMNS_PAGE = ROOT / "docs" / "columns.md"

_PARAMETERS_HEAD = """# Parameters

Made by `python -m app.parameter_reference` from `params.yaml` and the types that check it. `peptrm params` prints those
in effect; `--set section.key=value` changes one for a command, an edit of `params.yaml` all. An unknown key
is an error that names its nearest neighbour. Of tables whose keys are names (curricula, profiles, strategies) the names
are listed; the file shows the rest.
"""
_COLUMNS_HEAD = """# Output columns

Made from the code by `python -m app.parameter_reference`. [formats.md](formats.md) tells the formats.
"""
_COMMENT = re.compile(r"(?:^|\s)#\s*(.*)$")
_NAMED = ("curricula", "noise_profiles", "ablations.rows", "bridge.rows", "bridge.adaptation.rows")
"""Tables whose keys are names that a user gives."""
_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def parameters_page(text: str) -> str:
    """The page.

    Parameters
    ----------
    text : of params.yaml.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, MappingNode)
    lines, schema = text.splitlines(), Params.model_json_schema()
    alone = [pair for pair in root.value if not isinstance(pair[1], MappingNode)]
    page = _PARAMETERS_HEAD + "\n## At the top\n" + _table(MappingNode(root.tag, alone), "", lines, schema, schema)
    for key, node in root.value:
        if isinstance(node, MappingNode):
            meaning = _meaning(lines, key)
            page += f"\n## {key.value}\n" + (f"\n*{meaning}*\n" if meaning else "")
            if key.value in _NAMED:
                page += f"\n{_names(node)}\n"
            else:
                page += _table(node, f"{key.value}.", lines, _property(schema, key.value, schema), schema)
    return page


def columns_page() -> str:
    """The page."""
    meanings = attributes(Prediction)
    page = _COLUMNS_HEAD + "\n## TSV, CSV, Parquet\n\n| column | type | meaning |\n|---|---|---|\n"
    page += "".join(f"| {field.name} | {cell(str(field.type))} | {cell(meanings[field.name])} |\n" for field in TABLE)
    page += "\n## mzTab, section PSM\n\n`null` where there is no value.\n\n| column | meaning |\n|---|---|\n"
    return page + "".join(f"| `{name}` | {cell(meaning)} |\n" for name, meaning in COLUMN_MEANINGS.items())


def _table(node: MappingNode, prefix: str, lines: list[str], schema: Any, root: Any) -> str:
    rows = "".join(f"| {' | '.join(row)} |\n" for row in _rows(node, prefix, lines, schema, root))
    return f"\n| key | value | may be | meaning |\n|---|---|---|---|\n{rows}"


def _rows(node: MappingNode, prefix: str, lines: list[str], schema: Any, root: Any) -> Iterator[tuple[str, ...]]:
    for key, child in node.value:
        name = f"{prefix}{key.value}"
        part = _property(schema, key.value, root)
        meaning = cell(_meaning(lines, key))
        if name in _NAMED:
            yield f"`{name}`", _names(child), "", meaning
        elif isinstance(child, MappingNode) and not child.flow_style and "properties" in part:
            yield from _rows(child, f"{name}.", lines, part, root)
        else:
            yield f"`{name}`", _value(child), cell(_type(part)), meaning


def _meaning(lines: list[str], key: Node) -> str:
    """The comment behind the key."""
    found = _COMMENT.search(lines[key.start_mark.line][key.end_mark.column :])
    return found[1] if found else ""


def _value(node: Any) -> str:
    if isinstance(node, ScalarNode):
        return f"`{cell(node.value)}`"
    text = node.start_mark.buffer[node.start_mark.pointer : node.end_mark.pointer].rstrip("\x00").strip()
    return f"`{cell(text)}`" if node.flow_style and len(text) <= 100 else "see the file"


def _names(node: Any) -> str:
    return ", ".join(f"`{cell(key.value)}`" for key, _ in node.value)


def _property(schema: Any, name: str, root: Any) -> Any:
    """The schema of a key, its reference followed."""
    part = schema.get("properties", {}).get(name, {})
    return root["$defs"][part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part


def _type(part: Any) -> str:
    """``integer ≥ 1``, ``threads or processes``."""
    if "anyOf" in part:
        return " or ".join(text for each in part["anyOf"] if (text := _type(each)))
    if "$ref" in part:
        return "a section"
    if "enum" in part:
        return " or ".join(map(str, part["enum"]))
    bounds = "".join(f" {sign} {part[name]:g}" for name, sign in _BOUNDS.items() if name in part)
    return f"{part.get('type', '')}{bounds}"


def attributes(described: type) -> dict[str, str]:
    """Attribute → what the class's docstring says of it; ``a, b : text`` speaks of both."""
    meanings: dict[str, str] = {}
    names: list[str] = []
    for line in inspect.getdoc(described).split("----------\n")[1].splitlines():  # type: ignore[union-attr]
        if not line.startswith(" "):
            head, _, line = line.partition(" : ")
            names = head.split(", ")
        for name in names:
            meanings[name] = f"{meanings.get(name, '')} {line.strip()}".strip()
    return meanings


def cell(text: str) -> str:
    """For a cell of a table: no line ends, no bar, and outside of code no tag."""
    parts = " ".join(text.split()).replace("|", "\\|").replace("``", "`").split("`")
    return "`".join(part.replace("<", "&lt;") if number % 2 == 0 else part for number, part in enumerate(parts))


if __name__ == "__main__":
    write_atomically(PARAMETERS_PAGE, parameters_page((ROOT / "params.yaml").read_text()).encode())
    write_atomically(COLUMNS_PAGE, columns_page().encode())
