"""A file and an address that nobody may touch, and whether somebody did."""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_IN_OPEN = 0x20  # inotify(7)


@dataclass(frozen=True, slots=True)
class Canary:
    """Something that a playlist can name.

    Attributes:
        file: a file; opening it is noticed.
        port: of loopback; connecting to it is noticed, and nothing is ever answered.
    """

    file: Path
    port: int
    _watch: int
    _listener: socket.socket

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/secret.wav"

    def was_touched(self) -> bool:
        """Whether the file was opened, or the address was connected to, since this was asked last."""
        return self._was_opened() or self._was_connected_to()

    def _was_opened(self) -> bool:
        try:
            return bool(os.read(self._watch, 65536))
        except BlockingIOError:
            return False

    def _was_connected_to(self) -> bool:
        try:
            self._listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def canary(file: Path) -> Iterator[Canary]:
    """Watch over an existing file, and a new address. Linux alone can do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    if watch < 0 or libc.inotify_add_watch(watch, os.fsencode(file), _IN_OPEN) < 0:
        raise OSError(ctypes.get_errno(), "inotify does not work here")
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            yield Canary(file, listener.getsockname()[1], watch, listener)
    finally:
        os.close(watch)
