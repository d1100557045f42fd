"""The help pages, found without parsing: parsing loads pydantic, which takes longer than all the rest of a page."""

from collections.abc import Sequence
from typing import Any


def help_page(command: Any, program: str, words: Sequence[str]) -> str | None:
    """The page of the verb that the words before ``--help`` name; None where they name none.

    Parameters
    ----------
    command : the root of the commands.
    """
    context = command.context_class(command, info_name=program)
    for word in words:
        below = getattr(command, "commands", None)
        if word == "--help" or not below:
            break
        if word.startswith("-"):
            continue
        if word not in below:
            return None
        command = below[word]
        context = command.context_class(command, info_name=word, parent=context)
    page: str = command.get_help(context)
    return page
