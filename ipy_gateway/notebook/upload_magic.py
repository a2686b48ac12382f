"""%upload: a place to drop or record something, which is transcribed then."""

from dataclasses import dataclass
from typing import Any, Final

from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from ..core.exceptions import InvalidRequestError
from .display import is_terminal
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


@magics_class
class UploadMagics(Magics):
    """What asks the page for recordings."""

    @no_var_expand
    @line_magic
    def upload(self, line: str) -> None:
        assert self.shell
        options = parse_upload_line(line)
        if is_terminal(self.shell):
            raise InvalidRequestError(
                "A terminal has no place to drop a recording.",
                "Write %transcribe talk.wav, or open a notebook.",
            )
        from .upload_widget import AudioUpload  # ipywidgets take longer than all else together

        widget = AudioUpload(
            language=options.language,
            prompt=options.prompt,
            model=options.model,
            words=options.words,
            again=options.again,
        )
        if options.output:
            names, name = self.shell.user_ns, options.output
            names[name] = widget.transcripts
            widget.observe(lambda change: names.update({name: change.new}), "transcripts")
        widget._ipython_display_()

    upload.__doc__ = "\n".join(
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
