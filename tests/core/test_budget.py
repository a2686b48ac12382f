"""Budgets: what requests cost, counted where they are sent, and refused before they are."""

import asyncio
import math
from contextlib import aclosing

import pytest

from ipy_gateway import (
    Budget,
    BudgetExceededError,
    GatewayConfig,
    InvalidRequestError,
    Spending,
    UpstreamResponseError,
    UpstreamUnreachableError,
    chat_completion,
    list_models,
    stream_chat,
    transcribe,
    transcribe_audio,
)
from ipy_gateway.core.answers import retries
from ipy_gateway.core.conversations.context import request_tokens
from ipy_gateway.core.recordings.recording_kinds import bytes_per_second

from ..support.chat_stream import USAGE, streamed, unfinished
from ..support.fault_server import Answer, answer, completion, fault_server
from ..support.hearing_server import Ear, hearing_server
from ..support.tones import spoken, wav

QUESTION = [{"role": "user", "content": "Which colour has the sky?"}]
ESTIMATE = request_tokens(QUESTION)
BUSY = answer(503, body={"error": "busy"})


def reporting(**usage: int) -> Answer:
    message = {"role": "assistant", "content": "Blue."}
    return answer(body={"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


async def read_out(url: str, **params: int) -> None:
    async for _ in stream_chat(QUESTION, GatewayConfig(url), **params):
        pass


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.02)


async def test_what_a_server_reports_is_what_counts() -> None:
    said = reporting(prompt_tokens=20, completion_tokens=3, total_tokens=24)
    with fault_server(said) as server, Budget(tokens=1000).applied() as budget:
        await chat_completion(QUESTION, GatewayConfig(server.url))

    assert budget.used == Spending(requests=1, tokens=24)


async def test_what_is_not_reported_is_estimated() -> None:
    with fault_server(completion("Blue.")) as server, Budget(tokens=1000).applied() as budget:
        await chat_completion(QUESTION, GatewayConfig(server.url))

    assert ESTIMATE < budget.used.tokens < ESTIMATE + 6


async def test_a_stream_is_counted_when_it_has_ended() -> None:
    with fault_server(streamed("Blue", USAGE)) as server, Budget(tokens=1000).applied() as budget:
        await read_out(server.url, max_tokens=500)

    assert budget.used == Spending(requests=1, tokens=10)


async def test_a_stream_without_usage_is_estimated() -> None:
    with fault_server(streamed("Blue", ".")) as server, Budget(tokens=1000).applied() as budget:
        await read_out(server.url, max_tokens=500)

    assert ESTIMATE < budget.used.tokens < ESTIMATE + 6


async def test_a_stream_that_is_given_up_has_cost_what_came() -> None:
    with fault_server(unfinished("Blue", " sky")) as server, Budget(tokens=1000).applied() as budget:
        async with aclosing(stream_chat(QUESTION, GatewayConfig(server.url), max_tokens=500)) as chunks:
            await anext(chunks)

    assert ESTIMATE < budget.used.tokens < ESTIMATE + 10


async def test_a_request_that_would_exceed_the_tokens_is_not_sent() -> None:
    with (
        fault_server(completion()) as server,
        Budget(tokens=ESTIMATE - 1).applied() as budget,
        pytest.raises(BudgetExceededError, match=f"has {ESTIMATE - 1} tokens left") as raised,
    ):
        await chat_completion(QUESTION, GatewayConfig(server.url))

    assert server.requests == []
    assert budget.used == Spending()
    assert (raised.value.kind, raised.value.left) == ("tokens", ESTIMATE - 1)
    assert "%gateway budget" in raised.value.hint


async def test_the_longest_answer_counts_until_the_real_one_is_there() -> None:
    with fault_server(completion()) as server, Budget(tokens=ESTIMATE + 100).applied():
        with pytest.raises(BudgetExceededError, match="was not sent"):
            await chat_completion(QUESTION, GatewayConfig(server.url), max_tokens=101)
        await chat_completion(QUESTION, GatewayConfig(server.url), max_tokens=50)

    assert len(server.requests) == 1


async def test_requests_at_once_can_not_exceed_it_together() -> None:
    with fault_server(completion(delay_s=0.1)) as server, Budget(requests=3).applied():
        config = GatewayConfig(server.url)
        answers = await asyncio.gather(
            *(chat_completion(QUESTION, config) for _ in range(8)), return_exceptions=True
        )

    assert sum(isinstance(one, BudgetExceededError) for one in answers) == 5
    assert len(server.requests) == 3


async def test_retries_are_requests_and_refused_ones_cost_no_tokens() -> None:
    with (
        fault_server(BUSY) as server,
        Budget(requests=10, tokens=1000).applied() as budget,
        pytest.raises(UpstreamResponseError),
    ):
        await chat_completion(QUESTION, GatewayConfig(server.url, max_retries=2))

    assert len(server.requests) == 3
    assert budget.used == Spending(requests=3)


async def test_retries_end_where_the_budget_does() -> None:
    with fault_server(BUSY) as server, Budget(requests=2).applied(), pytest.raises(BudgetExceededError):
        await chat_completion(QUESTION, GatewayConfig(server.url, max_retries=5))

    assert len(server.requests) == 2


async def test_a_server_that_is_not_there_costs_no_tokens() -> None:
    with Budget(tokens=1000).applied() as budget, pytest.raises(UpstreamUnreachableError):
        await chat_completion(QUESTION, GatewayConfig("http://127.0.0.1:9"))

    assert budget.used == Spending(requests=1)


async def test_looking_at_a_server_is_free() -> None:
    with fault_server(answer(body={"data": []})) as server, Budget(requests=0).applied():
        assert await list_models(GatewayConfig(server.url)) == {"data": []}


@pytest.mark.parametrize("audio_api", ["chat", "transcriptions"])
async def test_sound_is_counted_in_seconds_however_it_is_sent(tone: bytes, audio_api: str) -> None:
    said = completion() if audio_api == "chat" else answer(body={"text": "Fine."})
    with fault_server(said) as server, Budget(audio_s=1.5).applied() as budget:
        config = GatewayConfig(server.url, audio_api=audio_api)  # type: ignore[arg-type]  # one of them
        await transcribe_audio(tone, config)
        with pytest.raises(BudgetExceededError, match="minutes of audio") as raised:
            await transcribe_audio(tone, config)

    assert budget.used.audio_s == pytest.approx(1, abs=0.01)
    assert raised.value.kind == "audio_s"
    assert len(server.requests) == 1


async def test_the_journal_costs_nothing(tone: bytes) -> None:
    with fault_server(answer(body={"text": "A tone."})) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        await transcribe(tone, config)
        with Budget(requests=0).applied():
            again = await transcribe(tone, config)

    assert again.text == "A tone."


async def test_what_was_heard_before_a_budget_ended_is_not_asked_for_again() -> None:
    ear = Ear("segments", delay_s=0.1)
    recording = wav(spoken(range(100), pause_s=0.5, pause_every=10))
    with hearing_server(ear) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", window_s=15, max_requests=4)
        with Budget(requests=3).applied(), pytest.raises(BudgetExceededError):
            await transcribe(recording, config)
        sent = len(ear.windows_s)
        with Budget(requests=50).applied() as budget:
            transcript = await transcribe(recording, config)

    assert sent == 3
    assert budget.used.requests == len(ear.windows_s) - sent
    assert sum(ear.windows_s) == pytest.approx(transcript.duration_s)  # each piece was sent once
    assert not transcript.gaps


async def test_budgets_inside_each_other_all_count() -> None:
    with (
        fault_server(completion()) as server,
        Budget(requests=5).applied() as around,
        Budget(requests=1).applied() as inner,
    ):
        await chat_completion(QUESTION, GatewayConfig(server.url))
        with pytest.raises(BudgetExceededError):
            await chat_completion(QUESTION, GatewayConfig(server.url))

    assert (around.used.requests, inner.used.requests) == (1, 1)


async def test_a_limit_can_be_raised_and_keeps_what_is_spent() -> None:
    with fault_server(completion()) as server, Budget(requests=1).applied() as budget:
        await chat_completion(QUESTION, GatewayConfig(server.url))
        budget.limit(requests=2)
        await chat_completion(QUESTION, GatewayConfig(server.url))

    assert budget.used.requests == 2


async def test_the_embedded_engine_counts_too() -> None:
    with Budget(requests=0).applied(), pytest.raises(BudgetExceededError):
        await chat_completion(QUESTION, GatewayConfig("local://engine"))


@pytest.mark.parametrize("limit", [-1, math.nan])
def test_a_limit_below_zero_is_refused(limit: float) -> None:
    with pytest.raises(InvalidRequestError, match="makes no sense"):
        Budget(audio_s=limit)


def test_the_length_of_an_mp3_is_told_from_its_first_frame() -> None:
    frame = b"\xff\xfb\x90\x00" + bytes(413)  # 128 kbit/s, 44,100 Hz

    rate = bytes_per_second(frame * 4)

    assert rate == pytest.approx(16_000, rel=0.01)
