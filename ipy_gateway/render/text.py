"""Text that is safe to show: no escape sequences, no control characters."""

import unicodedata
from itertools import accumulate

KEPT_CONTROLS = frozenset("\n\t")
# Bidirectional controls let a text show in another order than it is written.
DIRECTION_CONTROLS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def printable(text: str) -> str:
    """The text without control and direction-override characters; line ends and tabs stay.

    Half a surrogate pair, which a server's JSON may hold and no output can encode, becomes U+FFFD.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(map(_shown, lines))


def fitting(text: str, columns: int) -> str:
    """The beginning of a line that fits into so many columns; what is left out becomes an ellipsis."""
    widths = [_columns(character) for character in text]
    if sum(widths) <= columns:
        return text
    ends = accumulate(widths)
    return text[: sum(end < columns for end in ends)] + "…"


def megabytes(byte_count: int) -> str:
    """A size as people write it: "75.5 MB"."""
    return f"{byte_count / 1e6:.1f} MB"


def duration(seconds: float) -> str:
    """A length as people write it: "49 s", "12:05", "1:02:33"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _columns(character: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _shown(character: str) -> str:
    match unicodedata.category(character):
        case "Cc":
            return character if character in KEPT_CONTROLS else ""
        case "Cf":
            return "" if unicodedata.bidirectional(character) in DIRECTION_CONTROLS else character
        case "Cs":
            return "\N{REPLACEMENT CHARACTER}"
        case _:
            return character
