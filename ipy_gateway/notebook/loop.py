"""The gateway's own event loop, in a thread, and how a cell waits for it.

A magic can't await on the kernel's loop, which is busy running the cell. Nesting that loop loses messages,
so the work runs on a loop of our own while the cell polls for its end, which an interrupt can break at any
time.
"""

import asyncio
import atexit
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from ..core.waiting.signals import waking_for_signals

Result = TypeVar("Result")

POLL_S = 0.05  # an untimed wait can't be interrupted on Windows
CLEAN_UP_S = 5.0


class Bridge(Protocol):
    """How a cell waits for a coroutine: `GatewayLoop` or, where that is asked for, `KernelLoop`."""

    def run(
        self, work: Coroutine[Any, Any, Result], *, while_waiting: Callable[[], None] | None = None
    ) -> Result:
        """Run a coroutine and wait for its result; an interrupt cancels it."""


class GatewayLoop:
    """An event loop that runs in a daemon thread until it is stopped."""

    def __init__(self) -> None:
        self._loop = _new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="ipy_gateway-loop", daemon=True)
        self._thread.start()

    def run(
        self, work: Coroutine[Any, Any, Result], *, while_waiting: Callable[[], None] | None = None
    ) -> Result:
        """Run a coroutine on this loop and wait for its result.

        On an interrupt, or any other exception in the waiting thread, the work is cancelled once and given
        some seconds to clean up.

        Args:
            work: the coroutine.
            while_waiting: called every now and then in the waiting thread.

        Raises:
            RuntimeError: called from the loop's own thread, which would wait for itself, or after `stop`.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("The gateway's loop can't wait for itself: await the coroutine instead.")
        job = self._job(work)
        with interruptible():
            try:
                job.start()
                while not job.finished.wait(POLL_S):
                    if while_waiting:
                        while_waiting()
            except BaseException as error:
                job.cancel()
                job.finished.wait(CLEAN_UP_S)
                if type(error) is KeyboardInterrupt:
                    raise Interrupted from None
                raise
        return job.result()

    def submit(
        self, work: Coroutine[Any, Any, Result], *, at_end: Callable[["Job[Result]"], None] | None = None
    ) -> "Job[Result]":
        """Run a coroutine on this loop without waiting for it.

        Args:
            work: the coroutine.
            at_end: called on the loop when it has ended in any way, also where it was cancelled before it
                began, and before anybody who waits for it is told.

        Raises:
            RuntimeError: called after `stop`.
        """
        job = self._job(work, at_end)
        job.start()
        return job

    def stop(self) -> None:
        """Cancel what still runs, close connections, and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(CLEAN_UP_S)

    def _job(
        self, work: Coroutine[Any, Any, Result], at_end: Callable[["Job[Result]"], None] | None = None
    ) -> "Job[Result]":
        if not self._thread.is_alive():
            work.close()
            raise RuntimeError("The gateway's loop has been stopped: the interpreter is exiting.")
        return Job(work, self._loop, at_end)

    def _serve(self) -> None:
        # Python 3.12 starts no thread at exit, not even the one that asyncio ends its executor with.
        with suppress(RuntimeError), asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._stopping.wait())  # the runner cleans up as asyncio.run does


def _new_event_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":  # ipykernel's policy gives selector loops there, which can't start ffmpeg
        return asyncio.ProactorEventLoop()
    return asyncio.new_event_loop()


class Interrupted(KeyboardInterrupt):
    """Somebody pressed the stop button. There is nothing to look up in a traceback."""

    def _render_traceback_(self) -> list[str]:
        return ["KeyboardInterrupt: stopped, together with the work behind it."]


Interrupted.__name__ = "KeyboardInterrupt"  # what front ends show, and look for


class Job(Generic[Result]):
    """A coroutine handed over to a loop in another thread.

    Attributes:
        finished: whether it has ended, in whatever way.
    """

    def __init__(
        self,
        work: Coroutine[Any, Any, Result],
        loop: asyncio.AbstractEventLoop,
        at_end: Callable[["Job[Result]"], None] | None = None,
    ) -> None:
        self.finished = threading.Event()
        self._work = work
        self._loop = loop
        self._at_end = at_end
        self._task: asyncio.Task[Result] | None = None
        self._waiting: list[Callable[[], None]] = []
        self._lock = threading.Lock()  # nobody begins to wait while those who wait are told

    def start(self) -> None:
        """Hand it over, to run in a copy of the caller's context."""
        self._loop.call_soon_threadsafe(self._start)

    def cancel(self) -> None:
        """Stop it, unless it has ended; it may take a moment to clean up."""
        with suppress(RuntimeError):  # the loop is closed, and so is what ran on it
            self._loop.call_soon_threadsafe(self._cancel)

    def result(self) -> Result:
        """What a finished job has returned; what it has raised is raised."""
        assert self._task
        return self._task.result()

    async def settled(self) -> None:
        """Wait for its end on the loop of whoever asks; to give up waiting does not stop it."""
        loop = asyncio.get_running_loop()
        is_settled = asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # whoever waited is gone, with the loop
                loop.call_soon_threadsafe(is_settled.set)

        with self._lock:
            if self.finished.is_set():
                return
            self._waiting.append(wake)
        with waking_for_signals():
            await is_settled.wait()

    def _start(self) -> None:
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task:
            self._task.cancel()
        else:  # the interrupt came before the start
            self._work.close()
            self.finished.set()

    def _finish(self, task: "asyncio.Task[Result]") -> None:
        if not task.cancelled():
            task.exception()  # seen: when nobody waits any more, asyncio is not to complain about it
        try:
            if self._at_end:
                self._at_end(self)
        finally:
            with self._lock:
                self.finished.set()
                waiting, self._waiting = self._waiting, []
            for wake in waiting:
                wake()


@contextmanager
def interruptible() -> Generator[None, None, None]:
    """Let Ctrl-C raise KeyboardInterrupt here, also where somebody installed another handler."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler or before is None:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@cache
def gateway_loop() -> GatewayLoop:
    """The one loop of this process, however often the extension is loaded."""
    loop = GatewayLoop()
    atexit.register(loop.stop)
    return loop


if hasattr(os, "register_at_fork"):  # the thread stays with the parent
    os.register_at_fork(after_in_child=gateway_loop.cache_clear)
