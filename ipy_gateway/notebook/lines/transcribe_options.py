"""The line of %transcribe: recordings and options, in any order."""

import os
import re
from dataclasses import dataclass
from typing import Any, Final

from ...core.exceptions import InvalidRequestError
from .option_line import Option, OptionLine
from .option_values import count_of, described, filled, variable_name

FORMATS: Final = ("txt", "srt", "vtt", "json", "md", "csv")
OPTIONS: Final = (
    Option("output", "output", "o", "NAME", "put what comes out into this variable"),
    Option("save", "save", "", "FOLDER", "write each transcript into this folder"),
    Option("formats", "format", "", "KINDS", f"how: {','.join(FORMATS)}; by default txt"),
    Option("language", "language", "l", "CODE", "what is spoken, e.g. de"),
    Option("prompt", "prompt", "", "TEXT", "words that may occur, in quotes where it has blanks"),
    Option("model", "model", "m", "NAME", "ask this model"),
    Option("words", "words", "", "", "with the times of words, where the server gives them"),
    Option("jobs", "jobs", "j", "COUNT", "recordings under way at once; by default 4"),
    Option("resume", "resume", "", "", "go on where a run was stopped; this is how it is anyway"),
    Option("player", "player", "", "", "with a larger player: two hours, 8 MB; else 15 minutes, 1 MB"),
    Option("no_audio", "no-audio", "", "", "show no player"),
    Option("again", "again", "", "", "transcribe anew what is known already"),
)

# A name in quotes, or up to the next blank that is neither escaped nor inside {{...}}.
_WORD = re.compile(
    r"""(?P<quote>['"])(?P<quoted>.*?)(?P=quote)(?=\s|$)|"""
    r"""(?P<bare>(?!['"])(?:\{\{.*?\}\}|\\.|[^\s\\])+)"""
)


@dataclass(frozen=True, slots=True)
class TranscribeOptions:
    """What the line of %transcribe says.

    Attributes:
        sources: files, patterns, folders, addresses and `{{variables}}`, as they were written.
        output: variable for what comes out.
        save: folder for the transcripts.
        formats: kinds of files in it.
        language: language code.
        prompt: words that may occur.
        model: name of the model.
        words: whether to ask for the times of words.
        jobs: recordings under way at once, or None.
        player: whether the player may have two hours and 8 MB.
        no_audio: whether to leave it out.
        again: whether to transcribe anew what is known.
    """

    sources: tuple[str, ...]
    output: str | None = None
    save: str | None = None
    formats: tuple[str, ...] = ("txt",)
    language: str | None = None
    prompt: str | None = None
    model: str | None = None
    words: bool = False
    jobs: int | None = None
    player: bool = False
    no_audio: bool = False
    again: bool = False


def parse_transcribe_line(line: str) -> TranscribeOptions:
    """What the line of `%transcribe` says.

    Raises:
        InvalidRequestError: an option or its value is wrong, or no recording is named.
    """
    reader = OptionLine(line.strip().removesuffix(";"), OPTIONS, "%transcribe")
    found: dict[str, Any] = {}
    sources: list[str] = []
    while True:
        for option, value in reader.read_options():
            if option.field in found:
                raise InvalidRequestError(f"{option} is given twice.", "Give it once.")
            found[option.field] = _converted(option, value)
        if not reader.rest:
            break
        sources.append(_source(reader))
    if not sources:
        raise InvalidRequestError("%transcribe needs the name of a recording.", "Write %transcribe talk.wav.")
    if found.pop("resume", False) and found.get("again"):
        raise InvalidRequestError("--resume and --again are two wishes.", "Leave one out.")
    if "formats" in found and "save" not in found:
        raise InvalidRequestError("--format says how to save, and nothing where.", "Add --save FOLDER.")
    if found.get("player") and found.get("no_audio"):
        raise InvalidRequestError("--player and --no-audio are two wishes.", "Leave one out.")
    return TranscribeOptions(sources=tuple(sources), **found)


def _source(reader: OptionLine) -> str:
    word = reader.read(_WORD)
    if not word:
        raise InvalidRequestError(f"The file name {reader.rest!r:.80} has an open quote.", "Close it.")
    if not (word["quoted"] or word["bare"]):
        raise InvalidRequestError("%transcribe needs the name of a recording.", "It is empty.")
    if word["quote"] or word["bare"].startswith("{{"):
        return word["quoted"] or word["bare"]
    # Tab completion writes a blank as "\\ "; on Windows it writes quotes, and a backslash separates folders.
    return re.sub(r"\\(.)", r"\1", word["bare"]) if os.name == "posix" else word["bare"]


def _converted(option: Option, value: Any) -> Any:
    match option.field:
        case "jobs":
            return _jobs(option, value)
        case "output":
            return variable_name(value)
        case "formats":
            return _formats(option, value)
        case _:
            return filled(option, value) if option.value else value


def _jobs(option: Option, text: str) -> int:
    count = count_of(option, text)
    if count < 1:
        raise InvalidRequestError(f"{option} is {count}: nothing would be done.", "Give at least 1.")
    return count


def _formats(option: Option, text: str) -> tuple[str, ...]:
    kinds = tuple(dict.fromkeys(kind.strip().lstrip(".").lower() for kind in text.split(",") if kind.strip()))
    unknown = [kind for kind in kinds if kind not in FORMATS]
    if unknown or not kinds:
        named = f"has no kind {unknown[0]!r:.40}" if unknown else "names none"
        raise InvalidRequestError(f"{option} {named}.", f"Kinds are {', '.join(FORMATS)}.")
    return kinds


def _help() -> str:
    return "\n".join(
        (
            "Transcribe recordings, show the transcripts, and return them.",
            "",
            "Usage::",
            "",
            "    %transcribe interview.m4a",
            '    talk = %transcribe "my recording.wav" --language en',
            "    %transcribe interviews/*.mp3 --save transcripts --format srt,txt",
            "    %transcribe https://example.org/talk.mp3",
            "    %transcribe {{audio_bytes}}",
            "",
            "A recording is a file, a pattern, a folder, an address or a variable. What is known already is",
            "not asked again: a run that was stopped goes on where it was. Options::",
            "",
            *map(described, OPTIONS),
        )
    )


TRANSCRIBE_HELP: Final = _help()
"""What `%transcribe?` shows."""
