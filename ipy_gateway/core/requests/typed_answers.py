"""Typed answers: a JSON schema goes along with a question, and what comes back is checked against it."""

import json
import re
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar, overload

from ..answers.answer_kinds import AnswerKind, AnswerProblem, answer_kind
from ..answers.replies import Reply, ReplyBuilder
from ..config import GatewayConfig
from ..exceptions import InvalidAnswerError, InvalidRequestError, UpstreamError, UpstreamResponseError
from ..hiding import without_key
from ..messages import Message, check_messages, text_message
from ..printable import one_line
from ..routing import has_audio_content, upstream_urls
from ..waiting.progress import Progress, report
from .model_names import audio_model, named, text_model
from .server_memory import takes_json_schema
from .servers import board
from .streams import stream_completion

Value = TypeVar("Value")

TRIES: Final = 2
_SHOWN_CHARACTERS: Final = 100  # of an answer while it is written, its end
_SET_HERE: Final = frozenset({"response_format", "stream", "messages", "n"})
_REFUSALS: Final = frozenset({400, 422})
_NAMES_FORMAT: Final = re.compile(r"response_format|json_?schema|json schema|grammar|structured output")
# What is said where this very schema is too much for a server that takes others: OpenAI, llama.cpp.
_NAMES_THIS_SCHEMA: Final = re.compile(r"invalid schema|schema conversion|grammar|unsupported schema")


@dataclass(frozen=True, slots=True)
class TypedReply(Generic[Value]):
    """An answer that is what was asked for.

    Attributes:
        value: the object.
        reply: the answer as it came; its text and message are the JSON alone.
        tries: how often the model was asked.
    """

    value: Value
    reply: Reply
    tries: int = 1

    @property
    def text(self) -> str:
        """The JSON."""
        return self.reply.text


@overload
async def chat_completion_as(
    messages: Sequence[Message], kind: type[Value], config: GatewayConfig, **openai_params: Any
) -> TypedReply[Value]: ...
@overload
async def chat_completion_as(
    messages: Sequence[Message], kind: Any, config: GatewayConfig, **openai_params: Any
) -> TypedReply[Any]: ...
async def chat_completion_as(
    messages: Sequence[Message], kind: Any, config: GatewayConfig, **openai_params: Any
) -> TypedReply[Any]:
    """An answer as an object of a class.

        person = (await chat_completion_as(messages, Person, config)).value

    The class's JSON schema goes along as `response_format`; a server that refuses that finds it in the
    message. An answer that is not of this kind is shown to the model, with what is wrong with it, once.

    Args:
        messages: as in `chat_completion`.
        kind: a pydantic class or whatever else pydantic validates, such as `list[Person]`, `dict` or
            `Literal["yes", "no"]`; pandas' DataFrame for a table with columns of the model's choice.
        config: where to send them.
        **openai_params: as in `chat_completion`.

    Raises:
        InvalidAnswerError: the second answer is not of this kind, either; its `text` is that answer.
        InvalidRequestError: the kind is no type, or the messages are no chat messages; nothing was sent.
        UpstreamError: a server did not answer, or not well; `partial_text` is what there was before.
        ConfigurationError: the embedded engine is asked and not installed, or pandas is not.
    """
    wanted = answer_kind(kind)
    check_messages(messages)
    for name in openai_params.keys() & _SET_HERE:
        raise InvalidRequestError(f"A typed answer sets {name} itself.", f"Leave out {name}.")
    question = _TypedQuestion(wanted, config, openai_params)
    first = await question.answered(messages)
    try:
        return _typed(first, wanted, tries=1)
    except AnswerProblem as problem:
        correction = _corrected(messages, first, wanted, problem)
    report(Progress(f"Asking once more for a {wanted.label}"))
    try:
        second = await question.answered(correction)
    except UpstreamError as error:
        error.partial_text = error.partial_text or first.text
        raise
    try:
        return _typed(second, wanted, tries=TRIES)
    except AnswerProblem as problem:
        raise _invalid(second, wanted, problem, config) from None


def may_send_schema(base_url: str) -> bool:
    """Whether a server may be sent a JSON schema for its answer; as long as nothing is known, it may."""
    return board.takes_json_schema(base_url) and takes_json_schema(base_url) is not False


def typed_request(
    messages: Sequence[Message], kind: Any, base_url: str, params: dict[str, Any]
) -> dict[str, Any]:
    """What `chat_completion_as` sends to a server, but for the model's name.

    Raises:
        InvalidRequestError: the kind is no type.
    """
    return _request(messages, answer_kind(kind), params, has_format=may_send_schema(base_url))


