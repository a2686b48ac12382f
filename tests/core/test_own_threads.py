"""What never returns: nobody has to wait for its thread."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, BinaryIO

import pytest

from ipy_gateway.core.recordings.recording_source import open_source
from ipy_gateway.core.waiting.own_threads import in_own_thread

from ..support.tools import package

POOLED_THREADS = min(32, (os.cpu_count() or 1) + 4)  # asyncio's own number

PROGRAM = """
import asyncio, os
from ipy_gateway import GatewayConfig, transcribe

async def main():
    async with asyncio.timeout(0.2):
        await transcribe(silent, GatewayConfig("http://127.0.0.1:9"))

reading, writing = os.pipe()
silent = os.fdopen(reading, "rb")
try:
    asyncio.run(main())
except TimeoutError:
    print("given up")
"""


@contextmanager
def silent_pipes(count: int) -> Iterator[list[BinaryIO]]:
    """Pipes into which nobody writes, until the end."""
    pipes = [os.pipe() for _ in range(count)]
    try:
        yield [os.fdopen(reading, "rb") for reading, _ in pipes]
    finally:
        for _, writing in pipes:
            os.close(writing)


async def content_of(source: Any) -> bytes:
    async with open_source(source) as opened:
        return opened.content[:]


async def test_it_is_called_in_the_context_of_the_caller() -> None:
    mood: ContextVar[str] = ContextVar("mood")
    mood.set("blue")

    assert await in_own_thread(mood.get, name="a thread") == "blue"


async def test_what_it_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_own_thread(lambda: 1 / 0, name="a thread")


def test_a_pipe_that_stays_silent_keeps_no_program_from_its_end() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30)

    assert (run.returncode, run.stdout, run.stderr) == (0, "given up\n", "")


async def test_pipes_that_stay_silent_keep_nobody_else_waiting() -> None:
    with silent_pipes(POOLED_THREADS) as pipes:
        reading = [asyncio.create_task(content_of(pipe)) for pipe in pipes]
        await asyncio.sleep(0)

        async with asyncio.timeout(20):
            assert await content_of(b"sound") == b"sound"
            await asyncio.to_thread(bool)

        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
    for pipe in pipes:
        pipe.close()


async def test_an_address_that_stays_silent_is_left_at_once() -> None:
    memory = type(package("fsspec").filesystem("memory"))
    is_over = threading.Event()
    lock = threading.Lock()

    class SilentFile:
        def read(self, size: int) -> bytes:
            with lock:
                is_over.wait()
            return b""

        def close(self) -> None:
            with lock:
                pass

    class Silent(memory):  # type: ignore[misc, valid-type]  # a class that is known when it is there
        protocol = "silent"
        cachable = False

        def _open(self, path: str, *_: Any, **__: Any) -> Any:
            return SilentFile()

    package("fsspec").register_implementation("silent", Silent, clobber=True)
    reading = asyncio.create_task(content_of("silent://talk.wav"))
    while not lock.locked():
        await asyncio.sleep(0.01)

    reading.cancel()
    ended, _ = await asyncio.wait({reading}, timeout=20)
    is_over.set()

    assert ended
    assert reading.cancelled()
