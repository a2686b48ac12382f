"""The line of %chat and %%chat: which options it may have, and what they mean."""

import keyword
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ...core.exceptions import InvalidRequestError
from .aside_options import ASIDE_HELP, ASIDE_OPTIONS, check_aside
from .option_line import Option, OptionLine
from .option_params import param_of, param_value
from .option_values import count_of, described, filled, number_of, variable_name

Action = Literal["history", "undo", "save", "load", "list"]

QUESTION_OPTIONS: Final = (
    Option("model", "model", "m", "NAME", "ask this model"),
    Option("system", "system", "s", "TEXT", "system prompt, in quotes where it has blanks"),
    Option("temperature", "temperature", "t", "NUMBER", "how freely the model chooses its words"),
    Option("max_tokens", "max-tokens", "", "COUNT", "longest answer"),
    Option("seed", "seed", "", "COUNT", "make an answer repeatable, where the server can"),
    Option("params", "param", "p", "NAME=VALUE", "any other field of the request; JSON or text; repeatable"),
    Option("url", "url", "", "URL", "ask this server"),
    Option("timeout_s", "timeout", "", "SECONDS", "longest wait for the whole answer"),
    Option("new", "new", "", "", "begin the conversation anew"),
    Option("name", "name", "n", "NAME", "go on with the conversation of this name"),
    Option("kind", "as", "", "CLASS", "give an object of this class: Person, list[Person], dict, DataFrame"),
    Option("dry_run", "dry-run", "", "", "show what would be sent, and send nothing"),
    Option("output", "output", "o", "NAME", "put the reply into this variable; also: NAME << at the front"),
    *ASIDE_OPTIONS,
)
ACTION_OPTIONS: Final = (
    Option("history", "history", "", "", "show the conversation"),
    Option("undo", "undo", "", "", "take back the last question and its answer"),
    Option("save", "save", "", "FILE", "save the conversation as JSON"),
    Option("load", "load", "", "FILE", "go on with a saved conversation"),
    Option("list", "list", "", "", "list the conversations"),
)
REQUEST_FIELDS: Final = ("model", "temperature", "max_tokens", "seed")  # those that have options of their own

