"""Sockets of the event loop as httpcore takes them: its own, by anyio, cost a third of a request more."""

import asyncio
import ssl
from collections import deque
from typing import Any

import httpcore

from .connecting import connected_socket
from .lookups import addresses_of

# What is read ahead of whoever reads: twice what httpcore takes at a time.
MOST_READ_AHEAD_BYTES = 1 << 17
# Who has answered, and takes nothing of the rest for so long, does not want it.
ANSWERED_S = 1.0
_INFORMATION = b"HTTP/1.1 1"  # "100 Continue", which is no answer


async def connected_stream(
    host: str, port: int, ssl_context: ssl.SSLContext | None, connect_s: float | None
) -> "SocketStream":
    """A connection, over TLS where a context is given; nothing stays open of one that is given up.

    Args:
        host: a name or an address.
        connect_s: how long connecting may take, the handshake included.

    Raises:
        OSError: there is no such host, it can't be connected to, or its certificate is not valid.
        TimeoutError: it took too long.
    """
    async with asyncio.timeout(connect_s):
        connected = await connected_socket(await addresses_of(host, port))
        _, stream = await asyncio.get_running_loop().create_connection(
            SocketStream,
            sock=connected,
            ssl=ssl_context,
            server_hostname=host if ssl_context else None,
        )
    return stream


class SocketStream(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection, read by one task and written to by one at a time.

    What came before a connection broke is read first, and only then that it broke: a server may refuse an
    upload, and hang up, before it has read all of it.
    """

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._buffered = 0
        self._has_ended = False
        self._broken: Exception | None = None
        self._is_full = False  # so that writing has to wait
        self._reading: asyncio.Future[None] | None = None
        self._writing: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._buffered += len(data)
        if self._buffered > MOST_READ_AHEAD_BYTES:
            self._transport.pause_reading()
        _wake(self._reading)
        self._expect_to_be_heard_no_more()

    def eof_received(self) -> None:
        self._has_ended = True
        _wake(self._reading)
        self._expect_to_be_heard_no_more()

    def connection_lost(self, error: Exception | None) -> None:
        self._has_ended, self._broken = True, error
        _wake(self._reading)
        _wake(self._writing)

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        _wake(self._writing)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, or b"" at the end of it.

        Raises:
            httpcore.ReadError: the connection broke.
            httpcore.ReadTimeout: nothing came in time.
        """
        if not self._pieces and not self._has_ended:
            self._reading = asyncio.get_running_loop().create_future()
            await _woken(self._reading, timeout, httpcore.ReadTimeout)
        if not self._pieces:
            if self._broken:
                raise httpcore.ReadError(str(self._broken)) from self._broken
            return b""
        return self._next_piece(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send bytes; wait while the other end takes no more.

        Raises:
            httpcore.WriteError: the connection is at its end, or who has answered takes no more.
            httpcore.WriteTimeout: the other end took nothing for so long.
        """
        self._raise_if_unwritable()
        self._transport.write(buffer)
        if self._is_full:
            self._writing = asyncio.get_running_loop().create_future()
            if self._pieces or self._has_ended:
                self._expect_to_be_heard_no_more()
            await _woken(self._writing, timeout, httpcore.WriteTimeout)
            self._raise_if_unwritable()

    async def aclose(self) -> None:
        """Close it at once, whatever was not sent yet; nothing is waited for that could be cancelled."""
        self._transport.close()
        asyncio.get_running_loop().call_soon(self._transport.abort)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks: whether an idle connection was closed, or brings what nobody asked for."""
        if info == "is_readable":
            return self._has_ended or bool(self._pieces) or self._transport.is_closing()
        return self._transport.get_extra_info(info)

    def _next_piece(self, max_bytes: int) -> bytes:
        piece = self._pieces.popleft()
        if len(piece) > max_bytes:
            self._pieces.appendleft(piece[max_bytes:])
            piece = piece[:max_bytes]
        was_paused = self._buffered > MOST_READ_AHEAD_BYTES
        self._buffered -= len(piece)
        if was_paused and self._buffered <= MOST_READ_AHEAD_BYTES:
            self._transport.resume_reading()
        return piece

    def _expect_to_be_heard_no_more(self) -> None:
        """Write no more, where that has to wait: an answer that refuses an upload would never be read."""
        is_asked_to_go_on = bool(self._pieces) and self._pieces[0].startswith(_INFORMATION)
        if self._writing and not self._writing.done() and not is_asked_to_go_on:
            loop = asyncio.get_running_loop()
            loop.call_later(ANSWERED_S, _give_up, self._writing, httpcore.WriteError)

    def _raise_if_unwritable(self) -> None:
        if self._broken or self._transport.is_closing():
            raise httpcore.WriteError(str(self._broken or "")) from self._broken


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter and not waiter.done():
        waiter.set_result(None)


async def _woken(waiter: asyncio.Future[None], timeout: float | None, error: type[Exception]) -> None:
    if timeout is None:
        await waiter
        return
    timer = asyncio.get_running_loop().call_later(timeout, _give_up, waiter, error)
    try:
        await waiter
    finally:
        timer.cancel()


def _give_up(waiter: asyncio.Future[None], error: type[Exception]) -> None:
    if not waiter.done():
        waiter.set_exception(error())
