"""The windows of one recording on their way: several at once, kept when heard, marked where they fail."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from ..config import GatewayConfig
from ..exceptions import BudgetExceededError, UpstreamError, UpstreamResponseError, UpstreamUnreachableError
from ..requests.servers import AudioApi
from ..transcripts.transcription import Transcription
from ..waiting.progress import TranscriptionProgress
from .joining import Heard
from .kept_answers import KeptAnswers, hash_of
from .window_lengths import known_way, longest_window_s
from .window_requests import WindowAnswer, ask_about, is_too_large
from .windows import Window, halves

GIVE_UP_AFTER = 8  # failures in a row: a server that is gone would cost minutes for each further window
# What every window would be answered alike: a wrong key, a wrong address.
_SAME_FOR_ALL = frozenset({401, 402, 403, 404, 405, 410})


class WindowRun:
    """Has all windows of a recording heard.

    Attributes:
        end_s: where the last window ended; 0 before, and where only the server knows.

    Args:
        kept: what the journal holds of the recording, and what is asked about it.
        position: its place among the recordings of the call.
        slots: how many windows may be under way, of this recording and of those beside it.
        again: whether what is kept is left alone.
        on_progress: called after each window.
        total_s: length of the recording as its header states it, or None.
    """

    def __init__(
        self,
        kept: KeptAnswers,
        *,
        position: int,
        slots: asyncio.Semaphore,
        again: bool,
        on_progress: Callable[[TranscriptionProgress], None] | None,
        total_s: float | None,
    ) -> None:
        self.end_s = 0.0
        self._kept = kept
        self._config: GatewayConfig = kept.config
        self._slots = slots
        self._again = again
        self._on_progress = on_progress
        self._progress = TranscriptionProgress(kept.source, total_s=total_s, position=position)
        self._way: AudioApi | None = known_way(kept.config)
        self._is_first = True
        self._refused_s = float("inf")
        self._failures_in_a_row = 0
        self._budget_error: BudgetExceededError | None = None
        self._first_error: UpstreamError | None = None
        self._last_error: UpstreamError | None = None
        self._answers: Counter[tuple[str, str]] = Counter()
        self._heard: dict[int, list[Heard]] = {}

    @property
    def heard(self) -> list[Heard]:
        """What came of each window, in the order of time."""
        return [heard for _, group in sorted(self._heard.items()) for heard in group]

    @property
    def server_and_model(self) -> tuple[str, str]:
        """Who answered, or answered most."""
        return self._answers.most_common(1)[0][0] if self._answers else ("", "")

    def window_s(self) -> float:
        """How long the next window may be.

        The same recording has to be cut alike in the next run, or nothing that was kept would be found. So as
        long as the way to ask is to be found out, the first window is a short one, whatever is known by now.
        """
        return longest_window_s(self._config, None if self._is_first else self._way)

    async def hear(self, windows: AsyncGenerator[Window, None]) -> None:
        """Have every window heard.

        Raises:
            UpstreamError: nothing could be heard at all.
            GatewayError: as whatever gives the windows, and `ask_about`.
        """
        error: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                await self._start_all(windows, group)
        except BaseExceptionGroup as failures:
            error = failures.exceptions[0]
        error = error or self._budget_error
        if error:
            raise error
        if self._first_error and not self._answers:
            raise self._first_error

    async def _start_all(self, windows: AsyncGenerator[Window, None], group: asyncio.TaskGroup) -> None:
        number = 0
        while (window := await self._next(windows)) and not self._budget_error:
            hearing = group.create_task(self._hear(number, window))
            # A task that is cancelled before it starts would not give it back by itself.
            hearing.add_done_callback(lambda _: self._slots.release())
            if self._is_first:
                self._is_first = False
                if self._way is None:
                    await asyncio.wait({hearing})
            number, self.end_s = number + 1, window.end_s
            del window  # 30 seconds take a megabyte
        self._progress = replace(self._progress, total_s=self.end_s)

    async def _next(self, windows: AsyncGenerator[Window, None]) -> Window | None:
        """The next window, when there is a slot for it; None at the end."""
        await self._slots.acquire()
        try:
            window = await anext(windows, None)
        except BaseException:
            self._slots.release()
            raise
        if window is None:
            self._slots.release()
        return window

    async def _hear(self, number: int, window: Window) -> None:
        if not number:
            self._kept.recording = hash_of(window.upload)
        try:
            heard = await self._heard_in(window)
        except BudgetExceededError as error:  # the windows under way are paid for: they end, and are kept
            self._budget_error = error
            return
        self._heard[number] = heard
        self._report(window, failures=sum(part.transcription is None for part in heard))

    async def _heard_in(self, window: Window) -> list[Heard]:
        known = None if self._again else await self._kept.find(window)
        if isinstance(known, WindowAnswer):
            self._progress = replace(self._progress, from_journal=self._progress.from_journal + 1)
            return [self._answered(window, known)]
        if known == "halved" and window.can_be_halved:
            return await self._heard_in_halves(window)
        if window.can_be_halved and window.duration_s >= self._refused_s:
            return await self._halved(window)
        if self._failures_in_a_row >= GIVE_UP_AFTER and self._last_error:
            return [_gap(window, self._last_error)]
        return await self._asked(window)

    async def _asked(self, window: Window) -> list[Heard]:
        try:
            answer = await ask_about(window.upload, self._kept.wish, self._config)
        except UpstreamError as error:
            if is_too_large(error) and window.can_be_halved:
                self._refused_s = min(self._refused_s, window.duration_s)
                return await self._halved(window)
            self._failed(error)
            return [_gap(window, error)]
        if answer.transcription.cut_off and window.can_be_halved:
            return await self._halved(window)
        await self._kept.keep(window, answer)
        self._failures_in_a_row = 0
        return [self._answered(window, answer)]

    async def _halved(self, window: Window) -> list[Heard]:
        await self._kept.keep_halved(window)
        return await self._heard_in_halves(window)

    async def _heard_in_halves(self, window: Window) -> list[Heard]:
        first, second = await asyncio.to_thread(halves, window, self._config)
        return [*await self._heard_in(first), *await self._heard_in(second)]

    def _answered(self, window: Window, answer: WindowAnswer) -> Heard:
        self._way = self._way or answer.way
        self._answers[answer.server, answer.model] += 1
        end_s = window.start_s + _length_s(window, answer.transcription)
        return Heard(window.start_s, end_s, window.overlap_s, answer.transcription)

    def _failed(self, error: UpstreamError) -> None:
        """Take note of a failure; raise it where every other window would fail alike."""
        self._failures_in_a_row += 1
        self._first_error, self._last_error = self._first_error or error, error
        if not self._answers and (is_same_for_all(error) or self._failures_in_a_row >= GIVE_UP_AFTER):
            raise self._first_error

    def _report(self, window: Window, *, failures: int) -> None:
        progress = self._progress
        done_s = progress.done_s + window.duration_s - window.overlap_s
        self._progress = replace(
            progress,
            done_s=done_s,
            total_s=None if progress.total_s is None else max(done_s, progress.total_s),
            windows=progress.windows + 1,
            failures=progress.failures + failures,
        )
        if self._on_progress:
            self._on_progress(self._progress)


def is_same_for_all(error: UpstreamError) -> bool:
    """Whether every other part of a recording would be answered alike."""
    return isinstance(error, UpstreamUnreachableError) or (
        isinstance(error, UpstreamResponseError) and error.status_code in _SAME_FOR_ALL
    )


def _gap(window: Window, error: UpstreamError) -> Heard:
    return Heard(window.start_s, window.end_s, window.overlap_s, reason=error.message)


def _length_s(window: Window, transcription: Transcription) -> float:
    """The length of a window; of a whole recording only the server may know it."""
    if window.duration_s:
        return window.duration_s
    return transcription.duration_s or max((segment.end_s for segment in transcription.segments), default=0.0)
