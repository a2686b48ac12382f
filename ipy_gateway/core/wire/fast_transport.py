"""Connections of aiohttp's, where the extra `fast` is installed: reading and writing HTTP is in C there."""

import io
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import lru_cache

import aiohttp
import httpx
import orjson  # noqa: F401 - of the extra, too: many programs bring aiohttp who ask for nothing
import yarl
from aiohttp import ConnectionTimeoutError  # older ones have none: they are not used
from multidict import CIMultiDict

MAX_LINE_BYTES = 100_000  # of an answer's head, as with httpx
MAX_BYTES_AT_ONCE = 1 << 20  # of more aiohttp warns
ERRORS = (aiohttp.ClientError, OSError)


class FastTransport(httpx.AsyncBaseTransport):
    """One connection of aiohttp's to an http:// address, with errors that say what httpx's own say.

    Nothing is changed on the way: aiohttp by itself keeps cookies, decompresses and rewrites addresses.
    """

    _session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._answer(request)
        except ERRORS as error:
            explained = _error_of_httpx(error)
        else:
            extensions = {"http_version": b"HTTP/1.1", "reason_phrase": (answer.reason or "").encode()}
            return httpx.Response(
                answer.status, headers=answer.raw_headers, stream=_Body(answer), extensions=extensions
            )
        raise explained  # here, where it has no context: aiohttp's errors show the request's headers

    async def _answer(self, request: httpx.Request) -> aiohttp.ClientResponse:
        headers = CIMultiDict(
            (name.decode("ascii"), value.decode("ascii")) for name, value in request.headers.raw
        )
        headers.pop("transfer-encoding", None)  # aiohttp adds it where it is wanted
        timeouts = request.extensions.get("timeout", {})
        return await self._open_session().request(
            request.method,
            yarl.URL(str(request.url), encoded=True),  # as it is written: a signature may be made of it
            headers=headers,
            data=_content_of(request),
            allow_redirects=False,
            timeout=_timeout(timeouts.get("connect"), timeouts.get("read")),
        )

    def _open_session(self) -> aiohttp.ClientSession:
        """The session, which can be made once a loop runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=3600),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                max_line_size=MAX_LINE_BYTES,
                max_field_size=MAX_LINE_BYTES,
            )
        return self._session

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()


@lru_cache
def _timeout(connect_s: float | None, read_s: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(sock_connect=connect_s, sock_read=read_s)


def _content_of(request: httpx.Request) -> object:
    try:
        content = request.content
    except httpx.RequestNotRead:
        return request.stream
    return io.BytesIO(content) if len(content) > MAX_BYTES_AT_ONCE else content or None


class _Body(httpx.AsyncByteStream):
    """A body whose errors are httpx's."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._answer.content.readany()
        except ERRORS as error:
            explained = _error_of_httpx(error)
        else:
            if not piece:
                raise StopAsyncIteration
            return piece
        raise explained

    async def aclose(self) -> None:
        with suppress(*ERRORS):
            self._answer.release()
            await self._answer.wait_for_close()


def _error_of_httpx(error: Exception) -> httpx.TransportError:
    """Httpx's own error for one of aiohttp's; its cause is no more than what the operating system said."""
    explained = _kind_of(error)
    said = getattr(error, "os_error", error)
    if isinstance(said, socket.gaierror):
        explained.__cause__ = socket.gaierror(*said.args)
    elif number := getattr(said, "errno", None) or _error_number(str(said)):
        explained.__cause__ = OSError(number, os.strerror(number))
    return explained


def _error_number(text: str) -> int:
    """The first of several errors that asyncio has put into one, for a host with several addresses."""
    found = re.search(r"\[Errno (\d+)\]", text)
    return int(found[1]) if found else 0


def _kind_of(error: Exception) -> httpx.TransportError:
    if isinstance(error, ConnectionTimeoutError):
        return httpx.ConnectTimeout("")
    if isinstance(error, TimeoutError):  # aiohttp's are, too
        return httpx.ReadTimeout("")
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(str(error))
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return httpx.RemoteProtocolError("Server disconnected without sending a response.")
    if isinstance(error, aiohttp.ClientPayloadError) and "not completed" in str(error):
        return httpx.RemoteProtocolError("peer closed connection without sending complete message body")
    if isinstance(error, OSError):
        return httpx.ReadError(str(error))
    return httpx.RemoteProtocolError(getattr(error, "message", "") or str(error))
