"""Where messages go: warnings to the standard error stream, more of them where asked for, all into a log file."""

import logging
import sys
from pathlib import Path

from data.atomic import output_error

_LINE = "%(levelname)s: %(message)s"
_FILE_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def is_told_on_screen() -> bool:
    """Whether messages of weight INFO reach the standard error stream."""
    screens = (h for h in logging.getLogger().handlers if not isinstance(h, logging.FileHandler))
    return any(screen.level <= logging.INFO for screen in screens)


def set_up_logging(*, verbose: bool, quiet: bool, log_file: Path | None) -> None:
    """Messages of at least this weight on the standard error stream; those of INFO and above into the file, at its end.

    Raises
    ------
    OutputError : the file cannot be written.
    """
    verbose = verbose or logging.getLogger().isEnabledFor(logging.INFO)  # `peptrm -v sequence` and `peptrm sequence -v`
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(logging.Formatter(_LINE))
    screen.setLevel(logging.ERROR if quiet else logging.INFO if verbose else logging.WARNING)
    handlers: list[logging.Handler] = [screen]
    if log_file is not None:
        try:
            file = logging.FileHandler(log_file, encoding="utf-8")
        except OSError as error:
            raise output_error(error, log_file) from error
        file.setFormatter(logging.Formatter(_FILE_LINE))
        handlers.append(file)
    level = logging.INFO if verbose or log_file else logging.WARNING
    logging.basicConfig(level=level, handlers=handlers, force=True)
    if log_file is not None:
        logging.getLogger("peptrm").info("peptrm %s", " ".join(sys.argv[1:]))
