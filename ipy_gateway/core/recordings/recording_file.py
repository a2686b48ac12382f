"""A recording's file: looked at and read through one descriptor, so that nothing can change in between."""

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..exceptions import InvalidRequestError

_ERROR_INVALID_NAME = 123  # what Windows answers to talk*.wav
# Without O_NONBLOCK, opening a FIFO waits for somebody to write into it. Windows has neither of the first
# two, and without O_BINARY it would end the recording at its first Ctrl-Z.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)


def open_recording(path: Path) -> int:
    """A descriptor of a recording's file, for reading; the caller closes it.

    It waits for the disk and for nothing else, such as somebody who would write into a FIFO.

    Raises:
        InvalidRequestError: there is no such file, it is no regular file, or it can't be opened.
    """
    with _explaining_file_errors(path):
        _check_is_file(path, path.stat())  # for a device, being opened may already be an event
        descriptor = os.open(path, _FLAGS)  # not inherited by child processes: Python sees to that
        try:
            _check_is_file(path, os.fstat(descriptor))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


@contextmanager
def _explaining_file_errors(path: Path) -> Generator[None, None, None]:
    """Turn what the system says about a recording's file into our own error.

    Raises:
        InvalidRequestError: there is no such file, or it can't be read.
    """
    try:
        yield
    except ValueError as error:
        reason = f"{str(path)!r} can't be read: no file has a name like this."
        raise InvalidRequestError(reason, "Check its name.") from error
    except OSError as error:
        if is_missing(error):
            hint = "Check its name and its folder."
            raise InvalidRequestError(f"There is no file {str(path)!r}.", hint) from error
        reason = f"{str(path)!r} can't be read: {error.strerror or error}."
        raise InvalidRequestError(reason, "Check its name and its permissions.") from error


def is_missing(error: BaseException | None) -> bool:
    """Whether this is the system's way to say that there is no file of that name."""
    is_pattern = getattr(error, "winerror", None) == _ERROR_INVALID_NAME
    return is_pattern or isinstance(error, FileNotFoundError | NotADirectoryError)


def _check_is_file(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise InvalidRequestError(f"{str(path)!r} is a folder.", "Name a recording in it.")
    if not stat.S_ISREG(status.st_mode):
        raise InvalidRequestError(f"{str(path)!r} is no regular file.", "Copy the recording into one.")
