"""Retries, failover and servers that are loading, over real connections."""

import asyncio
import time

import pytest

from ipy_gateway import (
    GatewayConfig,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    chat_completion,
    list_models,
)
from ipy_gateway.core.answers import retries
from ipy_gateway.core.requests import asking
from ipy_gateway.core.waiting.progress import Progress, progress_to

from ..support.fault_server import Answer, answer, completion, fault_server

QUESTION = [{"role": "user", "content": "Hello"}]
LOADING = answer(503, body={"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}})
BUSY = answer(429, body={"error": {"message": "slow down"}}, headers={"Retry-After": "0"})
LOST = Answer(b"", closes=True)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(asking, "LOADING_POLL_S", 0.02)


@pytest.mark.parametrize("fault", [BUSY, answer(502, body=b"<html>"), answer(500, body={"error": "boom"})])
async def test_a_passing_fault_is_not_seen_by_the_caller(fault: Answer) -> None:
    with fault_server(fault, fault, completion("Well.")) as server:
        answered = await chat_completion(QUESTION, GatewayConfig(server.url))

    assert answered["choices"][0]["message"]["content"] == "Well."
    assert len(server.requests) == 3
    assert len({request.body for request in server.requests}) == 1


async def test_the_last_error_is_told_when_retries_are_used_up() -> None:
    with (
        fault_server(BUSY) as server,
        pytest.raises(UpstreamResponseError, match="slow down") as raised,
    ):
        await chat_completion(QUESTION, GatewayConfig(server.url, max_retries=1))

    assert raised.value.status_code == 429
    assert len(server.requests) == 2


async def test_no_retries_can_be_asked_for() -> None:
    with fault_server(BUSY) as server, pytest.raises(UpstreamResponseError):
        await chat_completion(QUESTION, GatewayConfig(server.url, max_retries=0))

    assert len(server.requests) == 1


async def test_a_callers_mistake_is_sent_once() -> None:
    mistake = answer(500, body={"error": {"message": "audio input is not supported"}})

    with fault_server(mistake) as server, pytest.raises(UpstreamResponseError):
        await chat_completion(QUESTION, GatewayConfig(server.url))

    assert len(server.requests) == 1


async def test_a_lost_connection_is_tried_again_once_the_server_is_known() -> None:
    with fault_server(completion("One."), LOST, completion("Two.")) as server:
        config = GatewayConfig(server.url)
        await chat_completion(QUESTION, config)
        answered = await chat_completion(QUESTION, config)

    assert answered["choices"][0]["message"]["content"] == "Two."


async def test_a_server_that_never_was_there_is_told_of_at_once() -> None:
    with pytest.raises(UpstreamUnreachableError):
        await chat_completion(QUESTION, GatewayConfig(NOBODY, max_retries=1000))


async def test_a_loading_model_is_waited_for_and_seen() -> None:
    told: list[Progress] = []

    with fault_server(*[LOADING] * 5, completion("Ready.")) as server, progress_to(told.append):
        answered = await chat_completion(QUESTION, GatewayConfig(server.url, max_retries=0))

    assert answered["choices"][0]["message"]["content"] == "Ready."
    assert told == [Progress(f"{server.url} is loading its model")] * 5


async def test_a_model_that_loads_for_ever_is_given_up() -> None:
    with fault_server(LOADING) as server, pytest.raises(UpstreamResponseError, match="Loading model"):
        await chat_completion(QUESTION, GatewayConfig(server.url, loading_timeout_s=0.1))

    assert len(server.requests) == 6  # 0.1 s at 0.02 s each, and the last look


async def test_the_deadline_holds_for_all_attempts_together() -> None:
    wait = answer(429, body={"error": "slow down"}, headers={"Retry-After": "60"})
    started = time.monotonic()

    with (
        fault_server(wait) as server,
        pytest.raises(UpstreamTimeoutError, match="slow down"),
    ):
        await chat_completion(QUESTION, GatewayConfig(server.url, timeout_s=0.3))

    assert time.monotonic() - started < 2


async def test_the_next_server_is_asked_at_once() -> None:
    with fault_server(completion("Here.")) as server:
        config = GatewayConfig((NOBODY, server.url), server_order="as_given", max_retries=0)
        answered = await chat_completion(QUESTION, config)

    assert answered.server == server.url


async def test_what_answered_is_told() -> None:
    with fault_server(answer(body={"data": []})) as server:
        assert await list_models(GatewayConfig((server.url, NOBODY))) == {"data": []}


async def test_requests_spread_over_servers_that_are_busy() -> None:
    slow = completion("Here.", delay_s=0.2)

    with fault_server(slow) as first, fault_server(slow) as second, fault_server(slow) as third:
        config = GatewayConfig((first.url, second.url, third.url))
        await asyncio.gather(*(chat_completion(QUESTION, config) for _ in range(9)))

    assert [len(server.requests) for server in (first, second, third)] == [3, 3, 3]


async def test_when_all_servers_fail_there_is_one_clear_error() -> None:
    with pytest.raises(UpstreamUnreachableError) as raised:
        await chat_completion(QUESTION, GatewayConfig((NOBODY, "http://127.0.0.1:10"), max_retries=1))

    assert "No server answers" in raised.value.message


async def test_cancelling_ends_the_wait_for_a_retry() -> None:
    wait = answer(429, body={"error": "slow down"}, headers={"Retry-After": "60"})

    with fault_server(wait) as server:
        asked = asyncio.ensure_future(chat_completion(QUESTION, GatewayConfig(server.url)))
        server.wait_for_requests(0)
        await asyncio.sleep(0.2)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
