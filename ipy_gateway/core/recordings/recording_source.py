"""What a recording is given as, a path, URL, bytes or file object, made something to be read at any place."""

import asyncio
import io
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from ..exceptions import AudioProcessingError, InvalidRequestError
from ..files.random_access import Bytes, FileBytes
from ..files.temporary_files import explaining_disk_errors, new_file, temporary_folder
from ..waiting.own_threads import in_own_thread
from .fsspec_source import is_url, name_in, opened_url, path_of
from .recording_file import open_recording

Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

MAX_SOURCE_BYTES = 32 << 30  # a day of stereo as WAV has half of that; a pipe may never end
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OpenSource:
    """A recording that is there, and open.

    Attributes:
        name: what to call it: the name of its file, or "".
        content: its bytes.
    """

    name: str
    content: Bytes


@asynccontextmanager
async def open_source(source: Source) -> AsyncGenerator[OpenSource, None]:
    """A recording, open. What a file object or a URL gives is kept in a private temporary file meanwhile.

    Raises:
        InvalidRequestError: this is no recording, or its file can't be read.
        ConfigurationError: its URL needs a package that is not installed.
        AudioProcessingError: the temporary file can't be written, or never ends.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        yield OpenSource("", bytes(source))
    elif isinstance(source, str) and is_url(source):
        async with opened_url(source) as file, _spooled(file) as content:
            yield OpenSource(name_in(source), content)
    elif isinstance(source, str | os.PathLike):
        path = path_of(source) if isinstance(source, str) else Path(source)
        with closing(FileBytes(open_recording(path), path)) as content:
            yield OpenSource(path.name, content)
    elif callable(getattr(source, "read", None)):
        async with _spooled(source) as content:
            yield OpenSource(name_of(source), content)
    else:
        raise InvalidRequestError(
            f"A recording is a path, bytes or a binary file, not {type(source).__name__}.",
            "Give the path of its file.",
        )


def name_of(source: Source) -> str:
    """What to call a recording: the name of its file without folders, or "" where there is none."""
    if isinstance(source, str) and is_url(source):
        return name_in(source)
    if isinstance(source, str):
        return path_of(source).name
    given = source if isinstance(source, os.PathLike) else getattr(source, "name", "")
    if isinstance(given, str | os.PathLike):
        return Path(os.fsdecode(given)).name
    return ""  # a file that was opened by number has that for a name


async def write_to_file(content: Bytes, path: Path) -> None:
    """Write bytes to a new file that is the user's alone."""
    with explaining_disk_errors(), new_file(path) as file:
        for start in range(0, len(content), _PIECE_BYTES):
            await asyncio.to_thread(file.write, content[start : start + _PIECE_BYTES])


@asynccontextmanager
async def _spooled(source: BinaryIO) -> AsyncGenerator[Bytes, None]:
    with temporary_folder() as folder:
        path = folder / "recording"
        await _spool(source, path)
        async with open_source(path) as opened:
            yield opened.content


async def _spool(source: BinaryIO, path: Path) -> None:
    written_bytes = 0
    with explaining_disk_errors(), new_file(path) as file:
        while piece := await _next_piece(source):
            written_bytes += len(piece)
            if written_bytes > MAX_SOURCE_BYTES:
                raise AudioProcessingError(
                    f"The recording goes on after {MAX_SOURCE_BYTES >> 30} GB, and no more is taken.",
                    "Cut it into parts.",
                    error_type="audio_too_large",
                )
            await asyncio.to_thread(file.write, piece)


async def _next_piece(source: BinaryIO) -> bytes:
    if isinstance(source, io.TextIOBase):
        raise InvalidRequestError("The recording's file is open as text.", "Open it with mode 'rb'.")
    try:
        # A pipe may have nothing to say, for ever.
        piece = cast(
            "object", await in_own_thread(partial(source.read, _PIECE_BYTES), name="ipy_gateway-read")
        )
    except (OSError, ValueError) as error:  # ValueError: it is closed
        reason = f"The recording's file can't be read: {error}."
        raise InvalidRequestError(reason, "Open it again, with mode 'rb'.") from error
    if isinstance(piece, bytes | bytearray | memoryview):
        return bytes(piece)
    raise InvalidRequestError(
        f"Reading the recording's file gave {type(piece).__name__} in place of bytes.",
        "Give a file that was opened with mode 'rb', or the path of one.",
    )
