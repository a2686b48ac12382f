"""Child processes of our own: told what to do, listened to, and ended with everything that they started."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from .weights import raise_if_cancelled

POLL_S = 0.1
_TAIL_BYTES = 8192

Child = subprocess.Popen[bytes]


class SilenceError(Exception):
    """A child has said nothing for too long."""


def start(script: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> Child:
    """Run a script of this package; it is to end when its standard input closes, however we end."""
    return subprocess.Popen(
        # -P: nothing is imported from the folder that the notebook happens to lie in
        [sys.executable, "-P", os.fspath(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # plain files have no locks, which another thread could hold when this process forks
        env={**os.environ, **(environment or {})},
        start_new_session=True,  # an interrupt of the notebook is not meant for it
    )


def has_ended(process: Child, wait_s: float = POLL_S) -> bool:
    """Whether a process has ended, or does so within this time."""
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill(process: Child) -> None:
    """End a process and what it started, and wait for it; there is nothing that it would have to save."""
    if process.poll() is None:
        if os.name == "posix":
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
    process.wait()


class Lines:
    """The lines that a child writes, awaited without being bound to them."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def next(self, cancelled: threading.Event, *, patience_s: float) -> bytes:
        """The next line, or b"" after the last one.

        Raises:
            concurrent.futures.CancelledError: `cancelled` was set.
            SilenceError: there was no line for this long.
        """
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            raise_if_cancelled(cancelled)
            try:
                return self._lines.get(timeout=POLL_S)
            except queue.Empty:
                continue
        raise SilenceError

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in iter(pipe.readline, b""):
                self._lines.put(line)
            self._lines.put(b"")


class Tail:
    """The last words of a child, however much it writes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._tail = b""
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def line(self, max_characters: int) -> str:
        """The end of what an ended child wrote, on one line without control characters."""
        self._thread.join(1)  # a grandchild may hold the pipe open
        text = self._tail.decode("utf-8", "replace")
        printable = "".join(character if character.isprintable() else " " for character in text)
        line = " ".join(printable.split()).rstrip(". ")
        return line if len(line) <= max_characters else "…" + line[-max_characters:]

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            for piece in iter(lambda: pipe.read(65536), b""):
                self._tail = (self._tail + piece)[-_TAIL_BYTES:]
