"""The other end of a connection, which does exactly one wrong thing."""

import asyncio
import contextlib
import ssl
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from socket import SO_LINGER, SOL_SOCKET, socket

import trustme

from ..support.listening import listening

TEXT = "Fine."
AUTHORITY = trustme.CA()  # trusted where a test uses the fixture `authority`
REQUEST_HEAD_END = b"\r\n\r\n"


@dataclass
class Peer:
    """A server on loopback.

    Attributes:
        behave: what it does with a connection, which is closed afterwards.
        url: its base URL.
        opened: how many connections were made.
        open: how many of them are open now.
        received: all bytes that came in, of all connections.
    """

    behave: "Behaviour"
    url: str = ""
    opened: int = 0
    open: int = 0
    received: bytes = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        try:
            await self.behave(Connection(self, reader, writer))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            self.open -= 1

    def wait_until_all_closed(self, *, timeout_s: float = 3.0) -> None:
        """Wait until no connection is open; after a while give up, for the test to see."""
        deadline = time.monotonic() + timeout_s
        while self.open and time.monotonic() < deadline:
            time.sleep(0.005)


class Connection:
    """One connection, seen from the server."""

    def __init__(self, peer: Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = peer.opened
        self._peer = peer
        self._reader = reader
        self._writer = writer

    async def read_some(self) -> None:
        """The first bytes of a request."""
        self._peer.received += await self._reader.readexactly(20)

    async def read_request(self) -> None:
        """A whole request."""
        head = await self._reader.readuntil(REQUEST_HEAD_END)
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = await self._reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)
        self._peer.received += head + body

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def send_for_ever(self, data: bytes, *, every_s: float = 0.0) -> None:
        while True:
            await self.send(data)
            await asyncio.sleep(every_s)

    async def wait_for_hang_up(self) -> None:
        """Say nothing until the client has gone."""
        while await self._reader.read(1 << 16):
            pass

    def reset(self) -> None:
        """Close with a TCP reset in place of a goodbye."""
        raw: socket = self._writer.get_extra_info("socket")
        raw.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Connection], Awaitable[None]]


@contextlib.contextmanager
def peer(behave: Behaviour, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[Peer]:
    """A running server that does this with each connection."""
    server = Peer(behave)
    with listening(server.serve, tls=tls) as port:
        server.url = f"{'https' if tls else 'http'}://{host}:{port}"
        yield server


def sends(*parts: bytes, then: str = "close", pause_s: float = 0.0) -> Behaviour:
    """Read a request and send these bytes; `then` "close", "reset" or "wait" until the client has gone."""

    async def behave(connection: Connection) -> None:
        await connection.read_request()
        for part in parts:
            await connection.send(part)
            await asyncio.sleep(pause_s)
        if then == "reset":
            connection.reset()
        if then == "wait":
            await connection.wait_for_hang_up()

    return behave


def drips(head: bytes, drop: bytes, *, every_s: float = 0.02) -> Behaviour:
    """Read a request, send `head`, and `drop` again and again for ever."""

    async def behave(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(head)
        await connection.send_for_ever(drop, every_s=every_s)

    return behave
