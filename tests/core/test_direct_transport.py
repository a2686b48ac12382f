"""One connection straight to a server, plain and over TLS."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import httpx
import pytest
import trustme

from ipy_gateway.core.wire.direct_transport import DirectTransport
from ipy_gateway.core.wire.socket_streams import ANSWERED_S

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"


@contextlib.asynccontextmanager
async def answering(tls: ssl.SSLContext | None = None, *, closes: bool = False) -> AsyncIterator[httpx.URL]:
    """The URL of a server whose answers say over which connection they came, and by which protocol."""
    count = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                ssl_object = writer.get_extra_info("ssl_object")
                protocol = ssl_object.selected_alpn_protocol() if ssl_object else "plain"
                head = f"HTTP/1.1 200 {count} {protocol}".encode()
                writer.write(ANSWER.replace(b"HTTP/1.1 200 OK", head))
                if closes:
                    return

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls) as server:
        scheme, port = "https" if tls else "http", server.sockets[0].getsockname()[1]
        yield httpx.URL(f"{scheme}://127.0.0.1:{port}/v1")


async def asked(transport: DirectTransport, url: httpx.URL) -> str:
    async with asyncio.timeout(10):
        response = await transport.handle_async_request(httpx.Request("GET", url))
        assert await response.aread() == b"Hello"
        await response.aclose()
    return response.reason_phrase


async def test_a_connection_is_used_again() -> None:
    async with answering() as url:
        transport = DirectTransport(url)

        assert [await asked(transport, url) for _ in range(3)] == ["1 plain"] * 3

        await transport.aclose()


async def test_one_that_the_server_has_closed_is_replaced() -> None:
    async with answering(closes=True) as url:
        transport = DirectTransport(url)
        said = []
        for _ in range(3):
            said.append(await asked(transport, url))
            connection = transport._connection
            while connection and not connection.has_expired():  # until the loop has seen it
                await asyncio.sleep(0)

        assert said == ["1 plain", "2 plain", "3 plain"]

        await transport.aclose()


async def test_over_tls_http_1_1_is_agreed_upon() -> None:
    authority = trustme.CA()
    of_server, of_client = (
        ssl.SSLContext(kind) for kind in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)
    )
    authority.issue_cert("127.0.0.1").configure_cert(of_server)
    of_server.set_alpn_protocols(["h2", "http/1.1"])
    authority.configure_trust(of_client)
    async with answering(of_server) as url:
        transport = DirectTransport(url, of_client)

        assert await asked(transport, url) == "1 http/1.1"

        await transport.aclose()


def test_another_scheme_is_refused() -> None:
    with pytest.raises(httpx.UnsupportedProtocol):
        DirectTransport(httpx.URL("ftp://host"))


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_an_answer_to_an_upload_that_is_not_read_is_heard(hangs_up: bool) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio has no public way
        writer.write(ANSWER.replace(b"200 OK", b"413 Too large"))
        if hangs_up:
            writer.write_eof()
        await is_over.wait()
        writer.close()

    is_over = asyncio.Event()
    async with await asyncio.start_server(refuse, "127.0.0.1", 0, limit=1000) as server:
        url = httpx.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        transport = DirectTransport(url)
        upload = httpx.Request("POST", url, content=bytes(16 << 20), extensions={"timeout": {"write": 10}})

        response = await transport.handle_async_request(upload)

        assert response.status_code == 413
        assert await response.aread() == b"Hello"
        await response.aclose()
        await transport.aclose()
        is_over.set()


async def test_an_upload_that_a_slow_server_wants_is_sent_to_its_end() -> None:
    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await asyncio.sleep(ANSWERED_S + 0.5)
        await reader.readexactly(16 << 20)
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(256):
            yield bytes(1 << 16)

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        url = httpx.URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        transport = DirectTransport(url)
        head = {"Content-Length": str(16 << 20)}
        times = {"timeout": {"read": 10}}
        upload = httpx.Request("POST", url, content=pieces(), headers=head, extensions=times)

        response = await transport.handle_async_request(upload)

        assert await response.aread() == b"Hello"
        await response.aclose()
        await transport.aclose()
