"""The recording that a magic names: found on its line, and named where something is wrong with it."""

import difflib
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ..core.exceptions import AudioProcessingError, InvalidRequestError
from ..core.files.whole_files import expanded
from ..core.recordings.fsspec_source import path_of
from ..core.recordings.recording_file import is_missing


def file_argument(line: str, magic: str) -> Path:
    """The path on a magic's line, quoted or not.

    Raises:
        InvalidRequestError: there is none.
    """
    text = unquoted(line.strip().removesuffix(";").rstrip())
    if not text.removeprefix("file://"):
        raise InvalidRequestError(f"{magic} needs the name of a recording.", f"Write {magic} talk.wav.")
    return expanded(path_of(text))


@contextmanager
def naming_near_misses(path: Path) -> Generator[None, None, None]:
    """Where there is no such file, let the hint name those that come near."""
    try:
        yield
    except InvalidRequestError as error:
        if is_missing(error.__cause__):
            raise InvalidRequestError(error.message, other_names(path)) from error.__cause__
        raise


@contextmanager
def naming(name: str) -> Generator[None, None, None]:
    """Put the name of the recording before what is wrong with it: in a loop over files it has to be there."""
    try:
        yield
    except AudioProcessingError as error:
        if repr(name) in error.message:
            raise
        raise AudioProcessingError(
            f"{name!r}: {error.message[:1].lower()}{error.message[1:]}",
            error.hint,
            error_type=error.error_type,
        ) from error


def unquoted(text: str) -> str:
    """What stands in quotes, or without the backslashes of Tab completion.

    Raises:
        InvalidRequestError: a quote is open, or something stands behind it.
    """
    quote = text[:1]
    if quote in ("'", '"'):
        name, closing, rest = text[1:].partition(quote)
        if not closing:
            raise InvalidRequestError(f"The file name {text!r} has an open quote.", "Close it.")
        if rest:
            raise InvalidRequestError(
                f"{rest.strip()!r} stands behind the file name.", "Name one file alone."
            )
        return name
    # Tab completion writes a space as "\ "; on Windows it writes quotes, and a backslash separates folders.
    return re.sub(r"\\(.)", r"\1", text) if os.name == "posix" else text


def other_names(path: Path) -> str:
    """Where there is no such file: the names that come near, or where to look."""
    if any(mark in path.name for mark in "*?["):
        return "Name one file; patterns with * and ? are not expanded."
    try:
        return _near_misses(path)
    except OSError:  # the folder can't be looked into
        return "Check its name."


def _near_misses(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"The folder {str(folder)!r} does not exist either; the notebook runs in {str(Path.cwd())!r}."
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    of_this_kind = [name for name in names if Path(name).suffix.lower() == path.suffix.lower()]
    close = difflib.get_close_matches(path.name, of_this_kind or names, n=2, cutoff=0.75)
    if close:
        return f"Did you mean {' or '.join(repr(str(folder / name)) for name in close)}?"
    return f"The notebook runs in {str(Path.cwd())!r}; check the name and its ending."
