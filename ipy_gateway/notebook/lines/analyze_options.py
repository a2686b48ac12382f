"""The line of %%analyze: a recording or transcript, and the options of a question, in any order."""

import re
from typing import Final

from ...core.exceptions import InvalidRequestError
from .aside_options import ASIDE_OPTIONS
from .option_line import Option
from .option_values import described
from .options import QUESTION_OPTIONS, ChatOptions, QuestionLine

_OF_CHATS = ("new", "name", "kind", *(option.field for option in ASIDE_OPTIONS))
_OWN_OPTIONS: Final = (Option("no_audio", "no-audio", "", "", "show no player, even where times are cited"),)
OPTIONS: Final = (
    *(option for option in QUESTION_OPTIONS if option.field not in _OF_CHATS),
    *_OWN_OPTIONS,
)

# A name in quotes, or up to the next blank that is neither escaped nor inside {{...}}; and the blanks behind.
_WORD = re.compile(r"""(?:(?P<quote>['"]).*?(?P=quote)(?=\s|$)|(?:\{\{.*?\}\}|\\.|[^\s\\]|\\$)+)\s*""")


def parse_analyze_line(line: str) -> ChatOptions:
    """What the line of `%%analyze` says; its `question` is the recording, as it was written.

    Raises:
        InvalidRequestError: an option or its value is wrong, or no recording is named.
    """
    reader = QuestionLine(line.strip().removesuffix(";"), "%%analyze", _OWN_OPTIONS)
    recording = ""
    while True:
        if not recording:
            reader.read_assignment(is_cell=True)
        for option, value in reader.line.read_options():
            if option not in OPTIONS:
                if option.field == "kind":
                    raise InvalidRequestError(
                        "--as belongs to %%chat: an analysis is a text.",
                        "Ask with %%chat --as about {{transcript}}.",
                    )
                raise InvalidRequestError(
                    f"{option} belongs to a conversation, and %%analyze is in none.",
                    "Leave it out, or ask with %%chat about {{transcript}}.",
                )
            reader.take(option, value)
        word = reader.line.read(_WORD) if reader.line.rest else None
        if not word:
            break
        recording += word[0]
    if not recording:
        raise InvalidRequestError("%%analyze needs the name of a recording.", "Write %%analyze talk.wav.")
    return reader.options(recording.strip())


def analyze_option_words() -> list[str]:
    """Every way to write an option, for completion."""
    return sorted(word for option in OPTIONS for word in option.words)


def _help() -> str:
    return "\n".join(
        (
            "Do with a recording what the cell says, and show the answer.",
            "",
            "Usage::",
            "",
            "    %%analyze [options] interview.m4a",
            "    Which places are mentioned, and when?",
            "",
            "    %%analyze {{transcript}} -o places",
            "    Which places are mentioned, and when?",
            "",
            "A recording is a file, an address, or a variable with a transcript, bytes or a Path. A long one",
            "is analyzed part by part, and the answers are drawn together. Times in the answer, such as",
            "[12:34], are links to the player that it brings then; those of an answer about a transcript to",
            "the player that `%transcribe` shows. Options::",
            "",
            *map(described, OPTIONS),
        )
    )


ANALYZE_HELP: Final = _help()
"""What `%%analyze?` shows."""
