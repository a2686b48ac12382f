"""Connections of aiohttp's, by httpx-aiohttp, where that is installed: they cost a third of httpx's own."""

import io
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import aiohttp
import httpx
import yarl
from httpx_aiohttp import AiohttpTransport

MAX_LINE_BYTES = 100_000  # of an answer's head, as with httpx
MAX_BYTES_AT_ONCE = 1 << 20  # of more aiohttp warns
ERRORS = (httpx.TransportError, aiohttp.ClientError, OSError)


class FastTransport(AiohttpTransport):
    """One connection of aiohttp's to an http:// address, with errors that say what httpx's own say.

    httpx-aiohttp takes a lost connection for one that took too long to be made, and lets an answer that is no
    HTTP through as aiohttp's error. aiohttp by itself keeps cookies, and rewrites addresses.
    """

    _session: aiohttp.ClientSession | None = None

    def get_client(self) -> Any:
        """What sends requests: a session is made once a loop runs."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, ssl=self.ssl_context, keepalive_timeout=3600),
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=MAX_LINE_BYTES,
                max_field_size=MAX_LINE_BYTES,
            )
        return _AsItStands(self._session)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = await super().handle_async_request(request)
        except ERRORS as error:
            explained = _error_of_httpx(error)
        else:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _ExplainedStream(response.stream)
            return response
        raise explained  # here, where it has no context: aiohttp's errors show the request's headers

    async def aclose(self) -> None:
        if self._session:
            await self._session.close()


class _AsItStands:
    """A session that asks for an address as it is written: a signature is made of its very letters."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def request(self, *, method: str, url: str, data: Any, **settings: Any) -> Any:
        if isinstance(data, bytes) and len(data) > MAX_BYTES_AT_ONCE:
            data = io.BytesIO(data)
        return self._session.request(method, yarl.URL(url, encoded=True), data=data, **settings)


class _ExplainedStream(httpx.AsyncByteStream):
    """A body whose errors are httpx's."""

    def __init__(self, body: httpx.AsyncByteStream) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._body:
                yield piece
        except ERRORS as error:
            explained = _error_of_httpx(error)
        else:
            return
        raise explained

    async def aclose(self) -> None:
        with suppress(*ERRORS):
            await self._body.aclose()


def _error_of_httpx(error: Exception) -> httpx.TransportError:
    """Httpx's own error for one of aiohttp's; its cause is no more than what the operating system said."""
    cause = (error.__cause__ if isinstance(error, httpx.TransportError) else None) or error
    explained = _kind_of(cause)
    said = getattr(cause, "os_error", cause)
    if isinstance(said, socket.gaierror):
        explained.__cause__ = socket.gaierror(*said.args)
    elif number := getattr(said, "errno", None) or _error_number(str(said)):
        explained.__cause__ = OSError(number, os.strerror(number))
    return explained


def _error_number(text: str) -> int:
    """The first of several errors that asyncio has put into one, for a host with several addresses."""
    found = re.search(r"\[Errno (\d+)\]", text)
    return int(found[1]) if found else 0


def _kind_of(cause: BaseException) -> httpx.TransportError:
    if isinstance(cause, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout("")
    if isinstance(cause, TimeoutError):  # aiohttp's are, too
        return httpx.ReadTimeout("")
    if isinstance(cause, aiohttp.ClientConnectorError):
        return httpx.ConnectError(str(cause))
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return httpx.RemoteProtocolError("Server disconnected without sending a response.")
    if isinstance(cause, aiohttp.ClientPayloadError) and "not completed" in str(cause):
        return httpx.RemoteProtocolError("peer closed connection without sending complete message body")
    if isinstance(cause, OSError):
        return httpx.ReadError(str(cause))
    return httpx.RemoteProtocolError(getattr(cause, "message", "") or str(cause))