class _TypedQuestion:
    """A question on its way to servers that may refuse its schema."""

    def __init__(self, kind: AnswerKind, config: GatewayConfig, params: dict[str, Any]) -> None:
        self._kind = kind
        self._config = config
        self._params = params
        self._without_format: set[str] = set()

    async def answered(self, messages: Sequence[Message]) -> Reply:
        """The reply of the first server that gives one, asked without the schema where it refuses that."""
        while True:
            try:
                return await self._asked(messages)
            except UpstreamResponseError as error:
                if error.upstream in self._without_format or not _refuses_format(error):
                    raise
                self._without_format.add(error.upstream)
                if not _NAMES_THIS_SCHEMA.search(error.message.lower()):
                    board.learn_json_schema(error.upstream, is_taken=False)

    async def _asked(self, messages: Sequence[Message]) -> Reply:
        model = audio_model if has_audio_content(messages) else text_model

        def body_for(base_url: str) -> dict[str, Any]:
            if not may_send_schema(base_url):
                self._without_format.add(base_url)
            has_format = base_url not in self._without_format
            request = _request(messages, self._kind, self._params, has_format=has_format)
            return {**named(model, base_url, self._config), **request}

        builder, end = ReplyBuilder(), ""
        urls = upstream_urls({"messages": messages}, self._config)
        chunks = stream_completion(body_for, urls, self._config)
        async with aclosing(chunks):
            async for chunk in chunks:
                builder.add(chunk)
                end = (end + chunk.text)[-_SHOWN_CHARACTERS:]
                if chunk.text:
                    report(Progress(f"Writing a {self._kind.label}: {one_line(end)}"))
        return builder.reply()


def _request(
    messages: Sequence[Message], kind: AnswerKind, params: dict[str, Any], *, has_format: bool
) -> dict[str, Any]:
    if has_format:
        return {"messages": list(messages), **params, "response_format": kind.response_format}
    return {"messages": _with_words(messages, _instruction(kind)), **params}


def _refuses_format(error: UpstreamResponseError) -> bool:
    return error.status_code in _REFUSALS and bool(_NAMES_FORMAT.search(error.message.lower()))


def _instruction(kind: AnswerKind) -> str:
    schema = json.dumps(kind.schema, ensure_ascii=False)
    return f"Answer with JSON alone, without any other text, according to this JSON schema:\n{schema}"


def _with_words(messages: Sequence[Message], words: str) -> list[Message]:
    """The messages with something added to the question: two questions in a row are refused by templates."""
    *before, last = messages
    if last["role"] != "user":
        return [*messages, text_message("user", words)]
    content = last.get("content")
    if isinstance(content, list):
        return [*before, {**last, "content": [*content, {"type": "text", "text": words}]}]
    return [*before, {**last, "content": f"{content or ''}\n\n{words}"}]


def _corrected(
    messages: Sequence[Message], reply: Reply, kind: AnswerKind, problem: AnswerProblem
) -> list[Message]:
    words = f"The answer is wrong: {problem}. {_instruction(kind)}"
    if not reply.text:  # servers refuse an empty answer
        return _with_words(messages, words)
    return [*messages, text_message("assistant", reply.text), text_message("user", words)]


def _typed(reply: Reply, kind: AnswerKind, *, tries: int) -> TypedReply[Any]:
    """The value of a reply.

    Raises:
        AnswerProblem: it has none of this kind.
    """
    try:
        value, text = kind.read(reply.text)
    except AnswerProblem:
        if reply.cut_off:
            raise AnswerProblem("it was cut off at its length limit, so be brief") from None
        if not reply.text:
            raise AnswerProblem(_why_empty(reply)) from None
        raise
    kept = replace(reply, text=text, message=text_message("assistant", text))
    return TypedReply(value, kept, tries)


def _why_empty(reply: Reply) -> str:
    if reply.message.get("tool_calls"):
        return "it calls tools in place of saying something"
    return f"it is a refusal, {reply.refusal:.200}" if reply.refusal else "it is empty"


def _invalid(
    reply: Reply, kind: AnswerKind, problem: AnswerProblem, config: GatewayConfig
) -> InvalidAnswerError:
    said = f"{reply.server} gave no {kind.label} in {TRIES} tries"
    if reply.cut_off:
        return InvalidAnswerError(
            f"{said}: the answer was cut off at its length limit.",
            "Raise --max-tokens (max_tokens in code), or ask for less at a time.",
            text=reply.text,
            upstream=reply.server,
        )
    return InvalidAnswerError(
        f"{said}: {without_key(str(problem), reply.server, config)}.",
        "Ask in other words, or another model; the answer is the `text` of this error.",
        text=reply.text,
        upstream=reply.server,
    )
