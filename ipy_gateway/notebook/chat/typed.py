"""%%chat --as CLASS: an answer as an object of a class from the notebook."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from pydantic_core import to_jsonable_python

from ...core.answers.answer_kinds import answer_kind, is_data_frame
from ...core.answers.chunks import ChatChunk
from ...core.answers.replies import Reply
from ...core.conversations.conversation import Prompt
from ...core.exceptions import (
    ConfigurationError,
    InvalidAnswerError,
    UpstreamTimeoutError,
)
from ...core.requests.typed_answers import TypedReply, chat_completion_as
from ...core.waiting.deadline import deadline
from ...render.answers import answer_of
from ...render.typed_answers import not_typed_bundle, typed_bundle
from ..gateway_magics import GatewayMagics
from ..values.variables import Names, expression_value
from .conversations import Asking, Conversations, Question


def kind_named(expression: str, shell: InteractiveShell, local_ns: Names | None) -> Any:
    """The class that `--as` names, among the user's variables; DataFrame need not be imported.

    Raises:
        InvalidRequestError: there is none, or it is no type.
    """
    more = {"DataFrame": _data_frame()} if expression.strip() == "DataFrame" else {}
    kind = expression_value(expression, f"--as {expression:.80}", shell, local_ns, **more)
    answer_kind(kind)  # raises before anything else happens
    return kind


def ask_typed(
    question: Question,
    kind: Any,
    conversations: Conversations,
    gateway: GatewayMagics,
    *,
    keep: Callable[[Any], None],
) -> Any:
    """Ask, show the object that the answer is, and give it.

    Args:
        question: what is asked.
        kind: the class of the answer.
        conversations: where contexts are remembered.
        gateway: where it is shown.
        keep: called with the object, before it is shown.

    Raises:
        InvalidAnswerError: there is none; what came is shown.
        UpstreamError: no server answered, or the answer broke off.
    """
    label = answer_kind(kind).label
    asking = _TypedAsking(question, conversations, kind)
    output = gateway.output(f"Waiting for a {label}")
    try:
        output.wait_for(asking.reply())
    except InvalidAnswerError as error:
        output.show(not_typed_bundle(error.text, label))
        raise
    typed = asking.typed
    keep(typed.value)
    how = {"seconds": output.seconds, "is_deterministic": gateway.is_headless}
    answer = answer_of(typed.reply, notices=asking.notices, **how)
    output.show(typed_bundle(_jsonable(typed), answer))
    gateway.shown.note(typed.value)
    return typed.value


def _data_frame() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise ConfigurationError(
            "A DataFrame needs pandas, which is not installed.", "Install it: pip install pandas."
        ) from error
    return pandas.DataFrame


def _jsonable(typed: TypedReply[Any]) -> Any:
    """The value as JSON has it; where it has no words for it, what the model wrote."""
    if is_data_frame(type(typed.value)):
        return json.loads(typed.value.to_json(orient="records"))
    try:
        return to_jsonable_python(typed.value)
    except (ValueError, RecursionError):
        return json.loads(typed.text)


class _Held:
    """The answer, once it is there."""

    def __init__(self) -> None:
        self.typed: TypedReply[Any] | None = None

    @property
    def has_begun(self) -> bool:
        return self.typed is not None

    async def take_all(self, chunks: AsyncGenerator[ChatChunk, None], *, timeout_s: float | None) -> None:
        """Nothing comes in pieces."""
        async with aclosing(chunks):
            pass

    def reply(self) -> Reply:
        """Without its usage: more was sent than the conversation estimates, a schema or a second try."""
        assert self.typed
        return replace(self.typed.reply, usage=None)


class _TypedAsking(Asking):
    """A question whose answer is an object."""

    def __init__(self, question: Question, conversations: Conversations, kind: Any) -> None:
        self._held = _Held()
        super().__init__(question, conversations, self._held)
        self._kind = kind

    @property
    def typed(self) -> TypedReply[Any]:
        """The answer, after `reply`."""
        assert self._held.typed
        return self._held.typed

    async def _stream(self, prompt: Prompt) -> None:
        question = self._question
        try:
            async with deadline(question.timeout_s):
                self._held.typed = await chat_completion_as(
                    prompt.messages, self._kind, question.config, **question.params
                )
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"The answer was not complete within {question.timeout_s:g} s.",
                "Give it longer with --timeout, or bound it with --max-tokens.",
            ) from error
