"""Transcripts that are awaited: each is given once, in the order in which they came."""

import asyncio
import threading
from collections import deque
from contextlib import suppress

from ...core.exceptions import InvalidRequestError
from ...core.transcripts.transcript import Transcript
from ...core.transcripts.transcripts import Transcripts
from ...core.waiting.signals import waking_for_signals


class GivenTranscripts:
    """What has come and was not awaited yet, and who waits. Its methods may be called on any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ready: deque[Transcript] = deque()
        self._is_closed = False
        self._wakers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()

    def add(self, transcript: Transcript) -> None:
        """A transcript is there."""
        with self._lock:
            self._ready.append(transcript)
            self._wake()

    def close(self) -> None:
        """No other transcript will come."""
        with self._lock:
            self._is_closed = True
            self._wake()

    async def next(self) -> Transcript:
        """The first that was given to nobody; waits where there is none.

        Raises:
            InvalidRequestError: none will come any more.
        """
        waker = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            self._wakers.add(waker)
        try:
            with waking_for_signals():
                while True:
                    if transcript := self._first():
                        return transcript
                    if self._is_closed:
                        raise InvalidRequestError(
                            "The widget was closed: no transcript will come.", "Make another AudioUpload()."
                        )
                    await waker[1].wait()
                    waker[1].clear()
        finally:
            with self._lock:
                self._wakers.discard(waker)

    def _wake(self) -> None:
        for loop, event in self._wakers:
            with suppress(RuntimeError):  # that loop was closed, and who waited is gone
                loop.call_soon_threadsafe(event.set)

    def _first(self) -> Transcript | None:
        with self._lock:
            return self._ready.popleft() if self._ready else None


def with_result(before: Transcripts, name: str, result: Transcript | Exception) -> Transcripts:
    """The transcripts with another one, or with the error of a recording that has none."""
    transcripts = {key: one for key, one in before.transcripts.items() if key != name}
    errors = {key: one for key, one in before.errors.items() if key != name}
    if isinstance(result, Exception):
        return Transcripts(transcripts, {**errors, name: result})
    return Transcripts({**transcripts, name: result}, errors)
