"""Recordings at addresses such as s3://bucket/talk.wav, which fsspec opens."""

import io
import re
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.request import url2pathname

from ..exceptions import ConfigurationError, GatewayError, InvalidRequestError
from ..secret import public_url, without_keys
from ..waiting.own_threads import in_own_thread

# One letter is a drive of Windows. "::" joins several addresses, as in zip://talk.wav::s3://bucket/talks.zip.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::[^:]+)*://")
_FILE = re.compile(r"file://", re.IGNORECASE)


def is_url(source: object) -> bool:
    """Whether a source is an address of something that is no file of this machine."""
    return isinstance(source, str) and bool(_URL.match(source)) and not _FILE.match(source)


def path_of(source: str) -> Path:
    """The path of a file, given as that or as file://."""
    named = _FILE.match(source)
    if not named:
        return Path(source)
    path = Path(source[named.end() :])
    with suppress(OSError, ValueError):  # whoever opens it says what is wrong with it
        if path.exists():  # as fsspec has it: a % is a %
            return path
    return Path(url2pathname(source[named.end() :]))  # as RFC 8089 has it, and Path.as_uri()


def name_in(url: str) -> str:
    """What to call the recording at an address: its last part, without a query, which may hold a key."""
    path = re.split(r"[?#]|::", url.partition("://")[2])[0]
    return path.rstrip("/").rpartition("/")[2]


@asynccontextmanager
async def opened_url(url: str) -> AsyncGenerator[BinaryIO, None]:
    """What is at an address, to be read in other threads. It is closed after the end.

    Raises:
        ConfigurationError: fsspec is not installed, or what it needs for addresses of this kind.
        InvalidRequestError: there is nothing to read; reading raises it, too.
    """
    file = await in_own_thread(partial(_opened, url), name="ipy_gateway-open")
    try:
        yield cast("BinaryIO", file)
    finally:  # not awaited: it may have to wait for a read that never ends
        threading.Thread(target=file.close, name="ipy_gateway-close", daemon=True).start()


class _UrlFile(io.RawIOBase):
    """A file of fsspec that says in one sentence what is wrong."""

    def __init__(self, file: Any, url: str) -> None:
        super().__init__()
        self._file = file
        self._url = url

    def read(self, size: int = -1) -> bytes:
        try:
            piece: bytes = self._file.read(size)
        except Exception as error:  # of whatever library reads it
            raise _explained(error, self._url) from error
        return piece

    def close(self) -> None:
        with suppress(Exception):  # what was to be read has been read
            self._file.close()
        super().close()


def _opened(url: str) -> _UrlFile:
    try:
        import fsspec
    except ImportError as error:
        raise ConfigurationError(
            f"{_shown(url)} can't be opened, because fsspec is not installed.",
            'Install it: pip install "ipy-gateway[dask]".',
        ) from error
    try:
        return _UrlFile(fsspec.open(url, "rb").open(), url)
    except Exception as error:  # of whatever library opens it
        raise _explained(error, url) from error


def _explained(error: Exception, url: str) -> GatewayError:
    shown = _shown(url)
    if isinstance(error, FileNotFoundError):
        return InvalidRequestError(f"There is no recording at {shown}.", "Check the address.")
    if isinstance(error, IsADirectoryError):
        return InvalidRequestError(f"{shown} is a folder.", "Name a recording in it.")
    reason = without_keys(str(error).replace(url, shown)).partition("\n")[0].rstrip(".")
    if isinstance(error, ImportError):
        return ConfigurationError(f"{shown} can't be opened: {reason}.", "Install what is missing.")
    said = f"{shown} can't be read: {reason or type(error).__name__}."
    return InvalidRequestError(said, "Check the address, and your access to it.")


def _shown(url: str) -> str:
    return public_url(url)
