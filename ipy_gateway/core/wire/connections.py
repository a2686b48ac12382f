"""A connection pool that loses no slot over a cancelled request, and costs the same however large it is."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

MAX_CONNECTIONS = 100
KEEPALIVE_S = 4.0  # uvicorn closes an idle connection after 5 s: ours is gone before
# llama.cpp closes after each streamed answer and does not say so: what is sent meanwhile is lost, and that is
# seen at once. A server that takes longer to hang up may have begun to work.
CLOSED_BEFORE_S = 1.0


@dataclass(slots=True)
class _Connection:
    """One httpx transport which holds one connection."""

    transport: httpx.AsyncBaseTransport
    idle_since: float = 0.0  # since when nothing was asked, or 0.0 where nothing was asked yet
    stays_open: bool = True


class ConnectionStack(httpx.AsyncBaseTransport):
    """Single-connection transports, the one used last on top.

    httpcore's own pool is searched linearly for each request and loses a slot when a request is cancelled
    while it connects. Here a connection is owned by one request at a time; it comes back when the response
    was read to its end, and is closed and forgotten otherwise.

    Args:
        open_connection: makes a transport with one connection for the URL it is given.
        max_connections: how many may be open at a time; further requests wait.
    """

    def __init__(
        self,
        open_connection: Callable[[httpx.URL], httpx.AsyncBaseTransport],
        *,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._open_connection = open_connection
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: dict[Any, deque[_Connection]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._sweep_timer: asyncio.TimerHandle | None = None
        self.in_use = 0
        self.closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._slots.acquire()
        self.in_use += 1
        origin = (request.url.scheme, request.url.host, request.url.port)
        try:
            connection = self._take(origin, request.url)
        except BaseException:
            self._release()
            raise
        try:
            response = await self._respond(connection, request)
        except BaseException:
            await self._forget(connection)
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        connection.stays_open = _stays_open(response)
        response.stream = _ReturningStream(response.stream, self, origin, connection)
        return response

    async def _respond(self, connection: _Connection, request: httpx.Request) -> httpx.Response:
        """The response; where a used connection turns out to be closed, on a new one.

        As browsers do (RFC 9112, 9.3.1): the server closed it before it could read the request.
        """
        if not connection.idle_since:
            return await connection.transport.handle_async_request(request)
        started = time.monotonic()
        try:
            return await connection.transport.handle_async_request(request)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
            if time.monotonic() - started > CLOSED_BEFORE_S or not _is_unanswered(error):
                raise
        self._close(_Connection(connection.transport))
        connection.transport, connection.idle_since = self._open_connection(request.url), 0.0
        return await connection.transport.handle_async_request(request)

    def _take(self, origin: Any, url: httpx.URL) -> _Connection:
        idle = self._idle.get(origin)
        if idle and time.monotonic() - idle[-1].idle_since < KEEPALIVE_S:
            return idle.pop()
        return _Connection(self._open_connection(url))

    def _put_back(self, origin: Any, connection: _Connection) -> None:
        self._release()
        connection.idle_since = time.monotonic()
        self._idle.setdefault(origin, deque()).append(connection)
        if self._sweep_timer is None:
            self._sweep()

    def _sweep(self) -> None:
        """Close the connections that nobody needed for a while, now and again until none is idle."""
        for stale in self._stale():
            self._close(stale)
        self._idle = {origin: idle for origin, idle in self._idle.items() if idle}
        self._sweep_timer = None
        if self._idle:
            oldest = min(idle[0].idle_since for idle in self._idle.values())
            delay_s = oldest + KEEPALIVE_S - time.monotonic()
            self._sweep_timer = asyncio.get_running_loop().call_later(delay_s, self._sweep)

    def _stale(self) -> Iterator[_Connection]:
        """Take out the connections at the bottom of the stacks that nobody needed for a while."""
        long_ago = time.monotonic() - KEEPALIVE_S
        for idle in self._idle.values():
            while idle and idle[0].idle_since <= long_ago:
                yield idle.popleft()

    async def _forget(self, connection: _Connection, body: httpx.AsyncByteStream | None = None) -> None:
        self._release()
        await asyncio.shield(self._close(connection, body))

    def _close(
        self, connection: _Connection, body: httpx.AsyncByteStream | None = None
    ) -> "asyncio.Task[None]":
        """Close in a task of its own, so that a second cancellation can't leave a connection half closed."""
        task = asyncio.ensure_future(_close_unread(connection, body))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        return task

    def _release(self) -> None:
        self.in_use -= 1
        self._slots.release()

    async def aclose(self) -> None:
        """Close the idle connections; those in use are closed by their responses."""
        self.closed = True
        if self._sweep_timer:
            self._sweep_timer.cancel()
            self._sweep_timer = None
        for idle in self._idle.values():
            for connection in idle:
                self._close(connection)
        self._idle.clear()
        if self._closing:
            await asyncio.wait(self._closing)


class _ReturningStream(httpx.AsyncByteStream):
    """A response body that gives its connection back when it was read to the end, or closes it."""

    def __init__(
        self, body: httpx.AsyncByteStream, stack: ConnectionStack, origin: Any, connection: _Connection
    ) -> None:
        self._body = body
        self._stack = stack
        self._origin = origin
        self._connection: _Connection | None = connection
        self._complete = False

    def __aiter__(self) -> AsyncIterator[bytes]:
        self._pieces = aiter(self._body)
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._complete = True
            raise

    async def aclose(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if not (self._complete and connection.stays_open) or self._stack.closed:
            await self._stack._forget(connection, self._body)
            return
        try:
            await self._body.aclose()
        except BaseException:
            await self._stack._forget(connection)
            raise
        self._stack._put_back(self._origin, connection)


def _stays_open(response: httpx.Response) -> bool:
    """Whether the server keeps the connection once the response has ended (RFC 9112, 6.3 and 9.3)."""
    headers = [(name.lower(), value.lower()) for name, value in response.headers.raw]
    if any(name == b"connection" and b"close" in value for name, value in headers):
        return False
    is_framed = any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
    return is_framed or response.status_code in (204, 304)


def _is_unanswered(error: httpx.TransportError) -> bool:
    """Whether the connection was closed before a byte of the response came."""
    return not isinstance(error, httpx.RemoteProtocolError) or "without sending a response" in str(error)


async def _close_unread(connection: _Connection, body: httpx.AsyncByteStream | None) -> None:
    await connection.transport.aclose()
    if body:  # afterwards: aiohttp's waits for a request that is still being written
        with suppress(httpx.HTTPError):
            await body.aclose()
