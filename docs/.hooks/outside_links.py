"""Links out of docs/, which work where the repository is browsed, become plain names in the built pages."""

import re
from typing import Any


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page's text; called by mkdocs for every page."""
    up = page.file.src_uri.count("/") + 1  # so many folders from the page to the one around docs/
    return re.sub(rf"\[([^\]]+)\]\((?:\.\./){{{up}}}[^)\s]*\)", r"\1", markdown)
