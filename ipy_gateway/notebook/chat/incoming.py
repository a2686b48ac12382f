"""An answer that is coming in: one loop adds what it reads, and any thread looks at it."""

import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ...core.answers.chunks import ChatChunk
from ...core.answers.replies import Reply, ReplyBuilder
from ...core.exceptions import UpstreamTimeoutError
from ...core.waiting.deadline import deadline


class IncomingAnswer:
    """What has come of an answer, and when it began.

    Args:
        clock: seconds, as `time.monotonic` counts them.

    Attributes:
        first_token_s: seconds until anything of it came, or None.
        is_whole: whether it has come to its end.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._builder = ReplyBuilder()
        self._lock = threading.Lock()
        self.first_token_s: float | None = None
        self.is_whole = False

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer is there."""
        return self.first_token_s is not None

    @property
    def seconds(self) -> float:
        """Seconds since it was asked for."""
        return self._clock() - self._started

    def take(self, chunk: ChatChunk) -> None:
        """Add what came."""
        self.is_whole = False
        if self.first_token_s is None and (chunk.text or chunk.reasoning or chunk.refusal):
            self.first_token_s = self.seconds
        with self._lock:
            self._builder.add(chunk)

    async def take_all(self, chunks: AsyncGenerator[ChatChunk, None], *, timeout_s: float | None) -> None:
        """Add all that comes.

        Args:
            chunks: closed in the end.
            timeout_s: seconds that it may take, or None.

        Raises:
            UpstreamTimeoutError: it took longer.
        """
        try:
            async with deadline(timeout_s), aclosing(chunks):
                async for chunk in chunks:
                    self.take(chunk)
            self.is_whole = True
        except TimeoutError as error:
            raise UpstreamTimeoutError(
                f"The answer was not complete within {timeout_s:g} s.",
                "Give it longer with --timeout, or bound it with --max-tokens.",
                partial_text=self.reply(is_complete=False).text,
            ) from error

    def so_far(self) -> tuple[str, str]:
        """Its text, and what the model thought before."""
        with self._lock:
            return self._builder.text.lstrip(), self._builder.reasoning

    def reply(self, *, is_complete: bool = True) -> Reply:
        """The answer so far."""
        with self._lock:
            return self._builder.reply(is_complete=is_complete)
