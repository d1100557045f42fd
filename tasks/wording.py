"""Numbers in sentences for people: singular and plural, and rates."""

_PLURALS = {"spectrum": "spectra"}


def counted(number: int, noun: str) -> str:
    """``1 spectrum``, ``2 spectra``, ``2 peptides``."""
    return f"{number} {noun if number == 1 else _PLURALS.get(noun, f'{noun}s')}"


def rate(number: int, seconds: float) -> str:
    """``3.2 spectra/s``; empty where there is none to tell."""
    per_second = number / seconds if seconds > 0 else 0.0
    text = f"{per_second:.0f}" if per_second >= 10 else f"{per_second:.1f}"
    return "" if text == "0.0" else f"{text} spectra/s"
