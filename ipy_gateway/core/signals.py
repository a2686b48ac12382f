"""Letting an interrupt reach a cell that awaits us."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

# A loop in the main thread sees a Ctrl-C only when it wakes (ipykernel #881).
SIGNAL_CHECK_S = 0.2


@contextmanager
def waking_for_signals() -> Generator[None, None, None]:
    """Wake the running loop a few times a second, so that it sees an interrupt while it waits."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(SIGNAL_CHECK_S, lambda: wake())

    def wake() -> None:
        nonlocal timer
        timer = loop.call_later(SIGNAL_CHECK_S, wake)

    try:
        yield
    finally:
        timer.cancel()
