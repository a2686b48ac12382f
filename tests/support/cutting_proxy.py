"""A TCP proxy that drops its connections when it is told to, as a lost network does."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from .listening import listening


@dataclass
class CuttingProxy:
    """Passes bytes on between clients and a server on loopback.

    Attributes:
        server_port: where that server is.
        url: where clients find the proxy.
        sent_bytes: how much clients have sent through it.
    """

    server_port: int
    url: str = ""
    sent_bytes: int = 0
    _cut_at: int | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _connections: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Drop all connections; new ones are taken."""
        for one in list(self._connections):
            assert self._loop
            self._loop.call_soon_threadsafe(one.transport.abort)

    def cut_after(self, more_bytes: int) -> None:
        """Drop all connections as soon as clients have sent that much more."""
        self._cut_at = self.sent_bytes + more_bytes

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._loop = asyncio.get_running_loop()
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.server_port)
        self._connections |= {writer, server_writer}
        try:
            await asyncio.gather(
                self._pass_on(reader, server_writer, is_from_client=True),
                self._pass_on(server_reader, writer, is_from_client=False),
            )
        except (OSError, asyncio.CancelledError):
            pass  # one of them has gone, or the test is over
        finally:
            self._connections -= {writer, server_writer}
            for one in (writer, server_writer):
                one.transport.abort()
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await one.wait_closed()

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_from_client: bool
    ) -> None:
        while data := await reader.read(1 << 16):
            self.sent_bytes += len(data) if is_from_client else 0
            if self._cut_at is not None and self.sent_bytes >= self._cut_at:
                self._cut_at = None
                self.cut()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@contextmanager
def cutting_proxy(server_port: int) -> Iterator[CuttingProxy]:
    """A proxy before the server on this port."""
    proxy = CuttingProxy(server_port)
    with listening(proxy.serve) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy
