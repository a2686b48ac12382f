"""Cancelled at any moment, once or twice, a request gives back its connection."""

import asyncio
import json
import random
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from functools import partial
from typing import Any

import httpx
import pytest

from ipy_gateway import Connections, GatewayConfig, chat_completion, stream_chat
from ipy_gateway.core import loop_clients
from ipy_gateway.core.wire.fast_transport import FastTransport

from .support.fault_server import Answer, FaultServer, answer, completion, fault_server

SEEDS = range(10)
CANCELLATIONS = 50  # for each seed
MAX_CONNECTIONS = 5
SMALL = [{"role": "user", "content": "Anybody?"}]
BIG = [{"role": "user", "content": "Anybody? " * 60_000}]  # takes several writes
HEADERS = {"Content-Type": "text/event-stream", "Content-Length": "99999"}
DELTA = json.dumps({"choices": [{"index": 0, "delta": {"content": "Good "}}]})
EVENT = f"data: {DELTA}\n\n".encode()
ENDED = answer(
    body=EVENT + b"data: [DONE]\n\n", headers={"Content-Type": "text/event-stream", "Connection": "close"}
)
# What a server may be doing when a request is cancelled; those that stop in the middle never go on.
SCENES = [
    completion(),
    completion(delay_s=0.002),
    completion("A long answer. " * 20_000),
    ENDED,
    Answer(b""),
    Answer(b"HTTP/1.1 200 OK\r\nContent-"),
    answer(headers={"Content-Length": "99999"}),
    answer(body=EVENT * 3, headers=HEADERS),
    answer(body=EVENT * 500, headers=HEADERS),
    answer(503, body={"error": {"message": "Loading model"}}),
]


def of_aiohttp(url: httpx.URL) -> httpx.AsyncBaseTransport:
    return FastTransport()


TRANSPORTS = {"httpcore": loop_clients._open_connection, "aiohttp": of_aiohttp}


@pytest.fixture(params=TRANSPORTS)
def small_pool(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Connections:
    """A small pool for the requests of a test, on each of the transports."""
    monkeypatch.setattr(loop_clients, "_open_connection", TRANSPORTS[request.param])
    return Connections(max_connections=MAX_CONNECTIONS)


async def chat(messages: list[dict[str, Any]], config: GatewayConfig) -> None:
    await chat_completion(messages, config)


async def read_stream(messages: list[dict[str, Any]], config: GatewayConfig) -> None:
    async for _ in stream_chat(messages, config):
        pass


async def read_stream_slowly(messages: list[dict[str, Any]], config: GatewayConfig) -> None:
    async with aclosing(stream_chat(messages, config)) as chunks:
        async for _ in chunks:
            await asyncio.sleep(0.001)


def random_request(server: FaultServer, dice: random.Random) -> Coroutine[Any, Any, None]:
    """A request in one of three ways; a name has to be looked up, which takes connecting longer."""
    url = dice.choice([server.url, server.url.replace("127.0.0.1", "localhost")])
    way = dice.choice([chat, read_stream, read_stream_slowly])
    return way(dice.choice([SMALL, SMALL, BIG]), GatewayConfig(url, timeout_s=60))


async def cancel_at_random(make: Callable[[], Coroutine[Any, Any, None]], dice: random.Random) -> int:
    """Start some requests, more than there are connections for, and cancel each once or twice.

    Returns:
        How many requests were cancelled.
    """
    tasks = [asyncio.ensure_future(make()) for _ in range(dice.randint(1, MAX_CONNECTIONS + 3))]
    for task in dice.sample(tasks, len(tasks)):
        await wait_a_little(dice)
        task.cancel()
        if dice.random() < 0.5:
            await wait_a_little(dice)
            task.cancel()
    _, unending = await asyncio.wait(tasks, timeout=10)
    assert not unending
    failures = [str(task.exception()) for task in tasks if not task.cancelled() and task.exception()]
    assert all("is not JSON" in failure for failure in failures), failures  # an event stream, unasked
    return sum(task.cancelled() for task in tasks)


async def wait_a_little(dice: random.Random) -> None:
    for _ in range(dice.randint(0, 15)):
        await asyncio.sleep(0)
    if dice.random() < 0.5:
        await asyncio.sleep(dice.random() * 0.01)


async def ask_all_at_once(server: FaultServer) -> list[str]:
    """Ask with every connection that the pool may open, and once more."""
    config = GatewayConfig(server.url, timeout_s=10)
    asked = [chat_completion(SMALL, config) for _ in range(MAX_CONNECTIONS + 1)]
    answers = await asyncio.gather(*asked)
    return [one["choices"][0]["message"]["content"] for one in answers]


@pytest.mark.parametrize("seed", SEEDS)
async def test_random_cancellations_lose_no_connection(seed: int, small_pool: Connections) -> None:
    dice = random.Random(seed)
    with fault_server() as server:
        server.script = [*dice.choices(SCENES, k=20 * CANCELLATIONS), completion()]
        cancelled = 0
        async with small_pool:
            while cancelled < CANCELLATIONS:
                cancelled += await cancel_at_random(partial(random_request, server, dice), dice)
            assert small_pool.in_use == 0
            assert server.requests

            server.script = [completion()]
            async with asyncio.timeout(10):
                assert await ask_all_at_once(server) == ["Fine."] * (MAX_CONNECTIONS + 1)
            assert small_pool.in_use == 0

        await asyncio.to_thread(server.wait_until_all_closed)
        assert server.open == 0


@pytest.mark.parametrize("way", [chat, read_stream, read_stream_slowly])
@pytest.mark.parametrize("steps", range(0, 60, 3))
async def test_a_cancellation_after_any_number_of_steps_loses_no_connection(
    way: Callable[..., Coroutine[Any, Any, None]], steps: int, small_pool: Connections
) -> None:
    with fault_server(answer(body=EVENT * 3, headers=HEADERS)) as server:
        async with small_pool:
            asking = asyncio.ensure_future(way(SMALL, GatewayConfig(server.url)))
            for _ in range(steps):
                await asyncio.sleep(0.0002)
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            assert small_pool.in_use == 0

            server.script = [completion()]
            assert await ask_all_at_once(server) == ["Fine."] * (MAX_CONNECTIONS + 1)

        await asyncio.to_thread(server.wait_until_all_closed)
        assert server.open == 0
