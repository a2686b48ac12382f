"""How long a request may take, not counting what is no part of it: fetching a model, loading it."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_running: ContextVar[tuple[asyncio.Timeout, ...]] = ContextVar("ipy_gateway_deadlines", default=())


@asynccontextmanager
async def deadline(seconds: float | None) -> AsyncGenerator[None, None]:
    """Cancel what runs inside after some seconds, and raise TimeoutError; None waits for ever."""
    async with asyncio.timeout(seconds) as timeout:
        token = _running.set((*_running.get(), timeout))
        try:
            yield
        finally:
            _running.reset(token)


@contextmanager
def clock_stopped() -> Generator[None, None, None]:
    """Stop the clock of every deadline around this: a model is being fetched or loaded, once."""
    loop = asyncio.get_running_loop()
    stopped_at = loop.time()
    ends = [(timeout, timeout.when()) for timeout in _running.get()]
    for timeout, _ in ends:
        timeout.reschedule(None)
    try:
        yield
    finally:
        for timeout, end in ends:
            if end is not None and not timeout.expired():
                timeout.reschedule(end + loop.time() - stopped_at)
