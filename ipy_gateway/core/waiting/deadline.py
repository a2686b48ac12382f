"""How long a request may take, not counting what is no part of it: fetching a model, loading it."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TypeAlias

_Running: TypeAlias = tuple[asyncio.Timeout, asyncio.Task[Any] | None]
_running: ContextVar[tuple[_Running, ...]] = ContextVar("ipy_gateway_deadlines", default=())


class deadline:  # noqa: N801 - used like a function
    """Cancel what runs inside after some seconds, and raise TimeoutError; None waits for ever.

    Inside another one of the same task that comes no later it costs nothing, and does nothing.
    """

    _timeout: asyncio.Timeout | None = None

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds

    async def __aenter__(self) -> None:
        if self._seconds is None:
            return
        around, task = _running.get(), asyncio.current_task()
        for one in around:
            if _comes_first(one, task, self._seconds):
                return
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        self._token = _running.set((*around, (self._timeout, task)))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._timeout:
            _running.reset(self._token)
            await self._timeout.__aexit__(kind, error, traceback)


def _comes_first(running: _Running, task: asyncio.Task[Any] | None, seconds: float) -> bool:
    timeout, of_task = running
    end = timeout.when()
    return of_task is task and end is not None and end <= asyncio.get_running_loop().time() + seconds


@contextmanager
def clock_stopped() -> Generator[None, None, None]:
    """Stop the clock of every deadline around this: a model is being fetched or loaded, once."""
    loop = asyncio.get_running_loop()
    stopped_at = loop.time()
    ends = [(timeout, timeout.when()) for timeout, _ in _running.get()]
    for timeout, _ in ends:
        _reschedule(timeout, None)
    try:
        yield
    finally:
        for timeout, end in ends:
            if end is not None:
                _reschedule(timeout, end + loop.time() - stopped_at)


def _reschedule(timeout: asyncio.Timeout, when: float | None) -> None:
    with suppress(RuntimeError):  # it has come, or is over: a task may outlive the one that started it
        timeout.reschedule(when)
