"""Streamed chat answers: good ones, broken ones, silent ones, and that every connection is closed."""

import asyncio
import gc
import json
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

import pytest

from ipy_gateway import (
    GatewayConfig,
    InvalidRequestError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    close_connections,
    stream_chat,
)
from ipy_gateway.core.answers import retries
from ipy_gateway.core.answers.chunks import ChatChunk
from ipy_gateway.core.requests import streams

from ..support.fault_server import Answer, FaultServer, answer, completion, fault_server

QUESTION = [{"role": "user", "content": "Hello"}]
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(streams, "END_WAIT_S", 0.2)


def event(text: str | None = None, **choice: Any) -> bytes:
    body = {"choices": [{"index": 0, "delta": {"content": text} if text is not None else {}, **choice}]}
    return f"data: {json.dumps(body)}\n\n".encode()


FINISH = event(finish_reason="stop")
DONE = b"data: [DONE]\n\n"
WHOLE = event("Good ") + event("morning.") + FINISH + DONE


def streamed(*parts: bytes, closes: bool = True, content_type: str = "text/event-stream") -> Answer:
    """A stream which is framed in chunks, and ends properly unless it is cut."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part)
    return Answer(head + framed + (b"0\r\n\r\n" if closes else b""), closes=closes)


def cut(*parts: bytes) -> Answer:
    whole = streamed(*parts, closes=False)
    return Answer(whole.data, closes=True)


async def read(server: FaultServer, **settings: Any) -> list[ChatChunk]:
    return [chunk async for chunk in stream_chat(QUESTION, GatewayConfig(server.url, **settings))]


def text_of(chunks: Sequence[ChatChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def broken(server: FaultServer, **settings: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await read(server, **settings)
    await close_connections()  # those that are idle; one that is in use would stay open
    server.wait_until_all_closed()
    assert server.open == 0
    return raised.value


# Good answers


async def test_text_comes_in_pieces_with_its_server() -> None:
    with fault_server(streamed(WHOLE)) as server:
        chunks = await read(server)

    assert [chunk.text for chunk in chunks] == ["Good ", "morning.", ""]
    assert chunks[-1].finish_reason == "stop"
    assert {chunk.server for chunk in chunks} == {server.url}


async def test_the_request_asks_for_a_stream_with_usage_and_nothing_else() -> None:
    with fault_server(streamed(WHOLE)) as server:
        [_ async for _ in stream_chat(QUESTION, GatewayConfig(server.url), temperature=0)]

    assert server.request.json == {
        "messages": QUESTION,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_usage_after_the_end_is_read() -> None:
    usage = b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n'

    with fault_server(streamed(event("Hi"), FINISH, usage, DONE)) as server:
        chunks = await read(server)

    assert chunks[-1].usage and chunks[-1].usage.completion_tokens == 4


@pytest.mark.parametrize(
    "end",
    [FINISH + DONE, FINISH, DONE, event("", finish_reason="length")],
    ids=["both", "finish reason alone", "[DONE] alone", "length"],
)
async def test_an_answer_may_end_in_several_ways(end: bytes) -> None:
    with fault_server(streamed(event("Good "), event("morning."), end)) as server:
        assert text_of(await read(server)) == "Good morning."


async def test_a_connection_left_open_after_the_end_is_not_waited_for() -> None:
    with fault_server(streamed(event("Hi"), FINISH, closes=False)) as server:
        assert text_of(await read(server)) == "Hi"
        server.wait_until_all_closed()
        assert server.open == 0


async def test_reasoning_and_tool_calls_come_through() -> None:
    call = {"index": 0, "id": "c1", "function": {"name": "look", "arguments": "{}"}}
    delta = {"reasoning_content": "hm", "tool_calls": [call]}
    data = f"data: {json.dumps({'choices': [{'delta': delta}]})}\n\n".encode()

    with fault_server(streamed(data, FINISH, DONE)) as server:
        first = (await read(server))[0]

    assert (first.reasoning, first.tool_calls[0].name) == ("hm", "look")


async def test_a_server_that_answers_in_one_piece_is_understood() -> None:
    with fault_server(completion("All at once.")) as server:
        chunks = await read(server)

    assert text_of(chunks) == "All at once."
    assert chunks[-1].finish_reason == "stop"


async def test_a_server_that_refuses_stream_options_is_asked_without() -> None:
    refusal = answer(422, body={"detail": [{"loc": ["body", "stream_options"], "msg": "extra fields"}]})

    with fault_server(refusal, streamed(WHOLE)) as server:
        assert text_of(await read(server)) == "Good morning."

    assert "stream_options" not in server.requests[1].json


async def test_a_real_server_streams(text_server: str) -> None:
    config = GatewayConfig(text_server)

    chunks = [chunk async for chunk in stream_chat(QUESTION, config, max_tokens=12, temperature=0)]

    assert len([chunk for chunk in chunks if chunk.text]) > 3
    assert [chunk.finish_reason for chunk in chunks if chunk.finish_reason]
    usage = next(chunk.usage for chunk in reversed(chunks) if chunk.usage)
    assert usage.completion_tokens and usage.completion_tokens <= 12


async def test_the_embedded_engine_streams() -> None:
    chunks = [chunk async for chunk in stream_chat(QUESTION, GatewayConfig(), max_tokens=12)]

    assert len([chunk for chunk in chunks if chunk.text]) > 3
    assert chunks[0].server == "local://engine"


# Broken answers


async def test_an_answer_cut_at_any_byte_is_an_error_with_its_text() -> None:
    parts = event("Good ") + event("morning.") + FINISH + DONE
    end_of_finish = len(event("Good ") + event("morning.") + FINISH)

    for length in range(1, end_of_finish - 3, 7):
        with fault_server(cut(parts[:length])) as server:
            error = await broken(server, max_retries=0)
        assert "Good morning.".startswith(error.partial_text)
        assert len(error.partial_text) == sum(
            len(text)
            for text, end in (
                ("Good ", len(event("Good "))),
                ("morning.", len(event("Good ") + event("morning."))),
            )
            if end <= length
        )


async def test_a_stream_that_ends_cleanly_in_the_middle_is_an_error() -> None:
    with fault_server(streamed(event("Good "))) as server:
        error = await broken(server)

    assert isinstance(error, UpstreamResponseError)
    assert error.message == f"{server.url} ended its answer in the middle."
    assert error.partial_text == "Good "


async def test_an_error_in_mid_stream_is_told_with_the_text_so_far() -> None:
    boom = b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'

    with fault_server(streamed(event("Good "), boom)) as server:
        error = await broken(server)

    assert error.message == f"{server.url} broke off with an error: out of memory."
    assert error.partial_text == "Good "
    assert len(server.requests) == 1


async def test_an_error_before_the_first_word_is_tried_again() -> None:
    busy = b'data: {"error": {"message": "slot busy", "code": 503}}\n\n'

    with fault_server(streamed(busy), streamed(WHOLE)) as server:
        assert text_of(await read(server)) == "Good morning."


async def test_an_error_before_the_stream_is_told_as_without_one() -> None:
    with fault_server(answer(400, body={"error": {"message": "no such model"}})) as server:
        error = await broken(server)

    assert "400 Bad Request: no such model" in error.message


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (streamed(b"data: nonsense\n\n"), "not a JSON object"),
        (streamed(b"data: [1]\n\n"), "not a JSON object"),
        (streamed(b'data: {"choices": [7]}\n\n'), "can't be read"),
        (streamed(b"<html>hello", content_type="text/html"), "not JSON"),
        (streamed(b""), "ended its answer in the middle"),
        (Answer(b"SSH-2.0-OpenSSH\r\n\r\n", closes=True), "is not HTTP"),
    ],
    ids=["no JSON", "no object", "wrong shape", "HTML", "nothing", "not HTTP"],
)
async def test_nonsense_is_one_sentence(reply: Answer, sentence: str) -> None:
    with fault_server(reply) as server:
        error = await broken(server, max_retries=0)

    assert sentence in error.message


async def test_a_giant_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(streamed(b"data: " + b"x" * 9_000_000)) as server:
        error = await broken(server, max_retries=0)

    assert "event of more than" in error.message


# Silence


async def test_a_server_that_never_begins_is_given_up() -> None:
    with fault_server(Answer(b"", delay_s=0.0)) as server:
        error = await broken(server, first_token_timeout_s=0.3)

    assert isinstance(error, UpstreamTimeoutError)
    assert "first_token_timeout_s" in error.hint


@pytest.mark.parametrize("ping", [b": ping\n\n", b"data:\n\n", b'data: {"choices": []}\n\n'])
async def test_keep_alives_are_no_answer(ping: bytes) -> None:
    with fault_server(streamed(*[ping] * 5, closes=False)) as server:
        error = await broken(server, first_token_timeout_s=0.3)

    assert isinstance(error, UpstreamTimeoutError)


async def test_silence_in_the_middle_keeps_the_text() -> None:
    with fault_server(streamed(event("Good "), closes=False)) as server:
        error = await broken(server, between_tokens_timeout_s=0.3)

    assert isinstance(error, UpstreamTimeoutError)
    assert error.partial_text == "Good "
    assert "between_tokens_timeout_s" in error.hint


# Closing


async def until_closed(server: FaultServer) -> None:
    for _ in range(200):
        if server.opened and not server.open:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the connection is still open")


async def test_a_break_closes_the_stream() -> None:
    with fault_server(streamed(event("Good "), closes=False)) as server:
        async for chunk in stream_chat(QUESTION, GatewayConfig(server.url)):
            assert chunk.text == "Good "
            break
        gc.collect()

        await until_closed(server)


async def test_aclose_closes_the_stream() -> None:
    with fault_server(streamed(event("Good "), closes=False)) as server:
        async with aclosing(stream_chat(QUESTION, GatewayConfig(server.url))) as chunks:
            await anext(chunks)

        await until_closed(server)


@pytest.mark.parametrize(
    "reply", [Answer(b""), streamed(event("Good "), closes=False)], ids=["early", "late"]
)
async def test_a_cancellation_closes_the_stream(reply: Answer) -> None:
    with fault_server(reply) as server:
        reading = asyncio.ensure_future(read(server))
        await asyncio.sleep(0.3)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

        await until_closed(server)


async def test_a_break_frees_a_real_server(text_server: str) -> None:
    config = GatewayConfig(text_server)

    for _ in range(6):  # more than it has slots
        async with aclosing(stream_chat(QUESTION, config, max_tokens=3000, ignore_eos=True)) as chunks:
            await anext(chunks)
    short = [chunk async for chunk in stream_chat(QUESTION, config, max_tokens=2)]

    assert short


# Several servers


async def test_the_next_server_stands_in_before_the_first_word() -> None:
    with fault_server(streamed(WHOLE)) as server:
        config = GatewayConfig((NOBODY, server.url), server_order="as_given")
        chunks = [chunk async for chunk in stream_chat(QUESTION, config)]

    assert {chunk.server for chunk in chunks} == {server.url}


async def test_after_the_first_word_no_other_server_is_asked() -> None:
    with fault_server(cut(event("Good "))) as first, fault_server(streamed(WHOLE)) as second:
        config = GatewayConfig((first.url, second.url), server_order="as_given")
        with pytest.raises(UpstreamUnreachableError) as raised:
            [chunk async for chunk in stream_chat(QUESTION, config)]

    assert raised.value.partial_text == "Good "
    assert second.requests == []


async def test_several_answers_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="one answer"):
        [_ async for _ in stream_chat(QUESTION, GatewayConfig(), n=2)]


async def test_every_chunk_says_what_the_server_calls_the_request() -> None:
    events = b'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    headers = {"Content-Type": "text/event-stream", "X-Request-Id": "req-7"}

    with fault_server(answer(body=events, headers=headers)) as server:
        chunks = [chunk async for chunk in stream_chat(QUESTION, GatewayConfig(server.url))]

    assert {chunk.request_id for chunk in chunks} == {"req-7"}
