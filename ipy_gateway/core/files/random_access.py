"""Bytes that can be looked at anywhere: in memory, or in a file that is never read whole."""

import os
import threading
from pathlib import Path
from typing import Protocol, SupportsIndex, overload

from ..exceptions import InvalidRequestError

_NONE = -1  # no descriptor: what is done with it is an error of the system's


class Bytes(Protocol):
    """What the readers of headers need of `bytes`."""

    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> int: ...

    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...

    def startswith(self, prefix: bytes, /) -> bool: ...


class FileBytes:
    """The bytes of an open file, whose descriptor it closes.

    Attributes:
        path: where the file is, absolute.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self.path = path.absolute()
        self._descriptor = descriptor
        self._begun = os.fstat(descriptor)
        self._size = self._begun.st_size
        self._is_closed = False
        self._lock = threading.Lock()  # a descriptor has one position, which its readers share

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, place: SupportsIndex, /) -> int: ...

    @overload
    def __getitem__(self, place: slice, /) -> bytes: ...

    def __getitem__(self, place: SupportsIndex | slice, /) -> int | bytes:
        if isinstance(place, slice):
            start, stop, _ = place.indices(self._size)
            return self._read(start, max(0, stop - start))
        return self._read(range(self._size)[place], 1)[0]

    def startswith(self, prefix: bytes, /) -> bool:
        return self[: len(prefix)] == prefix

    @property
    def has_changed(self) -> bool:
        """Whether somebody has written to the file since it was opened: what was read may fit nowhere."""
        now = os.fstat(self._descriptor)
        return (now.st_size, now.st_mtime_ns) != (self._size, self._begun.st_mtime_ns)

    def close(self) -> None:
        """Close the descriptor, or have whoever still reads it do so: its number may soon be another's."""
        self._is_closed = True
        if self._lock.acquire(blocking=False):
            try:
                descriptor, self._descriptor = self._descriptor, _NONE
                if descriptor != _NONE:
                    os.close(descriptor)
            finally:
                self._lock.release()

    def _read(self, start: int, count: int) -> bytes:
        data = bytearray()
        try:
            with self._lock:
                os.lseek(self._descriptor, start, os.SEEK_SET)
                while len(data) < count and (piece := os.read(self._descriptor, count - len(data))):
                    data += piece
        except OSError as error:
            reason = f"{str(self.path)!r} can't be read: {error.strerror or error}."
            raise InvalidRequestError(reason, "Copy the file to another disk.") from error
        finally:
            if self._is_closed:
                self.close()
        return bytes(data)
