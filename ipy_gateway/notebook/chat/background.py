"""An answer that is written in the background, while other cells run."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from ...core.answers.replies import Reply
from ...core.exceptions import AnswerCancelledError
from ...render.answers import Answer, answer_bundle, answer_of
from ...render.bundle import Bundle
from ...render.results import failure_bundle, note_bundle
from ...render.text import sentence_of
from ..loop import CLEAN_UP_S, Job, gateway_loop
from .background_output import BackgroundOutput
from .incoming import IncomingAnswer
from .live import is_worth_showing


class BackgroundAnswer:
    """An answer on its way; `await answer` gives its `Reply`, as often as it is awaited.

    An interrupt of a cell that awaits it ends the waiting alone: `cancel()` ends the answer.
    """

    def __init__(self, incoming: IncomingAnswer, job: Job[Reply]) -> None:
        self._incoming = incoming
        self._job = job

    @property
    def done(self) -> bool:
        """Whether it has ended: complete, failed or cancelled."""
        return self._job.finished.is_set()

    @property
    def text(self) -> str:
        """What has come of it so far."""
        return self.reply.text

    @property
    def reply(self) -> Reply:
        """What has come so far, as a reply, which may be incomplete."""
        return self._incoming.reply(is_complete=self.done and self.error is None)

    @property
    def error(self) -> Exception | None:
        """Why it failed, or None: it is complete, or still on its way."""
        return _error_of(self._job, self._incoming) if self.done else None

    def cancel(self) -> None:
        """Stop it, and hang up; does nothing where it has ended. What has come stays, and is marked."""
        self._job.cancel()

    def wait_until_stopped(self) -> None:
        """Wait for the end of an answer that was cancelled, but not for ever."""
        self._job.finished.wait(CLEAN_UP_S)

    def __await__(self) -> Generator[Any, None, Reply]:
        return self._settled().__await__()

    async def _settled(self) -> Reply:
        await self._job.settled()
        if self.error:
            raise self.error
        return self._job.result()

    def __repr__(self) -> str:
        return f"<BackgroundAnswer: {self._state}>"

    @property
    def _state(self) -> str:
        if not self.done:
            return f"{len(self.text)} characters so far"
        return f"{type(self.error).__name__}: {self.error}" if self.error else repr(self.reply)


def answer_in_background(
    work: Callable[[], Coroutine[Any, Any, Reply]],
    output: BackgroundOutput,
    *,
    shown_as: Callable[[Reply], Answer],
    at_end: Callable[[], None],
) -> BackgroundAnswer:
    """Begin to answer, and show the answer while it is written.

    Args:
        work: asks, adds what comes to `output.incoming`, and returns the reply.
        output: where it is shown; it has begun.
        shown_as: what to show of a reply, whole or as far as it came.
        at_end: called on the loop when it has ended in any way, before anybody who awaits it is told.
    """

    def show_end(job: Job[Reply]) -> None:
        at_end()
        output.show(_last_bundle(output.incoming, _error_of(job, output.incoming), shown_as))

    return BackgroundAnswer(output.incoming, gateway_loop().submit(output.painted(work), at_end=show_end))


def answered(incoming: IncomingAnswer, reply: Reply) -> BackgroundAnswer:
    """The answer that somebody has waited for already."""
    job = gateway_loop().submit(_returned(reply))
    job.finished.wait(CLEAN_UP_S)
    return BackgroundAnswer(incoming, job)


def background_bundle(answer: BackgroundAnswer) -> Bundle:
    """What is shown of an answer: itself when it is complete, and before that how it is."""
    if answer.done and not answer.error:
        return answer_bundle(answer_of(answer.reply, is_deterministic=True))
    return note_bundle(repr(answer))


async def _returned(reply: Reply) -> Reply:
    return reply


def _error_of(job: Job[Reply], incoming: IncomingAnswer) -> Exception | None:
    try:
        job.result()
    except asyncio.CancelledError:
        text = incoming.reply(is_complete=False).text
        return AnswerCancelledError(
            "The answer was cancelled.", "Read .text for what had come, or ask again.", partial_text=text
        )
    except Exception as error:
        return error
    return None


def _last_bundle(
    incoming: IncomingAnswer, error: Exception | None, shown_as: Callable[[Reply], Answer]
) -> Bundle:
    reply = incoming.reply(is_complete=error is None)
    if not error:
        return answer_bundle(shown_as(reply))
    if not is_worth_showing(reply):
        return failure_bundle(sentence_of(error))
    answer = shown_as(reply)
    told = () if isinstance(error, AnswerCancelledError) else (sentence_of(error),)
    return answer_bundle(dataclasses.replace(answer, notices=(*answer.notices, *told)))
