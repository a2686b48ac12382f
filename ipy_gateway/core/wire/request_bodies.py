"""A request as it is sent: JSON, a form, or nothing; sound becomes base64 while it is sent."""

import json
import secrets
from binascii import b2a_base64
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from ..exceptions import InvalidRequestError
from ..messages import Base64Later
from .bodies import READABLE_ENCODINGS

# What httpx's clients send, but for the name and the encodings.
HEADERS = httpx.Headers(
    {
        "Accept": "*/*",
        "Accept-Encoding": READABLE_ENCODINGS,
        "Connection": "keep-alive",
        "User-Agent": "ipy-gateway",
    }
)
_JSON_HEADERS = (*HEADERS.raw, (b"Content-Type", b"application/json"))
SLICE_BYTES = 3 << 16  # a multiple of three, which base64 makes four characters of


def request_with(
    method: str, url: httpx.URL, *, json: Any = None, data: Any = None, files: Any = None
) -> httpx.Request:
    """A request, which may be sent several times.

    Args:
        json: its body as JSON, in which sound may be `Base64Later`.
        data: or the fields of its form.
        files: with the files of its form.

    Raises:
        InvalidRequestError: the body can't be written as JSON.
    """
    if json is None:
        return httpx.Request(method, url, headers=HEADERS, data=data, files=files)
    pieces = _json_pieces(json)
    stream = httpx.ByteStream(pieces) if isinstance(pieces, bytes) else _SlicedStream(pieces)
    length = len(pieces) if isinstance(pieces, bytes) else sum(map(_length, pieces))
    headers = [(b"Host", url.netloc), *_JSON_HEADERS, (b"Content-Length", b"%d" % length)]
    request = httpx.Request(method, url, headers=headers, stream=stream)  # with a stream, httpx adds nothing
    if isinstance(pieces, bytes):
        request.read()
    return request


def _json_pieces(body: Any) -> bytes | list[bytes | Base64Later]:
    """The text of a JSON body; with sound it is cut where that belongs: text, sound, text, and so on."""
    found: list[Base64Later] = []
    mark = ""

    def note(value: Any) -> str:
        nonlocal mark
        if not isinstance(value, Base64Later):
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
        mark = mark or secrets.token_hex(16)  # which no text of a user holds
        found.append(value)
        return mark

    try:
        text = json.dumps(
            body, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=note
        ).encode()
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"The request can't be written as JSON: {error}.", "Use strings, numbers, lists and dicts alone."
        ) from error
    if not found:
        return text
    first, *others = text.split(mark.encode())
    return [first, *(piece for pair in zip(found, others, strict=True) for piece in pair)]


class _SlicedStream(httpx.AsyncByteStream):
    """A body of text and sound; it can be read again and again."""

    def __init__(self, pieces: list[bytes | Base64Later]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            for part in _slices(piece.data):
                yield part


def _slices(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    for start in range(0, len(view), SLICE_BYTES):
        yield b2a_base64(view[start : start + SLICE_BYTES], newline=False)


def _length(piece: bytes | Base64Later) -> int:
    return len(piece) if isinstance(piece, bytes) else (len(piece.data) + 2) // 3 * 4
