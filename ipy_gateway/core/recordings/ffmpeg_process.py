"""ffmpeg as a child process that never outlives the request for it."""

import asyncio
import contextlib
import os
import signal
import subprocess
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Any

from ..config import GatewayConfig
from ..exceptions import AudioProcessingError

_NO_CONSOLE: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows: no window flashes, no Ctrl-C comes
_STDERR_TAIL_BYTES = 8192
_PIECE_BYTES = 65536
_PIPES_S = 2.0  # what a program that has ended had written, and nobody read, is read at once


class FfmpegOutput:
    """What a program writes to its standard output, piece by piece; it waits for whoever reads.

    Attributes:
        exit_code: how it ended, after its last piece.
        log: the last lines that it wrote besides, after its last piece.
    """

    def __init__(self, command: list[str], folder: Path, config: GatewayConfig) -> None:
        self.exit_code = 0
        self.log = ""
        self._command = command
        self._folder = folder
        self._config = config

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All that it writes. The program ends when the iteration does, however that ends.

        Raises:
            AudioProcessingError: it can't be started, or gave nothing for `config.timeout_s`.
        """
        process = await _start(self._command, self._folder, self._config, stdout=PIPE)
        logging = asyncio.ensure_future(_read_tail(process))
        assert process.stdout is not None
        try:
            with _explaining_timeout(self._config):
                while True:
                    async with asyncio.timeout(self._config.timeout_s):
                        piece = await process.stdout.read(_PIECE_BYTES)
                    if not piece:
                        break
                    yield piece
                async with asyncio.timeout(self._config.timeout_s):
                    self.log = await logging
                    self.exit_code = await process.wait()
        finally:
            logging.cancel()
            try:
                await _until_done(logging)
            finally:
                await _end(process)


async def run_ffmpeg(command: list[str], folder: Path, config: GatewayConfig) -> tuple[int, str]:
    """Exit code and last lines of a program that runs in `folder`, and that ends when this does."""
    process = await _start(command, folder, config, stdout=DEVNULL)
    try:
        with _explaining_timeout(config):
            async with asyncio.timeout(config.timeout_s):
                log = await _read_tail(process)
                return await process.wait(), log
    finally:
        await _end(process)


@contextlib.contextmanager
def _explaining_timeout(config: GatewayConfig) -> Generator[None, None, None]:
    try:
        yield
    except TimeoutError as error:
        raise AudioProcessingError(
            f"ffmpeg was not done with the recording after {config.timeout_s:g} s.",
            "Raise timeout_s, or cut the recording into parts.",
            error_type="audio_timeout",
        ) from error


async def _start(command: list[str], folder: Path, config: GatewayConfig, *, stdout: int) -> Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            stdin=DEVNULL,
            stdout=stdout,
            stderr=PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal is ours to handle
            creationflags=_NO_CONSOLE,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:  # asyncio would end the program, and not what it has started
        try:
            await _until_done(starting)
        finally:
            if not starting.cancelled() and not starting.exception():
                await _end(starting.result())
        raise
    except OSError as error:
        raise AudioProcessingError(
            f"{command[0]!r} can't be started: {error.strerror}.",
            f"Set ffmpeg_bin to a working ffmpeg; it is {config.ffmpeg_bin!r}.",
            error_type="ffmpeg_missing",
        ) from error


async def _read_tail(process: Process) -> str:
    """The end of what the program logs: a broken file can bring megabytes of errors."""
    assert process.stderr is not None
    tail = b""
    while piece := await process.stderr.read(65536):
        tail = (tail + piece)[-_STDERR_TAIL_BYTES:]
    return tail.decode(errors="replace")


async def _end(process: Process) -> None:
    """End a program that still runs, with all that it started, and wait for it even when cancelled."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
    await _until_done(asyncio.ensure_future(_read_to_the_end(process)))


async def _read_to_the_end(process: Process) -> None:
    """Have the pipes of a program that has ended closed, and wait for its end.

    asyncio closes no pipe that holds something unread, and tells a program's end when its pipes are closed.
    """
    with contextlib.suppress(TimeoutError):  # something that it had started still has them
        async with asyncio.timeout(_PIPES_S):
            for pipe in filter(None, (process.stdout, process.stderr)):
                while await pipe.read(_PIECE_BYTES):
                    pass
            await process.wait()


async def _until_done(future: asyncio.Future[Any]) -> None:
    """Wait for something that has to be finished, also when cancelled; that is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait({future})
        except asyncio.CancelledError as error:  # it may be the first one: whoever asked for it waits for it
            cancelled = error
    if cancelled:
        raise cancelled
