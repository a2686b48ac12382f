"""The chunks of a stream are what each of its events says by itself, however they are read."""

import copy
import itertools
import json
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ipy_gateway.core.answers import event_json
from ipy_gateway.core.answers.chunks import ChatChunk, ChunkError, Done, parse_chunk
from ipy_gateway.core.answers.token_chunks import parse_chunks
from ipy_gateway.core.sse import EventDecoder, ServerEvent

from .test_chunks import json_values, put_somewhere

SERVER, REQUEST = "http://server", "request-1"
TOKEN: dict[str, Any] = {
    "id": "chat-1",
    "model": "m",
    "created": 1_700_000_000,
    "choices": [{"index": 0, "delta": {"content": " Hi"}, "logprobs": None, "finish_reason": None}],
    "usage": None,
}

many_examples = settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
with_anything = st.builds(
    lambda value, random: changed(TOKEN, value, random), json_values, st.randoms(use_true_random=False)
)


@pytest.fixture(params=[None, orjson], ids=["json", "orjson"])
def _reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without what the extra `fast` brings."""
    monkeypatch.setattr(event_json, "_fast_json", lambda: request.param)


def changed(body: Any, value: Any, random: Random) -> Any:
    whole = copy.deepcopy(body)
    put_somewhere(whole, value, random)
    return whole


def outcome_of(parse: Callable[[ServerEvent], list[ChatChunk | Done]], event: ServerEvent) -> list[str]:
    """What comes out, with the body, which takes no part in comparisons."""
    try:
        return [repr((answer, getattr(answer, "raw", None))) for answer in parse(event)]
    except ChunkError as error:
        return [f"{error.reason} {error.detail} {error.status_code}"]


def alone(event: ServerEvent) -> list[ChatChunk | Done]:
    return [parse_chunk(event, SERVER, REQUEST)]


def in_a_stream(event: ServerEvent) -> list[ChatChunk | Done]:
    return list(parse_chunks([event], SERVER, REQUEST))


@pytest.mark.usefixtures("_reader")
@many_examples
@given(
    with_anything.map(json.dumps) | json_values.map(json.dumps) | st.text(),
    st.sampled_from(["message", "error", "ping"]),
)
@example(json.dumps(TOKEN), "message")
@example(json.dumps(TOKEN), "error")
@example(f" {json.dumps(TOKEN)}\u00a0", "message")
@example(f"{json.dumps(TOKEN)} and more", "message")
@example(json.dumps(TOKEN).replace(" Hi", "\\ud83d"), "message")
@example(json.dumps(TOKEN).replace(" Hi", "\\ud83d\\ude00"), "message")
@example(json.dumps({**TOKEN, "error": {"message": "Out of memory"}}), "message")
@example("[" * 100_000, "message")
@example("[DONE]", "message")
@example("", "message")
def test_an_event_in_a_stream_says_what_it_says_alone(data: str, kind: str) -> None:
    event = ServerEvent(data, kind)

    assert outcome_of(in_a_stream, event) == outcome_of(alone, event)


@pytest.mark.usefixtures("_reader")
@pytest.mark.parametrize(
    "other",
    [
        {"choices": [{"delta": {"content": "Hi", "reasoning": "Hm"}}]},
        {"choices": [{"delta": {"content": None}, "finish_reason": "stop"}]},
        {"choices": [{"delta": {"content": "Hi"}}, {"delta": {"content": "Ho"}}]},
        {"choices": [{"delta": {"content": "Hi"}}], "usage": {"total_tokens": 3}},
        {"choices": [{"text": "Hi"}]},
        {"choices": []},
        {"model": None},
    ],
)
def test_what_is_more_or_less_than_a_text_is_read_in_full(other: dict[str, Any]) -> None:
    event = ServerEvent(json.dumps({**TOKEN, **other}))

    assert outcome_of(in_a_stream, event) == outcome_of(alone, event)


@pytest.mark.usefixtures("_reader")
def test_a_token_of_a_stream_is_a_chunk_like_any_other() -> None:
    (chunk,) = parse_chunks([ServerEvent(json.dumps(TOKEN))], SERVER, REQUEST)
    assert isinstance(chunk, ChatChunk)

    assert chunk == ChatChunk(" Hi", model="m", id="chat-1", server=SERVER, request_id=REQUEST, raw=TOKEN)
    assert type(chunk) is ChatChunk
    assert pickle.loads(pickle.dumps(chunk)) == chunk
    assert replace(chunk, finish_reason="stop").finish_reason == "stop"
    assert hash(chunk) == hash(replace(chunk))
    with pytest.raises(FrozenInstanceError):
        chunk.text = "Ho"  # type: ignore[misc]


def test_the_chunks_before_a_bad_one_come_first() -> None:
    events = [ServerEvent(json.dumps(TOKEN)), ServerEvent("nonsense"), ServerEvent("[DONE]")]
    chunks = parse_chunks(events, SERVER, REQUEST)

    assert isinstance(first := next(chunks), ChatChunk) and first.text == " Hi"
    with pytest.raises(ChunkError, match="not a JSON object"):
        next(chunks)


# Events

LINES = ("data: é\n\n", "data: two\ndata: lines\n\n", ": ping\n\n", "id: 1\n\n", "event: e\n", "\n")


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            ["data: é\n\n", "data: two\ndata: lines\n\n", ": ping\n\n", "id: 1\n\n", "\n", "event: e\n"]
        )
    ),
    st.lists(st.integers(0, 60), max_size=4),
)
def test_line_feeds_give_the_same_events_as_other_line_ends(pieces: list[str], cuts: list[int]) -> None:
    stream = "".join(pieces)
    edges = sorted({0, *cuts, len(stream)})
    parts = [stream[start:end] for start, end in itertools.pairwise(edges)]

    def events_with(end: str) -> list[ServerEvent]:
        decoder = EventDecoder()
        taken = (decoder.feed(part.replace("\n", end).encode()) for part in parts)
        return [event for events in taken for event in events]

    assert events_with("\n") == events_with("\r\n") == events_with("\r")


def test_bytes_that_are_no_text_cost_their_event_alone() -> None:
    decoder = EventDecoder()

    found = list(decoder.feed(b"data: one\n\ndata: \xff\xe2\x82\n\ndata: three\n\n"))

    assert [event.data for event in found] == ["one", "\ufffd\ufffd", "three"]
    assert list(decoder.feed(b"data: four\n\n")) == [ServerEvent("four")]
