"""A kind of answer: the JSON schema that a model is given for it, and the value that its text is."""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import pydantic

from ..exceptions import ConfigurationError, InvalidRequestError
from ..printable import one_line
from .strict_schemas import strict_schema

ANSWER: Final = "answer"  # the one field of an object around what is none: several servers take objects alone
MAX_PROBLEMS: Final = 5
MAX_CANDIDATES: Final = 100  # places in a text where JSON might begin
MAX_SHOWN_CHARACTERS: Final = 60

_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_MODULES = re.compile(r"(?:[\w<>]+\.)+(?=\w)")
_DECODER = json.JSONDecoder()

Cell = str | int | float | bool | None


class AnswerProblem(ValueError):  # noqa: N818 - it is told to the model, and no error yet
    """Why a text is not of a kind, as a clause without its full stop."""


@dataclass(frozen=True, slots=True)
class AnswerKind:
    """What an answer has to be.

    Attributes:
        label: its name in sentences, e.g. "list[Person]".
        schema: JSON schema of an object.
        is_strict: whether the schema leaves nothing open, as OpenAI's strict mode wants it.
    """

    label: str
    schema: Mapping[str, Any]
    is_strict: bool
    _adapter: pydantic.TypeAdapter[Any]
    _is_wrapped: bool
    _is_table: bool = False

    @property
    def response_format(self) -> dict[str, Any]:
        """The field of a request (https://platform.openai.com/docs/guides/structured-outputs)."""
        name = re.sub(r"[^\w-]+", "_", self.label, flags=re.ASCII).strip("_")[:64] or ANSWER
        schema = {"name": name, "schema": self.schema, "strict": self.is_strict}
        return {"type": "json_schema", "json_schema": schema}

    def read(self, text: str) -> tuple[Any, str]:
        """The value that an answer gives, and the JSON in it, which may stand in a fence or among words.

        Raises:
            AnswerProblem: there is no JSON in it, or none of this kind.
        """
        problem: AnswerProblem | None = None
        for found, candidate in _json_in(text):
            try:
                return self._value_of(found), candidate
            except pydantic.ValidationError as error:
                problem = problem or AnswerProblem(_in_words(error, self._is_wrapped))
        raise problem or AnswerProblem("it holds no complete JSON")

    def _value_of(self, found: Any) -> Any:
        is_in_wrapper = self._is_wrapped and isinstance(found, dict) and found.keys() == {ANSWER}
        value = self._adapter.validate_json(json.dumps(found[ANSWER] if is_in_wrapper else found))
        return _table_of(value) if self._is_table else value


def answer_kind(kind: Any) -> AnswerKind:
    """What pydantic makes of a class or another annotation: `Person`, `list[Person]`, `dict`, `int | None`.

    A pandas DataFrame stands for rows with whatever columns the model finds fit.

    Raises:
        InvalidRequestError: it is no type, or JSON has no word for it.
    """
    if is_data_frame(kind):
        return replace(_kind(list[dict[str, Cell]]), label="DataFrame", _is_table=True)
    return _kind(kind)


def is_data_frame(kind: Any) -> bool:
    """Whether a class is that of pandas, which is not imported to find out."""
    frame = getattr(sys.modules.get("pandas"), "DataFrame", None)
    return isinstance(kind, type) and kind is frame


def _kind(kind: Any) -> AnswerKind:
    label = _label(kind)
    hint = "Give a pydantic class, list[NAME], dict or DataFrame."
    if isinstance(kind, str) or inspect.isroutine(kind):  # which pydantic would take for something else
        raise InvalidRequestError(f"{label} is no type.", hint)
    try:
        adapter: pydantic.TypeAdapter[Any] = pydantic.TypeAdapter(kind)
        schema = adapter.json_schema()
    except (pydantic.PydanticUserError, NameError, TypeError) as error:
        raise InvalidRequestError(f"{label} is no type that JSON has a word for.", hint) from error
    is_wrapped = schema.get("type") != "object"
    strict, is_strict = strict_schema(_wrapped(schema) if is_wrapped else schema)
    return AnswerKind(label, strict, is_strict, adapter, is_wrapped)


def _wrapped(schema: dict[str, Any]) -> dict[str, Any]:
    definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
    return {"type": "object", "properties": {ANSWER: schema}, "required": [ANSWER], **definitions}


def _label(kind: Any) -> str:
    name = kind.__name__ if isinstance(kind, type) else repr(kind)
    return _shown(_MODULES.sub("", name))


def _json_in(text: str) -> Iterator[tuple[Any, str]]:
    """What may be meant by a text: all of it, what stands in fences, then whatever begins with a bracket."""
    for candidate in (text, *(match[1] for match in _FENCED.finditer(text))):
        try:
            yield _DECODER.decode(candidate.strip()), candidate.strip()
        except (ValueError, RecursionError):
            continue
    position = 0
    for _ in range(MAX_CANDIDATES):
        opening = _OPENING.search(text, position)
        if not opening:
            return
        position = opening.end()
        try:
            found, end = _DECODER.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            continue
        yield found, text[opening.start() : end]
        position = end


def _in_words(error: pydantic.ValidationError, is_wrapped: bool) -> str:
    problems = [_problem(one) for one in error.errors(include_url=False)]
    left_out = len(problems) - MAX_PROBLEMS
    more = [f"and {left_out} more"] if left_out > 0 else []
    return "; ".join([*dict.fromkeys(problems[:MAX_PROBLEMS]), *more])


def _problem(error: Any) -> str:
    place = ".".join(str(step) for step in error["loc"])
    named = f"{_shown(place)}: " if place else ""
    given = "" if error["type"] == "missing" else f", not {_shown(repr(error['input']))}"
    return f"{named}{_shown(error['msg'], 200)}{given}"


def _shown(text: str, characters: int = MAX_SHOWN_CHARACTERS) -> str:
    line = one_line(text)
    return line if len(line) <= characters else line[:characters] + "…"


def _table_of(rows: list[dict[str, Cell]]) -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ConfigurationError(
            "A DataFrame needs pandas, which is not installed.", "Install it: pip install pandas."
        ) from error
    return pandas.DataFrame(rows)
