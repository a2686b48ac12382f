"""Reading what a server sends, with a limit on what comes out: a small compressed body can be a huge one."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

import httpx

from ..config import GatewayConfig
from ..exceptions import UpstreamResponseError
from ..hiding import without_key

MAX_ANSWER_BYTES = 64_000_000
MAX_ERROR_BYTES = 64_000  # of an error 200 characters are shown; one server repeats the recording in it
READABLE_ENCODINGS = "gzip, deflate"
KEY_WAS_SENT = "ipy_gateway.key_was_sent"  # among a response's extensions
PIECE_BYTES = 1 << 16


async def read_response(response: httpx.Response, base_url: str, config: GatewayConfig) -> httpx.Response:
    """The response with its whole body, decompressed; of an error only the beginning.

    Args:
        response: a response whose body has not been read.
        base_url: the server, for the error.
        config: with the key, which is not shown.

    Raises:
        UpstreamResponseError: the body is larger than 64 MB, or not compressed as it says.
    """
    if response.is_stream_consumed:  # made whole on this machine, by the embedded engine
        return response
    if _is_as_it_stands(response):
        await response.aread()
        return response
    pieces = decoded_pieces(response, base_url, config)
    content = await (_whole(pieces, base_url) if response.is_success else _beginning(pieces))
    headers = [  # as bytes: of text httpx takes nothing but ASCII
        (name, value)
        for name, value in response.headers.raw
        if name.lower() not in (b"content-encoding", b"content-length", b"transfer-encoding")
    ]
    known = {name: response.extensions[name] for name in (KEY_WAS_SENT,) if name in response.extensions}
    return httpx.Response(
        response.status_code, headers=headers, content=content, request=response.request, extensions=known
    )


def _is_as_it_stands(response: httpx.Response) -> bool:
    """Whether a body is not compressed, and known to be short enough: most are, and need no copy."""
    headers = {name.lower(): value for name, value in response.headers.raw}
    length = headers.get(b"content-length", b"")
    limit = MAX_ANSWER_BYTES if response.is_success else MAX_ERROR_BYTES
    # Of a body in chunks the stated length counts for nothing (RFC 9112, 6.3): it may be endless.
    is_framed_by_length = b"transfer-encoding" not in headers and length.isdigit()
    return b"content-encoding" not in headers and is_framed_by_length and int(length) <= limit


def was_key_sent(response: httpx.Response, key: str | None) -> bool:
    """Whether the request had a key: as it was when it was recorded, or else as the settings say."""
    return bool(response.extensions.get(KEY_WAS_SENT, key))


async def _whole(pieces: AsyncIterator[bytes], base_url: str) -> bytes:
    content = bytearray()
    async for piece in pieces:
        content += piece
        if len(content) > MAX_ANSWER_BYTES:
            raise UpstreamResponseError(
                f"{base_url} sends more than {MAX_ANSWER_BYTES // 1_000_000} MB as an answer.",
                "Check that the URL is that of an OpenAI-compatible API.",
                upstream=base_url,
            )
    return bytes(content)


async def _beginning(pieces: AsyncIterator[bytes]) -> bytes:
    content = bytearray()
    async for piece in pieces:
        content += piece
        if len(content) > MAX_ERROR_BYTES:
            break
    return bytes(content[:MAX_ERROR_BYTES])


async def decoded_pieces(
    response: httpx.Response, base_url: str, config: GatewayConfig
) -> AsyncGenerator[bytes, None]:
    """The body as it comes, decompressed, in pieces of bounded size.

    Raises:
        UpstreamResponseError: it is not compressed as it says.
    """
    named = response.headers.get("content-encoding")
    # Without the key before it is cut: some servers repeat what they get in every header.
    encoding = without_key(named, base_url, config).strip().lower() if named else ""
    if encoding in ("", "identity"):
        async for piece in response.aiter_raw():
            yield piece
        return
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise _unreadable(base_url, f"it is compressed with {encoding!r:.40}, which nobody asked for")
    inflate = _Inflate()
    try:
        async for compressed in response.aiter_raw():
            for piece in inflate.pieces(compressed):
                yield piece
    except zlib.error as error:
        raise _unreadable(base_url, f"it is no {encoding} data ({error})") from error
    if not inflate.is_complete:
        raise _unreadable(base_url, f"its {encoding} data ends in the middle")


def media_type_of(response: httpx.Response) -> str:
    """The content type of a response in lower case, without its parameters, or "" where there is none."""
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def is_framed(response: httpx.Response) -> bool:
    """Whether HTTP told where the body ends: if not, a lost connection looks like an end."""
    return any(name in response.headers for name in ("transfer-encoding", "content-length"))


class _Inflate:
    """Decompression in pieces of bounded size."""

    def __init__(self) -> None:
        self._decompress = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by the header
        self._is_first = True

    def pieces(self, compressed: bytes) -> Iterator[bytes]:
        if self._is_first and compressed:
            self._is_first = False
            if not _has_header(compressed):  # "deflate" is zlib by the standard, and raw with some servers
                self._decompress = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
        while compressed:
            piece = self._decompress.decompress(compressed, PIECE_BYTES)
            compressed = self._decompress.unconsumed_tail
            if piece:
                yield piece

    @property
    def is_complete(self) -> bool:
        return self._is_first or self._decompress.eof


def _has_header(data: bytes) -> bool:
    """Gzip's magic number, or a zlib header (RFC 1950: method 8, and a multiple of 31)."""
    return data[:2] == b"\x1f\x8b" or (data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0)


def _unreadable(base_url: str, reason: str) -> UpstreamResponseError:
    return UpstreamResponseError(
        f"The answer of {base_url} can't be read: {reason}.",
        "Look at the server's log, and at the proxy before it.",
        upstream=base_url,
    )
