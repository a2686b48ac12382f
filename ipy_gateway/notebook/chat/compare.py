"""One question to several models, at once."""

import asyncio
import dataclasses
import re
from collections.abc import Sequence

from IPython.core.interactiveshell import InteractiveShell

from ...core.answers.replies import Reply
from ...core.exceptions import InvalidRequestError, UpstreamError
from ...render.answers import answer_of
from ...render.bundle import Bundle
from ...render.comparison import Column, comparison_bundle, waiting_comparison_bundle
from ...render.text import sentence_of
from ..display import Output, is_headless, is_terminal
from ..lines.options import ChatOptions
from ..loop import Bridge
from .conversations import Asking, Conversations, Question
from .incoming import IncomingAnswer
from .live import ANSWER_REPAINT_S, PAINTED_CHARACTERS_PER_S, is_worth_showing

STOPPED = "Stopped before anything came."

# A model's name may have an "@" in it, and so may an address.
_CONTESTANT = re.compile(r"(?:(?P<model>(?:(?!@\w+://).)*)@)?(?P<url>\w+://.*)|(?P<name>.+)", re.DOTALL)


class Comparison(dict[str, Reply | Exception]):
    """What each gave who was asked, by their names as they were written: a reply, or the error.

    After a stop, the replies are those that had come so far.
    """


def contestants_of(options: ChatOptions) -> list[tuple[str, ChatOptions]]:
    """Who is asked, each with the options for it: `qwen3,llama3@http://localhost:8081,local://engine`.

    Raises:
        InvalidRequestError: they are not at least two different ones.
    """
    labels = [label.strip() for label in (options.compare or "").split(",")]
    if len(labels) < 2 or not all(labels):
        raise InvalidRequestError(
            f"--compare needs two models or more, with commas between, not {options.compare!r:.80}.",
            "Write --compare qwen3,llama3@http://localhost:8081.",
        )
    twice = next((label for label in labels if labels.count(label) > 1), None)
    if twice:
        raise InvalidRequestError(f"--compare names {twice!r:.80} twice.", "Name it once.")
    return [(label, _options_for(label, options)) for label in labels]


def _options_for(label: str, options: ChatOptions) -> ChatOptions:
    found = _CONTESTANT.fullmatch(label)
    assert found  # it is not empty
    return dataclasses.replace(
        options, model=found["model"] or found["name"], url=found["url"] or options.url
    )


class Contestant:
    """One of those who are asked, with what comes of it.

    Args:
        label: how the user has called it.
        question: what it is asked, and where.
        conversations: where the contexts of servers are remembered.
        player: name of the recording whose player times in the answer are links to, or "".
    """

    def __init__(
        self, label: str, question: Question, conversations: Conversations, *, player: str = ""
    ) -> None:
        self.label = label
        self.error: Exception | None = None
        self.reply: Reply | None = None
        self._player = player
        self._incoming = IncomingAnswer()
        self._asking = Asking(question, conversations, self._incoming)
        self._seconds: float | None = None

    @property
    def outcome(self) -> Reply | Exception:
        """The reply, the error, or what came before a stop."""
        return self.error or self.reply or self._incoming.reply(is_complete=False)

    async def ask(self) -> None:
        """Ask; an error is kept, for the others may do better."""
        try:
            self.reply = await self._asking.reply()
        except Exception as error:
            self.error = error
        self._seconds = self._incoming.seconds

    def column(self, *, is_last: bool, is_deterministic: bool = False) -> Column:
        """How it is shown, now or in the end."""
        is_under_way = self._seconds is None and not is_last
        reply = self.reply or self._incoming.reply(is_complete=is_under_way)
        error = sentence_of(self.error) if self.error else ""
        if not (self.reply or is_worth_showing(reply)):
            told = error or ("" if is_under_way else STOPPED)
            return Column(label=self.label, error=told, is_under_way=is_under_way)
        answer = answer_of(
            reply,
            player=self._player,
            notices=self._asking.notices,
            seconds=self._incoming.seconds if self._seconds is None else self._seconds,
            first_token_s=self._incoming.first_token_s,
            is_deterministic=is_deterministic,
        )
        return Column(label=self.label, answer=answer, error=error, is_under_way=is_under_way)


class ComparisonOutput(Output):
    """The one output of a comparison, which is repainted whole, the more seldom the longer it is."""

    def __init__(
        self, shell: InteractiveShell, contestants: Sequence[Contestant], bridge: Bridge | None
    ) -> None:
        super().__init__(shell, f"Waiting for {len(contestants)} answers", bridge)
        self._contestants = contestants
        self._is_deterministic = is_headless(shell)
        self._next_paint_s = 0.0
        self._painted_state = (0, 0)

    def comparison(self) -> Comparison:
        """What has come so far."""
        return Comparison((one.label, one.outcome) for one in self._contestants)

    def follow(self) -> None:
        """Ask all at once, and show their answers until all are complete or have failed.

        Raises:
            UpstreamError: all have failed.
        """
        try:
            self.wait_for(self._ask_all())
        finally:
            self.show(self._last_bundle())
        errors = [one.error for one in self._contestants if one.error]
        if len(errors) == len(self._contestants):
            raise UpstreamError(
                f"None of the {len(errors)} that were asked has answered.", "Read above what each one says."
            ) from errors[0]

    async def _ask_all(self) -> None:
        await asyncio.gather(*(one.ask() for one in self._contestants))

    def _repaint(self) -> None:
        if is_terminal(self._shell):
            super()._repaint()
            return
        now = self._clock()
        columns = [one.column(is_last=False) for one in self._contestants]
        characters = sum(len(column.answer.text) for column in columns if column.answer)
        state = (characters, int(self.seconds))
        if now < self._next_paint_s or state == self._painted_state or not (characters or self._is_time()):
            return
        self._replace(waiting_comparison_bundle(columns, seconds=self.seconds))
        self._painted_state = state
        self._next_paint_s = now + max(ANSWER_REPAINT_S, characters / PAINTED_CHARACTERS_PER_S)

    def _end_waiting(self) -> None:
        self._line.close()  # what came is shown instead

    def _last_bundle(self) -> Bundle:
        return comparison_bundle(
            [one.column(is_last=True, is_deterministic=self._is_deterministic) for one in self._contestants]
        )


def comparison_of(comparison: Comparison) -> Bundle:
    """A comparison that is shown again, in a cell of its own."""
    return comparison_bundle([_column_of(label, outcome) for label, outcome in comparison.items()])


def _column_of(label: str, outcome: Reply | Exception) -> Column:
    if isinstance(outcome, Reply):
        return Column(label=label, answer=answer_of(outcome, is_deterministic=True))
    return Column(label=label, error=sentence_of(outcome))
