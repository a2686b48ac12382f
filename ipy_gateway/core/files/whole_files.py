"""Files that are written at once or not at all, and errors of the disk as sentences."""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Generator
from pathlib import Path

from ..exceptions import InvalidRequestError
from .temporary_files import new_file


def expanded(path: str | Path) -> Path:
    """The path with the user's folder in place of a ~."""
    with contextlib.suppress(RuntimeError):  # ~nobody: there is no such user, and so no such file
        return Path(path).expanduser()
    return Path(path)


@contextlib.contextmanager
def explaining(path: Path, done: str) -> Generator[None, None, None]:
    """Errors of the disk as a sentence.

    Args:
        path: the file.
        done: what can't be done with it: "read" or "written".
    """
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "Free space on its disk." if is_full else "Check the name and the permissions."
        raise InvalidRequestError(f"{str(path)!r} can't be {done}: {reason}.", hint) from error


def check_is_file(path: Path) -> None:
    """Check that there is a file.

    Raises:
        InvalidRequestError: there is none.
    """
    if path.is_dir():
        raise InvalidRequestError(f"{str(path)!r} is a folder.", "Name a file in it.")
    if not path.exists():
        raise InvalidRequestError(
            f"There is no file {str(path)!r}.", f"Check its name; the notebook runs in {str(Path.cwd())!r}."
        )
    if not path.is_file():
        raise InvalidRequestError(f"{str(path)!r} is no regular file.", "Name another one.")


def check_may_be_written(path: Path) -> None:
    """Check that a file is there or may be.

    Raises:
        InvalidRequestError: its folder is missing, or it is no file.
    """
    if not path.parent.is_dir():
        raise InvalidRequestError(
            f"There is no folder {str(path.parent)!r}.", "Make it first, or name another one."
        )
    if path.exists():
        check_is_file(path)


def replace_file(path: Path, data: bytes, *, is_private: bool = False) -> None:
    """Write beside the file, then put it in its place: whoever reads it sees the old or the new one whole.

    Args:
        path: the file.
        data: what it is to hold.
        is_private: whether nobody else may read it, also where they could read the old one.
    """
    part = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    try:
        with new_file(part) if is_private else part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if path.exists() and not is_private:
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
