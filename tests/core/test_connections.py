"""The pool: connections come back, are closed, expire, and no slot is lost."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from ipy_gateway.core.wire import connections
from ipy_gateway.core.wire.connections import ConnectionStack

from ..support.fault_server import Answer, FaultServer, answer, fault_server

BIG_BODY = b"x" * 2_000_000


def open_connection(url: httpx.URL) -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(trust_env=False, limits=httpx.Limits(max_connections=1))


@contextlib.asynccontextmanager
async def client_of(stack: ConnectionStack) -> AsyncIterator[httpx.AsyncClient]:
    async with asyncio.timeout(30), httpx.AsyncClient(transport=stack, timeout=5) as client:
        yield client  # httpx's timeouts don't end a wait for a slot


async def all_closed(server: FaultServer) -> bool:
    await asyncio.to_thread(server.wait_until_all_closed)
    return server.open == 0


async def test_sequential_requests_use_one_connection() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server() as server:
        async with client_of(stack) as client:
            for _ in range(20):
                assert (await client.get(server.url)).status_code == 200

        assert server.opened == 1
        assert stack.in_use == 0
        assert await all_closed(server)


async def test_no_more_connections_are_open_than_allowed() -> None:
    stack = ConnectionStack(open_connection, max_connections=3)
    with fault_server(answer(delay_s=0.02)) as server:
        async with client_of(stack) as client:
            await asyncio.gather(*(client.get(server.url) for _ in range(20)))

        assert len(server.requests) == 20
        assert server.opened == 3


async def test_servers_do_not_share_connections() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server() as one, fault_server() as other:
        async with client_of(stack) as client:
            for _ in range(3):
                await client.get(one.url)
                await client.get(other.url)

        assert (len(one.requests), one.opened) == (3, 1)
        assert (len(other.requests), other.opened) == (3, 1)


@pytest.mark.parametrize("seed", range(4))
async def test_random_cancellations_lose_no_slot_and_leave_no_connection(seed: int) -> None:
    dice = random.Random(seed)
    stack = ConnectionStack(open_connection, max_connections=3)
    with fault_server(answer(delay_s=0.002)) as server:
        async with client_of(stack) as client:
            for _ in range(25):
                await cancel_at_random(client, server.url, dice)

            assert stack.in_use == 0
            responses = await asyncio.wait_for(
                asyncio.gather(*(client.get(server.url) for _ in range(6))), timeout=5
            )
            assert [response.status_code for response in responses] == [200] * 6
            assert stack.in_use == 0
        assert await all_closed(server)


async def cancel_at_random(client: httpx.AsyncClient, url: str, dice: random.Random) -> None:
    """Start up to five requests and cancel each, once or twice, anywhere between start and end."""
    tasks = [asyncio.ensure_future(client.get(url)) for _ in range(dice.randint(1, 5))]
    for task in dice.sample(tasks, len(tasks)):
        await wait_a_little(dice)
        task.cancel()
        if dice.random() < 0.5:
            await wait_a_little(dice)
            task.cancel()
    await asyncio.wait(tasks)


async def wait_a_little(dice: random.Random) -> None:
    for _ in range(dice.randint(0, 12)):
        await asyncio.sleep(0)
    if dice.random() < 0.4:
        await asyncio.sleep(dice.random() * 0.006)


async def test_a_response_that_is_not_read_to_its_end_closes_its_connection() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server(answer(body=BIG_BODY), answer()) as server:
        async with client_of(stack) as client:
            async with client.stream("GET", server.url) as response:
                assert await anext(response.aiter_raw())
            assert stack.in_use == 0
            assert await all_closed(server)

            await client.get(server.url)

        assert server.opened == 2


async def test_a_body_that_breaks_off_closes_its_connection() -> None:
    stack = ConnectionStack(open_connection)
    broken = Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", closes=True)
    with fault_server(broken, answer()) as server:
        async with client_of(stack) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(server.url)
            assert stack.in_use == 0

            assert (await client.get(server.url)).status_code == 200


HUNG_UP = Answer(b"", closes=True)


async def test_a_used_connection_that_the_server_has_closed_is_replaced() -> None:
    stack = ConnectionStack(open_connection, max_connections=1)
    with fault_server(answer(), HUNG_UP, answer(body={"is": "well"})) as server:
        async with client_of(stack) as client:
            await client.get(server.url)

            response = await client.post(server.url, json={"n": 1})

            assert response.json() == {"is": "well"}
            assert [request.connection for request in server.requests] == [1, 1, 2]
            assert server.requests[1].body == server.requests[2].body
            assert stack.in_use == 0
        assert await all_closed(server)


async def test_a_new_connection_that_is_closed_is_not_replaced() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server(HUNG_UP, answer()) as server:
        async with client_of(stack) as client:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(server.url)

            assert len(server.requests) == 1
            assert stack.in_use == 0


async def test_a_connection_is_replaced_once() -> None:
    stack = ConnectionStack(open_connection, max_connections=1)
    with fault_server(answer(), HUNG_UP) as server:
        async with client_of(stack) as client:
            await client.get(server.url)
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(server.url)

            assert len(server.requests) == 3
            assert stack.in_use == 0


async def test_what_a_server_may_have_begun_to_answer_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "CLOSED_BEFORE_S", 0.05)
    stack = ConnectionStack(open_connection)
    with fault_server(answer(), Answer(b"", delay_s=0.2, closes=True), answer()) as server:
        async with client_of(stack) as client:
            await client.get(server.url)
            with pytest.raises(httpx.RemoteProtocolError):
                await client.get(server.url)

            assert len(server.requests) == 2
            assert stack.in_use == 0


async def test_closing_a_response_twice_gives_its_slot_back_once() -> None:
    stack = ConnectionStack(open_connection, max_connections=1)
    with fault_server() as server:
        async with client_of(stack) as client:
            response = await client.send(client.build_request("GET", server.url), stream=True)
            await response.aclose()
            await response.aclose()

            assert stack.in_use == 0
            await client.get(server.url)


async def test_idle_connections_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEPALIVE_S", 0.1)
    stack = ConnectionStack(open_connection)
    with fault_server(answer(delay_s=0.02)) as server:
        async with client_of(stack) as client:
            await asyncio.gather(*(client.get(server.url) for _ in range(3)))
            assert server.open == 3
            await asyncio.sleep(0.15)

            await client.get(server.url)

            await asyncio.sleep(0.1)
            assert (server.opened, server.open) == (4, 1)


async def test_idle_connections_are_closed_though_nothing_else_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "KEEPALIVE_S", 0.1)
    stack = ConnectionStack(open_connection)
    with fault_server(answer(delay_s=0.02)) as one, fault_server() as other:
        async with client_of(stack) as client:
            await asyncio.gather(*(client.get(one.url) for _ in range(3)))
            await asyncio.sleep(0.05)
            await client.get(other.url)

            assert await all_closed(one)
            assert await all_closed(other)
            await asyncio.sleep(0.05)
            assert stack._idle == {}
            assert stack._sweep_timer is None


async def test_a_closed_pool_leaves_no_timer() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server() as server:
        async with client_of(stack) as client:
            await client.get(server.url)
            timer = stack._sweep_timer

    assert timer is not None
    assert timer.cancelled()
    assert stack._sweep_timer is None


async def test_the_connection_used_last_is_used_next() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server(answer(delay_s=0.02)) as server:
        async with client_of(stack) as client:
            await asyncio.gather(*(client.get(server.url) for _ in range(3)))
            for _ in range(4):
                await client.get(server.url)

        assert len({request.connection for request in server.requests[3:]}) == 1


async def test_a_connection_that_cannot_be_made_gives_its_slot_back() -> None:
    def refuse(url: httpx.URL) -> httpx.AsyncBaseTransport:
        raise ValueError("no such proxy")

    stack = ConnectionStack(refuse, max_connections=1)
    async with client_of(stack) as client:
        for _ in range(3):
            with pytest.raises(ValueError, match="no such proxy"):
                await client.get("http://host")

    assert stack.in_use == 0


async def test_a_server_that_cannot_be_reached_gives_the_slot_back() -> None:
    stack = ConnectionStack(open_connection, max_connections=1)
    async with client_of(stack) as client:
        for _ in range(3):
            with pytest.raises(httpx.ConnectError):
                await client.get("http://127.0.0.1:1")

    assert stack.in_use == 0


async def test_a_response_that_ends_after_the_pool_was_closed_closes_its_connection() -> None:
    stack = ConnectionStack(open_connection)
    with fault_server() as server:
        request = httpx.Request("GET", server.url, extensions={"timeout": {}})
        response: Any = await stack.handle_async_request(request)
        await stack.aclose()

        await response.aread()
        await response.aclose()

        assert stack.in_use == 0
        assert await all_closed(server)
