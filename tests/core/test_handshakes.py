"""A handshake that is given up leaves no socket open, however silent the other end is."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from ipy_gateway import GatewayConfig, UpstreamTimeoutError, list_models


@contextlib.asynccontextmanager
async def listening_without_a_word() -> AsyncIterator[tuple[str, list[asyncio.StreamReader]]]:
    """A port that takes connections and never answers; its address, and what it has accepted."""
    accepted: list[asyncio.StreamReader] = []
    writers: list[asyncio.StreamWriter] = []

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(reader)
        writers.append(writer)

    async with await asyncio.start_server(accept, "127.0.0.1", 0, family=socket.AF_INET) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", accepted
        for writer in writers:
            writer.close()


async def hung_up(reader: asyncio.StreamReader) -> bool:
    """Whether the client closes the connection."""
    with contextlib.suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            await reader.read()
    return True


async def test_a_deadline_in_a_handshake_closes_the_socket() -> None:
    async with listening_without_a_word() as (address, accepted):
        config = GatewayConfig(f"https://{address}", timeout_s=0.2, max_retries=0)

        with pytest.raises(UpstreamTimeoutError):
            await list_models(config)

        assert await hung_up(accepted[0])


async def test_a_cancellation_in_a_handshake_closes_the_socket() -> None:
    async with listening_without_a_word() as (address, accepted):
        asking = asyncio.ensure_future(list_models(GatewayConfig(f"https://{address}")))
        while not accepted:
            await asyncio.sleep(0.01)

        asking.cancel()
        await asyncio.wait([asking])

        assert asking.cancelled()
        assert await hung_up(accepted[0])


async def test_a_deadline_behind_a_proxy_that_is_silent_closes_the_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with listening_without_a_word() as (address, accepted):
        monkeypatch.setenv("https_proxy", f"http://{address}")
        config = GatewayConfig("https://elsewhere.example", timeout_s=0.2, max_retries=0)

        with pytest.raises(UpstreamTimeoutError):
            await list_models(config)

        assert await hung_up(accepted[0])
