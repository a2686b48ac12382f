"""Connections of one's own: closed at the end of the block, and of use to one event loop."""

import asyncio
import threading

import pytest

from ipy_gateway import Connections, GatewayConfig, InvalidRequestError, chat_completion, stream_chat

from ..support.fault_server import completion, fault_server

QUESTION = [{"role": "user", "content": "Anybody?"}]


async def test_the_connections_of_a_block_are_closed_at_its_end() -> None:
    with fault_server(completion("Fine.")) as server:
        config = GatewayConfig(server.url)

        async with Connections():
            await chat_completion(QUESTION, config)
            assert server.open == 1

        await asyncio.to_thread(server.wait_until_all_closed)
        assert server.open == 0


async def test_no_more_are_opened_than_the_block_allows() -> None:
    with fault_server(completion("Fine.", delay_s=0.01)) as server:
        config = GatewayConfig(server.url)

        async with Connections(max_connections=2) as connections:
            await asyncio.gather(*(chat_completion(QUESTION, config) for _ in range(8)))
            assert connections.in_use == 0

        assert len(server.requests) == 8
        assert server.opened == 2


async def test_an_answer_that_is_left_unread_is_closed_with_the_block() -> None:
    with fault_server(completion("Fine.")) as server:
        async with Connections() as connections:
            chunks = stream_chat(QUESTION, GatewayConfig(server.url))
            await anext(chunks)

        await chunks.aclose()
        assert connections.in_use == 0
        await asyncio.to_thread(server.wait_until_all_closed)
        assert server.open == 0


async def test_blocks_stand_inside_each_other() -> None:
    with fault_server(completion("Fine.")) as server:
        config = GatewayConfig(server.url)
        async with Connections():
            async with Connections():
                await chat_completion(QUESTION, config)
            answer = await chat_completion(QUESTION, config)

    assert answer["choices"][0]["message"]["content"] == "Fine."
    assert server.opened == 2


async def test_another_event_loop_is_refused_in_place_of_a_hang() -> None:
    config = GatewayConfig("http://127.0.0.1:9")
    errors: list[BaseException] = []

    def ask_elsewhere() -> None:
        try:
            asyncio.run(chat_completion(QUESTION, config))
        except InvalidRequestError as error:
            errors.append(error)

    async with Connections():
        await asyncio.to_thread(ask_elsewhere)  # in a copy of this context

    assert "These connections belong to another event loop." in str(errors[0])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("AnyIO")]


async def test_a_task_that_outlives_the_block_is_told_so() -> None:
    go = asyncio.Event()

    async def late() -> None:
        await go.wait()
        await chat_completion(QUESTION, GatewayConfig("http://127.0.0.1:9"))

    async with Connections():
        task = asyncio.create_task(late())
    go.set()

    with pytest.raises(InvalidRequestError, match="their async with block has ended"):
        await task


async def test_connections_are_opened_once() -> None:
    connections = Connections()
    async with connections:
        pass

    with pytest.raises(InvalidRequestError, match="have been used before"):
        await connections.__aenter__()


def test_no_connections_at_all_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="max_connections is 0"):
        Connections(max_connections=0)
