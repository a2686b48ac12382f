"""Temporary folders of processes that were killed: a later process removes them."""

import os
import shutil
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

# One that was just made is not yet marked.
LEAST_AGE_S = 24 * 3600.0


@contextmanager
def in_use(folder: Path) -> Generator[None, None, None]:
    """Mark a folder as used, by a lock that goes with this process, however that ends.

    What else cleans up leaves folders with such a lock alone, too (tmpfiles.d(5)). Where there are no locks,
    as on Windows and some network drives, nothing is marked, and nothing removed.
    """
    descriptor = _lock(folder)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def remove_once(prefix: str) -> None:
    """Have what was left removed in a thread, once in the life of this process for each place."""
    _begin_to_remove(Path(tempfile.gettempdir()), prefix)


@cache
def _begin_to_remove(place: Path, prefix: str) -> None:
    name = "ipy_gateway-leftovers"
    with suppress(RuntimeError):  # the interpreter exits, and starts no thread any more
        threading.Thread(target=remove_leftovers, args=[place, prefix], name=name, daemon=True).start()


def remove_leftovers(place: Path, prefix: str) -> None:
    """Remove this user's folders of such names that are a day old, and that no process uses.

    A folder of the user's own has another name, or lets others look into it: `tempfile` adds eight characters
    to the prefix, and takes all rights from others.
    """
    with suppress(OSError):
        for folder in place.glob(f"{prefix}{'[a-z0-9_]' * 8}"):
            with suppress(OSError):  # somebody else has removed it
                _remove_if_left(folder)


def _remove_if_left(folder: Path) -> None:
    status = folder.lstat()
    is_ours = stat.S_IMODE(status.st_mode) == 0o700 and status.st_uid == os.getuid()
    if not is_ours or time.time() - status.st_mtime < LEAST_AGE_S:
        return
    descriptor = _lock(folder)
    if descriptor is not None:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)


if sys.platform == "win32":

    def _lock(folder: Path) -> int | None:
        return None

else:
    import fcntl

    def _lock(folder: Path) -> int | None:
        """A descriptor of a folder that is locked, or None: another has it, or it can't be locked."""
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return None
        return descriptor
