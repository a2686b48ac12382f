"""Temporary files: nobody else can read them, and they are gone afterwards."""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from ..exceptions import AudioProcessingError
from .leftovers import in_use, remove_once

_PREFIX = "ipy_gateway_temporary_"  # what nobody calls a folder of their own: old ones are removed


@contextlib.contextmanager
def temporary_folder() -> Generator[Path, None, None]:
    """A new folder that is the user's alone, and that is removed with all that is in it.

    Where this process is killed, a later one removes it.
    """
    with explaining_disk_errors():
        remove_once(_PREFIX)
        folder = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    with folder as name, in_use(Path(name)):
        yield Path(name)


async def write_new_file(path: Path, data: bytes) -> None:
    """Write a file that was not there before, and that is the user's alone."""
    with explaining_disk_errors(), new_file(path) as file:  # here: the thread may outlive a cancelled task
        await asyncio.to_thread(file.write, data)


def disk_error(reason: str) -> AudioProcessingError:
    """The error for a disk that does not take the files."""
    return AudioProcessingError(
        f"The recording can't be converted, because its temporary files can't be written: {reason}.",
        "Free space for temporary files, or set TMPDIR to another folder and start again.",
    )


def new_file(path: Path) -> BinaryIO:
    """A file for writing that was not there before, and that is the user's alone."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


@contextlib.contextmanager
def explaining_disk_errors() -> Generator[None, None, None]:
    """Turn what the system says about temporary files into our own error."""
    try:
        yield
    except OSError as error:
        raise disk_error(error.strerror or str(error)) from error
