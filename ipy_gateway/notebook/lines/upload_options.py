"""The line of %upload: the options of %transcribe that make sense before there is a recording."""

from dataclasses import dataclass
from typing import Any, Final

from ...core.exceptions import InvalidRequestError
from .option_line import OptionLine
from .option_values import described, filled, variable_name
from .transcribe_options import OPTIONS as TRANSCRIBE_OPTIONS

_FIELDS = ("output", "language", "prompt", "model", "words", "again")
OPTIONS: Final = tuple(option for option in TRANSCRIBE_OPTIONS if option.field in _FIELDS)


@dataclass(frozen=True, slots=True)
class UploadOptions:
    """What the line of %upload says; see `TranscribeOptions`."""

    output: str | None = None
    language: str | None = None
    prompt: str | None = None
    model: str | None = None
    words: bool = False
    again: bool = False


def parse_upload_line(line: str) -> UploadOptions:
    """What the line of `%upload` says.

    Raises:
        InvalidRequestError: an option or its value is wrong, or something else stands there.
    """
    reader = OptionLine(line.strip().removesuffix(";"), OPTIONS, "%upload")
    found: dict[str, Any] = {}
    for option, value in reader.read_options():
        if option.field in found:
            raise InvalidRequestError(f"{option} is given twice.", "Give it once.")
        found[option.field] = filled(option, value) if option.value else value
    if reader.rest:
        raise InvalidRequestError(
            f"%upload takes no {reader.rest!r:.80}.", "Choose the file in the page, or write %transcribe."
        )
    if "output" in found:
        variable_name(found["output"])
    return UploadOptions(**found)


UPLOAD_HELP: Final = "\n".join(
    (
        "Show a place to drop, choose or record something, which is transcribed then.",
        "",
        "Usage::",
        "",
        "    %upload",
        "    %upload -o talks --language de",
        "",
        "With -o NAME the transcripts are in a variable, as they come. Options::",
        "",
        *map(described, OPTIONS),
    )
)
"""What `%upload?` shows."""
