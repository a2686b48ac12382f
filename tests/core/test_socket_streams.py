"""What httpcore reads from and writes to, against real sockets."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator

import httpcore
import pytest

from ipy_gateway.core.wire.socket_streams import MOST_READ_AHEAD_BYTES, SocketStream, connected_stream

HANG_S = 10
MORE_THAN_FITS = bytes(20_000_000)  # in the buffers of both ends


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[tuple[SocketStream, socket.socket]]:
    """A stream and the other end of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        host, port = listener.getsockname()
        stream = await connected_stream(host, port, None, HANG_S)
        peer, _ = await asyncio.get_running_loop().sock_accept(listener)
        with peer:
            async with asyncio.timeout(HANG_S):
                yield stream, peer
                await stream.aclose()


async def test_bytes_go_both_ways_in_pieces_of_at_most_what_is_asked_for() -> None:
    async with connected() as (stream, peer):
        await stream.write(b"a question")
        assert await asyncio.get_running_loop().sock_recv(peer, 100) == b"a question"

        peer.send(b"an answer")

        assert [await stream.read(4), await stream.read(4), await stream.read(4)] == [b"an a", b"nswe", b"r"]


async def test_what_is_small_is_not_held_back_until_the_other_end_has_confirmed_what_came_before() -> None:
    async with connected() as (stream, _):
        assert stream.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_the_end_is_an_empty_piece_again_and_again() -> None:
    async with connected() as (stream, peer):
        peer.send(b"last words")
        peer.close()

        assert [await stream.read(100) for _ in range(3)] == [b"last words", b"", b""]
        assert stream.get_extra_info("is_readable")


async def test_what_came_before_a_connection_broke_is_read_first() -> None:
    async with connected() as (stream, peer):
        peer.send(b"413: too large")
        while not stream.get_extra_info("is_readable"):
            await asyncio.sleep(0)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()  # by a reset

        assert await stream.read(100) == b"413: too large"
        with pytest.raises(httpcore.ReadError, match="reset"):
            await stream.read(100)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"more")


async def test_a_reader_that_is_slow_gets_all_of_it_and_little_is_read_ahead() -> None:
    sent = bytes(range(256)) * 40_000
    async with connected() as (stream, peer):
        peer.setblocking(False)
        sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(peer, sent))
        received = bytearray()
        while len(received) < len(sent):
            await asyncio.sleep(0)
            assert stream._buffered <= 4 * MOST_READ_AHEAD_BYTES
            received += await stream.read(65_536)
        await sending

        assert received == sent


async def test_a_peer_that_says_nothing_is_given_up() -> None:
    async with connected() as (stream, peer):
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(100, timeout=0.01)

        peer.send(b"late")

        assert await stream.read(100, timeout=HANG_S) == b"late"


async def test_a_peer_that_takes_nothing_is_given_up() -> None:
    async with connected() as (stream, _):
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(MORE_THAN_FITS, timeout=0.01)


async def test_a_peer_that_hangs_up_ends_writing() -> None:
    async with connected() as (stream, peer):
        writing = asyncio.ensure_future(stream.write(MORE_THAN_FITS, timeout=HANG_S))
        await asyncio.sleep(0)
        peer.close()

        with pytest.raises(httpcore.WriteError):
            await writing


async def test_closing_waits_for_nothing_that_was_not_sent() -> None:
    async with connected() as (stream, peer):
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(MORE_THAN_FITS, timeout=0.01)

        await stream.aclose()
        received = await asyncio.to_thread(_read_to_the_end, peer)

        assert received < len(MORE_THAN_FITS)


def _read_to_the_end(peer: socket.socket) -> int:
    peer.setblocking(True)
    received = 0
    with contextlib.suppress(ConnectionResetError):
        while piece := peer.recv(1 << 20):
            received += len(piece)
    return received
