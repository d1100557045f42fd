"""The text of a parameter file with some values changed, its comments and its order kept."""

import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, SequenceNode

from data.errors import InputError

_NUMBER = re.compile(r"[-+]?\.?\d")
_BEFORE_COMMENT = re.compile(r" +(?=#)")


def changed(text: str, change: str) -> str:
    """The text with one value changed or added.

    Parameters
    ----------
    text : YAML.
    change : ``section.key=value``; the value is YAML, a number in a key counts the items of a list from 0.

    Raises
    ------
    InputError : the change is none, or leads through what is no section.
    """
    key, equals, value = change.partition("=")
    keys = [part.strip() for part in key.split(".")]
    if not equals or not all(keys):
        raise InputError("is no change of a parameter", record=change, remedy="Write it as section.key=value")
    node: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    start = 0
    for depth, name in enumerate(keys):
        child = _child(node, name, key)
        if child is None:
            assert isinstance(node, MappingNode)
            return _with_entry(text, node, keys[depth:], value)
        start, node = child
    assert node is not None
    return _with_value(text, start, node, _as_text(value))


def _child(node: Node | None, name: str, key: str) -> tuple[int, Node] | None:
    """Where a value may begin, behind its key or dash, and the value; None where a section lacks it."""
    if isinstance(node, MappingNode):
        for name_node, child in node.value:
            if name_node.value == name:
                return name_node.end_mark.index + 1, child
        return None
    if isinstance(node, SequenceNode):
        if name.isdecimal() and int(name) < len(node.value):
            child = node.value[int(name)]
            return child.start_mark.index, child
        raise InputError(f"no item {name} in a list of {len(node.value)}", record=key)
    raise InputError(f"{name} is asked for in what is no section", record=key, remedy="See `peptrm params`")


def _with_value(text: str, start: int, node: Node, value: str) -> str:
    is_block = isinstance(node, MappingNode | SequenceNode) and not node.flow_style
    begin, end = (start if is_block else node.start_mark.index), _end(node)
    if begin == start and text[begin - 1 : begin] == ":":
        value = f" {value}"
    behind = text[end:]
    if gap := _BEFORE_COMMENT.match(behind):  # comments stay in their column
        behind = " " * max(1, len(gap[0]) + end - begin - len(value)) + behind[gap.end() :]
    return text[:begin] + value + behind


def _with_entry(text: str, node: MappingNode, keys: list[str], value: str) -> str:
    """The section with another entry, as its first."""
    entry = f"{keys[0]}: {_as_text(value)}"
    if len(keys) > 1:
        entry = f"{keys[0]}: {{{': {'.join(keys[1:])}: {_as_text(value)}{'}' * (len(keys) - 1)}"
    place = node.start_mark.index
    if node.flow_style:
        return text[: place + 1] + entry + (", " if node.value else "") + text[place + 1 :]
    return text[:place] + entry + "\n" + " " * node.start_mark.column + text[place:]


def _end(node: Node) -> int:
    """Behind the last character of a value, without the comments that follow it."""
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _as_text(value: str) -> str:
    """The value in one line of YAML; ``1e-4`` is a number, though YAML 1.1 wants ``1.0e-4``."""
    try:
        parsed: Any = yaml.safe_load(value)
        if isinstance(parsed, str) and _NUMBER.match(parsed):
            parsed = float(parsed)
    except yaml.YAMLError:
        raise InputError("is no YAML", record=value, remedy="Quote it") from None
    except ValueError:
        pass
    return yaml.safe_dump(parsed, default_flow_style=True, width=1_000_000).removesuffix("...\n").strip()
