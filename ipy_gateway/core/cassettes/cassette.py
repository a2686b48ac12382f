"""Cassettes: exchanges with servers in a file of readable JSON, which is whole after each of them.

    {"ipy_gateway_cassette": 1, "exchanges": [
    {"request": {"method": "POST", "url": ..., "json": {...}}, "response": {"status": 200, ...}},
    {"request": {...}, "error": {"type": "ConnectError", "message": "Connection refused"}}
    ]}

An exchange is added by writing it over the end of the file, so that a thousand of them cost no more than
their bytes. Where that was cut short, what is whole is read.
"""

import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..exceptions import InvalidRequestError
from ..files.temporary_files import new_file
from ..files.whole_files import check_is_file, check_may_be_written, expanded, explaining, replace_file
from .canonical_request import CanonicalRequest
from .recorded_answers import answer_of_json, error_of_json

VERSION = 1
NAME = "ipy_gateway_cassette"
MAX_FILE_BYTES = 1_000_000_000
HEAD = f'{{"{NAME}": {VERSION}, "exchanges": ['.encode()
TAIL = b"\n]}\n"

_BEGINNING = re.compile(rf'\s*{{\s*"{NAME}"\s*:\s*(?P<version>\d+)\s*,\s*"exchanges"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and what came of it.

    Attributes:
        request: what was asked.
        response: what was answered, or None.
        error: what kept the answer from coming, or cut it off, or None.
        is_complete: False where it was given up, by a deadline or by whoever asked.
    """

    request: CanonicalRequest
    response: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    is_complete: bool = True

    def as_json(self) -> dict[str, Any]:
        """It, for the file."""
        parts = {"request": self.request.as_json(), "response": self.response, "error": self.error}
        return {name: part for name, part in parts.items() if part is not None} | (
            {} if self.is_complete else {"is_complete": False}
        )

    @classmethod
    def of_json(cls, entry: Any) -> "Exchange":
        """An exchange out of a file; KeyError, TypeError or ValueError where it is none."""
        asked = dict(entry["request"])
        request = CanonicalRequest(str(asked.pop("method")), str(asked.pop("url")), asked)
        response, error = entry.get("response"), entry.get("error")
        if response is None and error is None:
            raise ValueError("neither response nor error")
        if response is not None:
            answer_of_json(response)
        if error is not None:
            error_of_json(error)
        return cls(request, response, error, bool(entry.get("is_complete", True)))


class CassetteFile:
    """A cassette that is being recorded. What another one of that name holds stays until the first exchange.

    Raises:
        InvalidRequestError: made where it can't be written, or where a file is that is no cassette.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = resolved(path, "written")
        self._lock = threading.Lock()  # loops of several threads come here
        self._count = 0
        with explaining(self.path, "written"):
            check_may_be_written(self.path)
            if self.path.exists():
                _check_may_be_overwritten(self.path)
                _check_folder(self.path)
            else:
                replace_file(self.path, HEAD + TAIL, is_private=True)

    @property
    def count(self) -> int:
        """How many exchanges have been recorded."""
        return self._count

    def add(self, exchange: Exchange) -> None:
        """Write an exchange down.

        Raises:
            InvalidRequestError: the disk is full, or somebody has changed the file meanwhile.
        """
        entry = json.dumps(exchange.as_json(), ensure_ascii=False, indent=1)
        data = b"\n" + entry.encode("utf-8", "backslashreplace") + TAIL  # half a character as its escape
        with self._lock, explaining(self.path, "written"):
            if self._count:
                self._append(b"," + data)
            else:
                replace_file(self.path, HEAD + data, is_private=True)
            self._count += 1

    def _append(self, data: bytes) -> None:
        with self.path.open("r+b") as file:
            end = file.seek(-len(TAIL), 2)
            if file.read() != TAIL:
                raise InvalidRequestError(
                    f"{str(self.path)!r} was changed while it was recorded.", "Record into another file."
                )
            file.seek(end)
            file.write(data)


def resolved(path: str | Path, done: str) -> Path:
    """The path from the root: a link stays one, and a notebook may change its folder meanwhile.

    Raises:
        InvalidRequestError: no file can have this name.
    """
    path = expanded(path)
    with explaining(path, done):
        return path.resolve()


def read_cassette(path: Path) -> list[Exchange]:
    """The exchanges in a file, in their order.

    Raises:
        InvalidRequestError: there is none, it is no cassette, or a newer version has written it.
    """
    with explaining(path, "read"):
        check_is_file(path)
        if path.stat().st_size > MAX_FILE_BYTES:
            _refuse(path, f"has more than {MAX_FILE_BYTES:,} bytes")
        data = path.read_bytes()
    try:
        entries = _entries(data.decode(), path)
    except UnicodeDecodeError:
        _refuse(path, "is no text in UTF-8")
    return [_exchange(entry, number, path) for number, entry in enumerate(entries, start=1)]


def _entries(text: str, path: Path) -> list[Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return _whole_entries(text, path)
    if not isinstance(content, dict) or not isinstance(content.get(NAME), int):
        _refuse(path, f"has no {NAME!r}")
    _check_version(content[NAME], path)
    entries = content.get("exchanges")
    if not isinstance(entries, list):
        _refuse(path, "has no list of exchanges")
    return entries


def _whole_entries(text: str, path: Path) -> list[Any]:
    """What can be read of a file that was cut short while an exchange was written."""
    beginning = _BEGINNING.match(text)
    if not beginning or text.rstrip().endswith(TAIL.decode().strip()):
        _refuse(path, "is not JSON as one writes it")
    _check_version(int(beginning["version"]), path)
    entries, position, decoder = [], beginning.end(), json.JSONDecoder()
    while between := _BETWEEN.match(text, position):
        try:
            entry, position = decoder.raw_decode(text, between.end())
        except (ValueError, RecursionError):
            break
        entries.append(entry)
    return entries


def _check_version(version: int, path: Path) -> None:
    if version > VERSION:
        raise InvalidRequestError(
            f"{path.name!r} was recorded by a newer ipy_gateway: its version is {version}, not {VERSION}.",
            "Update ipy_gateway, or record it again.",
        )


def _exchange(entry: Any, number: int, path: Path) -> Exchange:
    try:
        return Exchange.of_json(entry)
    except (KeyError, TypeError, ValueError, AttributeError):
        _refuse(path, f"has an entry {number} that is no exchange")


def _check_folder(path: Path) -> None:
    probe = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.part")
    new_file(probe).close()
    probe.unlink()


def _check_may_be_overwritten(path: Path) -> None:
    """What is lost by recording has to be a recording, or nothing."""
    if not path.stat().st_size:
        return
    try:
        read_cassette(path)
    except InvalidRequestError as error:
        raise InvalidRequestError(
            f"{path.name!r} is not overwritten, because it is no cassette.",
            "Record into another file, or delete that one first.",
        ) from error


def _refuse(path: Path, wrong: str) -> NoReturn:
    raise InvalidRequestError(
        f"{path.name!r} is no cassette: it {wrong}.", "Name a file that %gateway record has written."
    )