_ASSIGNMENT = re.compile(r"(?P<name>[^\W\d]\w*)\s*<<(?=\s|$)")


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What the line of a chat says; what it does not say is None, "" or empty.

    Attributes:
        question: the rest of the line, as it was typed; in a cell the question is below.
        model: name of the model.
        system: system prompt; "" takes the present one away.
        temperature: sampling temperature.
        max_tokens: tokens that the answer may have.
        seed: random seed.
        params: other fields of the request.
        url: base URL of the server, not checked yet.
        timeout_s: seconds that the answer may take, not checked yet.
        new: whether to begin the conversation anew.
        name: which conversation, None for the usual one.
        kind: expression of the class that the answer is to be an object of.
        dry_run: whether to show what would be sent, in place of sending it.
        output: variable for the reply.
        action: what to do in place of asking.
        file: the file of "save" and "load".
        background: whether other cells run while it is answered.
        compare: who is asked side by side, as it was written.
        no_audio: whether an answer about a recording brings no player.
    """

    question: str = ""
    model: str | None = None
    system: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    url: str | None = None
    timeout_s: float | None = None
    new: bool = False
    name: str | None = None
    kind: str | None = None
    dry_run: bool = False
    output: str | None = None
    action: Action | None = None
    file: str = ""
    background: bool = False
    compare: str | None = None
    no_audio: bool = False


def parse_chat_line(line: str, *, is_cell: bool) -> ChatOptions:
    """What the line of `%chat`, or of `%%chat` where `is_cell`, says.

    Raises:
        InvalidRequestError: an option or its value is wrong, or options contradict each other.
    """
    reader = _ChatLine(line, is_cell=is_cell)
    return reader.options()


def request_params(options: ChatOptions) -> dict[str, Any]:
    """The fields of the request that the options set, and no others."""
    named = {name: getattr(options, name) for name in REQUEST_FIELDS}
    return {**{name: value for name, value in named.items() if value is not None}, **options.params}


def option_words(*, is_cell: bool = False) -> list[str]:
    """Every way to write an option, for completion."""
    options = QUESTION_OPTIONS if is_cell else QUESTION_OPTIONS + ACTION_OPTIONS
    return sorted(word for option in options for word in option.words)


class QuestionLine:
    """A line with the options of a question, on its way to them.

    Attributes:
        line: the line, read from its front.
        found: fields of the options that were found so far.
    """

    def __init__(self, line: str, magic: str, more: tuple[Option, ...] = ()) -> None:
        self.line = OptionLine(line, QUESTION_OPTIONS + ACTION_OPTIONS + more, magic)
        self.found: dict[str, Any] = {}
        self._params: dict[str, Any] = {}

    @property
    def asked_for(self) -> list[str]:
        """All that is set so far."""
        return [*self.found, *self._params]

    def options(self, question: str) -> ChatOptions:
        """What was found, with the rest of the line."""
        return ChatOptions(**self.found, question=question, params=self._params)

    def read_assignment(self, *, is_cell: bool) -> None:
        """`NAME <<`; in a line with a question `if << 2` is a part of it."""
        found = _ASSIGNMENT.match(self.line.rest)
        if found and (is_cell or not keyword.iskeyword(found["name"])):
            self.line.read(_ASSIGNMENT)
            self.set("output", variable_name(found["name"]), f"{found['name']} <<")

    def take(self, option: Option, value: Any) -> None:
        """Take in an option that is about the question."""
        if option.field == "params":
            self._take_param(option, value)
        else:
            self.set(option.field, _converted(option, value), str(option))

    def set(self, name: str, value: Any, written: str) -> None:
        """Set a field, once."""
        if name in self.found or (name in REQUEST_FIELDS and name in self._params):
            raise _twice(written)
        self.found[name] = value

    def _take_param(self, option: Option, pair: str) -> None:
        name, text = param_of(option, pair)
        if name in self._params or (name in REQUEST_FIELDS and name in self.found):
            raise _twice(name)
        self._params[name] = param_value(option, name, text)


class _ChatLine:
    """The line of %chat or %%chat on its way to its options."""

    def __init__(self, line: str, *, is_cell: bool) -> None:
        self._is_cell = is_cell
        self._reader = QuestionLine(line, "%%chat" if is_cell else "%chat")
        self._found = self._reader.found

    def options(self) -> ChatOptions:
        reader = self._reader
        reader.read_assignment(is_cell=self._is_cell)
        for option, value in reader.line.read_options():
            if option in ACTION_OPTIONS:
                self._take_action(option, value)
            else:
                reader.take(option, value)
        check_aside(reader.asked_for)
        if self._is_cell:
            reader.read_assignment(is_cell=True)
            self._check_cell()
        elif "action" in self._found:
            self._check_action()
        elif not reader.line.rest:
            self._check_no_question()
        return reader.options(reader.line.rest)

    def _take_action(self, option: Option, value: Any) -> None:
        if self._is_cell:
            raise InvalidRequestError(
                f"{option} stands above a question.", f"Write %chat {option} on a line of its own."
            )
        if "action" in self._found:
            raise InvalidRequestError(
                f"{option} and --{self._found['action']} are two wishes.", "Write two lines."
            )
        self._reader.set("action", option.field, str(option))
        if option.value:
            self._found["file"] = filled(option, value)

    def _check_cell(self) -> None:
        rest = self._reader.line.rest
        if rest.endswith("<<"):
            variable_name(rest.removesuffix("<<").strip())
        if rest:
            raise InvalidRequestError(
                f"{rest!r:.80} stands behind the options of %%chat.",
                "Write the question below this line, or with one % in front of it.",
            )

    def _check_no_question(self) -> None:
        if "new" not in self._found:
            raise InvalidRequestError(
                "%chat has no question.", "Write it behind the options: %chat What is a decibel?"
            )
        self._check_asks_nothing("--new", "new", "name", "system")

    def _check_action(self) -> None:
        action = f"--{self._found['action']}"
        if self._reader.line.rest:
            raise InvalidRequestError(
                f"{action} takes no question, not {self._reader.line.rest!r:.80}.", "Write two lines."
            )
        self._check_asks_nothing(action, "action", "file", "name")

    def _check_asks_nothing(self, written: str, *meant: str) -> None:
        others = [name for name in self._reader.asked_for if name not in meant]
        if others:
            raise InvalidRequestError(
                f"{written} asks nothing, so that {others[0]!r:.80} has no meaning.", "Leave it out."
            )


def _converted(option: Option, value: Any) -> Any:
    if option.value in ("NUMBER", "SECONDS"):
        return number_of(option, value)
    if option.value == "COUNT":
        return count_of(option, value)
    if option.field == "output":
        return variable_name(value)
    return value if option.field == "system" or not option.value else filled(option, value)


def _twice(name: str) -> InvalidRequestError:
    return InvalidRequestError(f"{name:.80} is given twice.", "Give it once.")


def _help() -> str:
    return "\n".join(
        (
            "Ask the model, and show its answer; the conversation goes on from cell to cell.",
            "",
            "Usage::",
            "",
            "    %%chat [options]",
            "    What is a decibel?",
            "",
            "    %chat [options] What is a decibel?",
            "    reply = %chat -m smollm2 -t 0 What is a decibel?",
            "    %chat --history",
            "",
            "Options stand in front of the question, which is sent as it is typed; `--` ends them::",
            "",
            *map(described, QUESTION_OPTIONS),
            "",
            *ASIDE_HELP,
            "",
            "In place of a question, on a %chat line::",
            "",
            *map(described, ACTION_OPTIONS),
        )
    )


CHAT_HELP: Final = _help()
"""What `%chat?` shows."""
