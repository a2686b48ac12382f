"""One connection straight to a server: httpcore's HTTP/1.1 over the event loop's own sockets."""

import ssl
from collections.abc import AsyncIterable, AsyncIterator

import httpcore
import httpx

from .socket_streams import connected_stream

PORTS = {b"http": 80, b"https": 443}
# httpx calls them by the names that httpcore has for them.
_NAMES = (
    "ReadError",
    "ReadTimeout",
    "WriteError",
    "WriteTimeout",
    "LocalProtocolError",
    "RemoteProtocolError",
)
_ERRORS: dict[type[Exception], type[httpx.TransportError]] = {
    getattr(httpcore, name): getattr(httpx, name) for name in _NAMES
}
_OF_HTTPCORE = tuple(_ERRORS)


class DirectTransport(httpx.AsyncBaseTransport):
    """Sends one request at a time over a connection, and opens a new one where that was closed.

    httpx's own transport has a pool around each connection, and anyio's sockets below it: together they cost
    half as much again.

    Args:
        url: of the server; only its origin matters.
        ssl_context: for https, which can't be without.

    Raises:
        httpx.UnsupportedProtocol: it is an address of neither http nor https.
    """

    def __init__(self, url: httpx.URL, ssl_context: ssl.SSLContext | None = None) -> None:
        scheme, port = url.raw_scheme, url.port
        if scheme not in PORTS:
            raise httpx.UnsupportedProtocol(f"{url.scheme}:// is no address of a server's")
        self._origin = httpcore.Origin(scheme, url.raw_host, PORTS[scheme] if port is None else port)
        self._ssl_context = ssl_context if scheme == b"https" else None
        if self._ssl_context:
            self._ssl_context.set_alpn_protocols(["http/1.1"])
        self._connection: httpcore.AsyncHTTP11Connection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        connection = self._connection
        if connection is None or connection.is_closed() or connection.has_expired():
            await self.aclose()
            connection = self._connection = await self._connected(request)
        try:
            answer = await connection.handle_async_request(self._for_httpcore(request))
        except _OF_HTTPCORE as error:
            raise _ERRORS[type(error)](str(error)) from error
        body = _Body(answer)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=body, extensions=answer.extensions
        )

    async def _connected(self, request: httpx.Request) -> httpcore.AsyncHTTP11Connection:
        connect_s = request.extensions.get("timeout", {}).get("connect")
        host = self._origin.host.decode("ascii")
        try:
            stream = await connected_stream(host, self._origin.port, self._ssl_context, connect_s)
        except TimeoutError as error:
            raise httpx.ConnectTimeout("") from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        return httpcore.AsyncHTTP11Connection(self._origin, stream)

    def _for_httpcore(self, request: httpx.Request) -> httpcore.Request:
        scheme, host, port = self._origin.scheme, self._origin.host, self._origin.port
        return httpcore.Request(
            request.method,
            httpcore.URL(scheme=scheme, host=host, port=port, target=request.url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await connection.aclose()


class _Body(httpx.AsyncByteStream):
    """A body whose errors are httpx's."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer
        assert isinstance(answer.stream, AsyncIterable)
        self._pieces = aiter(answer.stream)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except _OF_HTTPCORE as error:
            raise _ERRORS[type(error)](str(error)) from error

    async def aclose(self) -> None:
        await self._answer.aclose()
