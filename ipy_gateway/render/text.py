"""Text, sizes and lengths as they are shown."""

import unicodedata
from itertools import accumulate

from ..core.exceptions import GatewayError
from ..core.printable import printable as printable  # what files need, outputs need, too


def fitting(text: str, columns: int) -> str:
    """The beginning of a line that fits into so many columns; what is left out becomes an ellipsis."""
    widths = [_columns(character) for character in text]
    if sum(widths) <= columns:
        return text
    ends = accumulate(widths)
    return text[: sum(end < columns for end in ends)] + "…"


def sentence_of(error: Exception) -> str:
    """What is told of an error where no traceback is shown; others than ours need their names."""
    return str(error) if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}"


def megabytes(byte_count: int) -> str:
    """A size as people write it: "75.5 MB"."""
    return f"{byte_count / 1e6:.1f} MB"


def file_size(byte_count: int) -> str:
    """The size of any file as people write it: "512 bytes", "12.3 kB", "75.5 MB", "2.0 GB"."""
    if byte_count < 1000:
        return f"{byte_count} bytes"
    size, unit = (1e9, "GB") if byte_count >= 1e9 else (1e6, "MB") if byte_count >= 1e6 else (1e3, "kB")
    return f"{byte_count / size:.1f} {unit}"


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
