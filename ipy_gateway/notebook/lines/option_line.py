"""Options at the front of a magic's line, and the rest of that line as it was typed.

No shell's rules and not argparse: what follows the options is somebody's question, with apostrophes, braces,
backslashes and dashes in it, so that nothing behind the last option is looked at.
"""

import difflib
import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ...core.exceptions import InvalidRequestError

OPTION_WORD = re.compile(r"-[A-Za-z]\S*|--(?=\s|$)|--\S+")
OPTION = re.compile(r"--(?P<long>[^\s=]+)=?|-(?P<short>[A-Za-z])=?")
PAIR_NAME = re.compile(r"[^\s=]*=?")
QUOTES = ("'", '"')


@dataclass(frozen=True, slots=True)
class Option:
    """An option that a line may have.

    Attributes:
        field: which field of the options it sets.
        long: its name without the dashes.
        short: its letter without the dash, or "".
        value: what its value is called, "" where it takes none.
        help: what it does.
    """

    field: str
    long: str
    short: str
    value: str
    help: str

    @property
    def words(self) -> tuple[str, ...]:
        """How it may be written, short first."""
        return (f"-{self.short}", f"--{self.long}") if self.short else (f"--{self.long}",)

    def __str__(self) -> str:
        return self.words[-1]


class OptionLine:
    """A line that is read from its front.

    Args:
        line: all of it.
        options: those that it may have.
        magic: its magic's name, for errors.
    """

    def __init__(self, line: str, options: Sequence[Option], magic: str) -> None:
        self._line = line
        self._options = options
        self._magic = magic
        self._position = 0

    @property
    def rest(self) -> str:
        """What has not been read, as it was typed, without the white space around it."""
        return self._line[self._position :].strip()

    def read(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what matches a pattern at the present place, if anything does."""
        self._skip_blanks()
        found = pattern.match(self._line, self._position)
        if found:
            self._position = found.end()
        return found

    def read_options(self) -> Iterator[tuple[Option, Any]]:
        """Read options with their values, until something else or `--` comes.

        Raises:
            InvalidRequestError: an option is unknown, or its value is missing or not closed.
        """
        while word := self._option_word():
            if word == "--":
                self._position += len(word)
                return
            yield self._read_option(word)

    def _option_word(self) -> str:
        """The word at the present place, where it begins like an option: "-5" and "-" do not."""
        self._skip_blanks()
        found = OPTION_WORD.match(self._line, self._position)
        return found[0] if found else ""

    def _read_option(self, word: str) -> tuple[Option, Any]:
        found = OPTION.match(word)
        option = self._named(found["long"], found["short"]) if found else None
        if not found or option is None or self._is_long_with_one_dash(word):
            self._refuse_word(word)
        self._position += found.end()
        has_value_here = word[found.end() - 1] == "=" or len(word) > found.end()
        if option.value:
            return option, self._read_value(option, is_attached=has_value_here)
        if has_value_here:
            raise InvalidRequestError(
                f"{option} takes no value, not {word!r:.80}.", f"Write {option} with a space behind it."
            )
        return option, True

    def _named(self, long: str | None, short: str | None) -> Option | None:
        named = (
            option for option in self._options if option.long == long or (short and option.short == short)
        )
        return next(named, None)

    def _is_long_with_one_dash(self, word: str) -> bool:
        name = word.removeprefix("-").partition("=")[0]
        return any(option.long == name for option in self._options)

    def _read_value(self, option: Option, *, is_attached: bool) -> str:
        if not is_attached:
            self._skip_blanks()
        following = self._line[self._position :]
        if not following[:1].strip() or (not is_attached and re.match(r"-[A-Za-z]|--", following)):
            raise InvalidRequestError(f"{option} needs a value.", f"Write {option} {option.value}.")
        if option.value.startswith("NAME="):
            return self._read_pair(option)
        return self._read_text(option)

    def _read_pair(self, option: Option) -> str:
        """NAME=VALUE, or all of it in quotes; JSON may have blanks in it."""
        if self._line[self._position] in QUOTES:
            return self._read_text(option)
        name = PAIR_NAME.match(self._line, self._position)
        assert name  # it may be empty
        self._position = name.end()
        end = json_end(self._line, self._position)
        if end is not None and not self._line[end : end + 1].strip():
            value, self._position = self._line[self._position : end], end
        else:
            value = self._read_text(option)
        return name[0] + value

    def _read_text(self, option: Option) -> str:
        start = self._position
        quote = self._line[start : start + 1]
        if quote not in QUOTES:
            word = self._line[start:].split(maxsplit=1)[0] if self._line[start : start + 1].strip() else ""
            self._position = start + len(word)
            return word
        end = self._line.find(quote, start + 1)
        if end < 0:
            raise InvalidRequestError(f"The value of {option} has an open quote.", f"Close it with {quote}.")
        behind = self._line[end + 1 : end + 2]
        if behind.strip():
            raise InvalidRequestError(
                f"{behind!r} stands right behind the quoted value of {option}.",
                "Write a space there, or use the other kind of quotes.",
            )
        self._position = end + 1
        return self._line[start + 1 : end]

    def _skip_blanks(self) -> None:
        line = self._line
        self._position = len(line) - len(line[self._position :].lstrip())

    def _refuse_word(self, word: str) -> NoReturn:
        name = word.partition("=")[0]
        known = {option.long: option for option in self._options}
        close = difflib.get_close_matches(name.strip("-"), known, n=2, cutoff=0.6)
        meant = " or ".join(str(known[match]) for match in close)
        advice = f"Did you mean {meant}?" if meant else f"Options are {', '.join(map(str, self._options))}."
        raise InvalidRequestError(
            f"{self._magic} has no option {name!r:.80}.",
            f"{advice} Write -- before what begins with a dash and is none.",
        )


def json_end(text: str, start: int) -> int | None:
    """Where JSON that begins at `start` ends, or None where there is none."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None


def json_or_text(text: str) -> Any:
    """What a text says in JSON, or the text itself where it says nothing in JSON."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return text


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(digits)
    return number


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
