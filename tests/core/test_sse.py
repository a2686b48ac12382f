"""Bytes in, events out: as the specification says, wherever the bytes are cut."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipy_gateway.core.sse import EventDecoder, EventTooLargeError, ServerEvent

from ..support.plain_sse import cut, events_by_the_book

RECORDED = Path(__file__).parents[1] / "support" / "llama_chat_stream.sse"
LINE_ENDS = pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["lf", "cr", "crlf"])

many_examples = settings(max_examples=200)


def decoded(pieces: Iterable[bytes], *, max_event_bytes: int = 1_000_000) -> list[ServerEvent]:
    """All events of a stream, those at its end too."""
    decoder = EventDecoder(max_event_bytes=max_event_bytes)
    return [*(event for piece in pieces for event in decoder.feed(piece)), *decoder.close()]


def data_of(*pieces: bytes) -> list[str]:
    return [event.data for event in decoded(pieces)]


# What the specification says


@LINE_ENDS
def test_an_event_ends_with_a_blank_line(end: bytes) -> None:
    stream = end.join([b"data: one", b"", b"data: two", b"", b""])

    assert data_of(stream) == ["one", "two"]


@LINE_ENDS
def test_several_data_lines_are_joined_with_line_feeds(end: bytes) -> None:
    stream = end.join([b"data: one", b"data", b"data:", b"data: two", b"", b""])

    assert data_of(stream) == ["one\n\n\ntwo"]


@pytest.mark.parametrize(
    ("line", "data"),
    [
        (b"data:x", "x"),
        (b"data: x", "x"),
        (b"data:  x ", " x "),
        (b"data:\tx", "\tx"),
        (b"data: a:b: c", "a:b: c"),
        (b"data", ""),
        (b"data:", ""),
    ],
)
def test_one_leading_space_is_removed(line: bytes, data: str) -> None:
    assert data_of(line + b"\n\n") == [data]


@pytest.mark.parametrize("line", [b" data: x", b"Data: x", b"datax: y", b"retry: 10", b"{}", b"<html>"])
def test_other_fields_are_ignored(line: bytes) -> None:
    assert decoded([line + b"\n\n"]) == []


def test_a_type_counts_for_one_event_and_an_id_for_all_that_follow() -> None:
    stream = b"event: ping\nid: 7\ndata: one\n\ndata: two\n\nid\nevent:\ndata: three\n\n"

    assert decoded([stream]) == [
        ServerEvent("one", "ping", "7"),
        ServerEvent("two", "message", "7"),
        ServerEvent("three"),
    ]


def test_a_type_without_data_is_no_event() -> None:
    assert decoded([b"event: ping\nid: 1\n\ndata: x\n\n"]) == [ServerEvent("x", "message", "1")]


def test_an_id_with_a_null_is_ignored() -> None:
    assert decoded([b"id: a\nid: b\0\ndata: x\n\n"]) == [ServerEvent("x", "message", "a")]


def test_a_byte_order_mark_is_dropped_at_the_start_alone() -> None:
    bom = b"\xef\xbb\xbf"

    assert data_of(bom + b"data: " + bom + b"\n\n") == ["\ufeff"]
    assert data_of(bom[:1], bom[1:] + b"data: x\n\n") == ["x"]
    assert data_of(bom + bom + b"data: x\n\n") == []
    assert data_of(b"\n" + bom + b"data: x\n\n") == []


# What real servers do


def test_comments_are_no_events() -> None:
    decoder = EventDecoder()

    assert list(decoder.feed(b":\n\n: OPENROUTER PROCESSING\n\n: pi")) == []
    assert [event.data for event in decoder.feed(b"ng\ndata: x\n:\n\n")] == ["x"]


def test_an_error_field_is_an_event_of_type_error() -> None:
    assert decoded([b'error: {"code":500}\n\ndata: [DONE]\n\n']) == [
        ServerEvent('{"code":500}', "error"),
        ServerEvent("[DONE]"),
    ]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\0", "\ufeff", "𝄞"])
def test_nothing_but_line_feed_and_carriage_return_ends_a_line(character: str) -> None:
    text = f"a{character}data: b"

    assert data_of(f"data: {text}\n\n".encode()) == [text]


@pytest.mark.parametrize("wrong", [b"\xff", b"\xc3", b"\xf0\x9f\x98", b"\xed\xa0\x80", b"\xc0\x80"])
def test_invalid_utf_8_becomes_replacement_characters(wrong: bytes) -> None:
    (data,) = data_of(b"data: a" + wrong + b"\n\n")

    assert data == "a" + "\ufffd" * (len(data) - 1) != "a"


# Cut anywhere


def test_a_line_feed_after_a_carriage_return_in_the_next_piece_ends_nothing() -> None:
    assert data_of(b"data: a\r", b"\ndata: b\r", b"", b"\n", b"\r", b"\n") == ["a\nb"]


def test_an_event_is_out_as_soon_as_its_last_byte_is_in() -> None:
    decoder = EventDecoder()

    assert list(decoder.feed(b"data: x\r\n\r")) == [ServerEvent("x")]
    assert list(decoder.feed(b"\n")) == []


def test_a_recorded_stream_cut_at_every_byte_is_the_same() -> None:
    stream = RECORDED.read_bytes()
    whole = decoded([stream])

    assert len(whole) == 16
    assert all(decoded([stream[:edge], stream[edge:]]) == whole for edge in range(len(stream)))
    assert decoded(stream[index : index + 1] for index in range(len(stream))) == whole


def test_a_recorded_stream_that_ends_at_any_byte_gives_a_part_of_its_events() -> None:
    stream = RECORDED.read_bytes()
    whole = decoded([stream])

    for end in range(len(stream)):
        events = decoded([stream[:end]])
        assert events == whole[: len(events)]


fields = [b"data", b"event", b"id", b":", b" ", b"x", b"\0"]
ends = [b"\n", b"\r", b"\r\n", b"\n\n"]
marks = [b"\xef\xbb\xbf", b"\xef", b"\xbb"]
characters = [b"\xf0\x9f", b"\x98\x80", b"\xff", "\u2028".encode(), "\x85".encode()]
fragments = st.sampled_from([*fields, *ends, *marks, *characters])
near_streams = st.lists(fragments, max_size=60).map(b"".join)
streams = near_streams | st.binary(max_size=200)
cuts = st.lists(st.integers(min_value=0, max_value=300), max_size=20)


@many_examples
@given(streams, cuts)
def test_any_bytes_cut_anywhere_give_what_the_specification_says(stream: bytes, edges: list[int]) -> None:
    decoder = EventDecoder()

    assert [event for piece in cut(stream, edges) for event in decoder.feed(piece)] == events_by_the_book(
        stream
    )


@many_examples
@given(streams, cuts)
def test_any_bytes_cut_anywhere_end_the_same_way(stream: bytes, edges: list[int]) -> None:
    assert decoded(cut(stream, edges)) == decoded([stream])


@many_examples
@given(streams, cuts, st.integers(min_value=0, max_value=30))
def test_a_large_event_is_refused_at_the_same_place(stream: bytes, edges: list[int], limit: int) -> None:
    assert list(until_refused(cut(stream, edges), limit)) == list(until_refused([stream], limit))


def until_refused(pieces: Iterable[bytes], limit: int) -> Iterator[ServerEvent | str]:
    decoder = EventDecoder(max_event_bytes=limit)
    try:
        for piece in pieces:
            yield from decoder.feed(piece)
    except EventTooLargeError:
        yield "refused"


texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=20)
sent_events = st.builds(
    ServerEvent,
    data=st.lists(texts, min_size=1, max_size=3).map("\n".join),
    event=texts.filter(bool),
    id=texts.filter(lambda text: "\0" not in text),
)
# A lone CR before a line that a lone LF ends would be one line end, so a stream has one of these, or both.
line_ends = st.sampled_from([["\n"], ["\r"], ["\r\n"], ["\r\n", "\n"], ["\r\n", "\r"]])


@many_examples
@given(st.lists(sent_events, max_size=5), line_ends, st.randoms(use_true_random=False), cuts)
def test_any_event_comes_through_any_line_end_and_any_cut(
    events: list[ServerEvent], ends: list[str], random: Random, edges: list[int]
) -> None:
    lines = [line for event in events for line in lines_of(event)]
    stream = "".join(line + random.choice(ends) for line in lines).encode()

    assert decoded(cut(stream, edges)) == events


def lines_of(event: ServerEvent) -> list[str]:
    data = [f"data: {line}" for line in event.data.split("\n")]
    return [": comment", f"event: {event.event}", f"id: {event.id}", *data, ""]


# The end of a stream


@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n"])
@pytest.mark.parametrize("data", ["[DONE]", '{"choices": []}', ' {"text": "ä"} '])
def test_a_whole_event_without_its_blank_line_is_delivered_at_the_end(data: str, end: bytes) -> None:
    assert data_of(b"data: one\n\ndata: " + data.encode() + end) == ["one", data]


@pytest.mark.parametrize(
    "rest",
    [
        b'data: {"choices": [',
        b"data: [DON",
        b"data: 12",
        b"data: null",
        b'data: "x"',
        b"data",
        b"event: error",
        b": ping",
        b'data: {"a": "\xc3',
        b"data: " + b'{"a":' * 50_000,
        b"id: 7",
        b"{}",
    ],
)
def test_an_event_that_was_cut_is_not_delivered_at_the_end(rest: bytes) -> None:
    assert data_of(b"data: one\n\n" + rest) == ["one"]


@pytest.mark.parametrize("rest", [b'error: {"mess', b"event: error\ndata: out of mem"])
def test_an_error_is_delivered_at_the_end_even_when_cut(rest: bytes) -> None:
    (event,) = decoded([rest])

    assert event.event == "error"
    assert event.data in ('{"mess', "out of mem")


def test_a_stream_that_ended_well_leaves_nothing() -> None:
    decoder = EventDecoder()

    assert [event.data for event in decoder.feed(b"data: {}\n\n")] == ["{}"]
    assert decoder.close() == []


# Size and time


@pytest.mark.parametrize(
    "stream",
    [b"data: 345678901", b": 345678901", b"x" * 11, b"data: 3456\ndata: 7", b"data: 3456\n: 89012\n"],
    ids=["data", "comment", "no field", "two lines", "a comment inside"],
)
def test_an_event_that_is_too_large_is_refused(stream: bytes) -> None:
    with pytest.raises(EventTooLargeError, match="an event of more than 10 bytes") as raised:
        decoded([stream], max_event_bytes=10)

    assert raised.value.max_event_bytes == 10


def test_what_came_before_an_event_that_is_too_large_is_not_lost() -> None:
    events = EventDecoder(max_event_bytes=10).feed(b"data: one\n\ndata: 345678901\n\n")

    assert next(events).data == "one"
    with pytest.raises(EventTooLargeError):
        next(events)


def test_many_events_may_be_larger_than_one() -> None:
    assert decoded([b"data: one\n\n" * 500], max_event_bytes=10) == [ServerEvent("one")] * 500


def test_eight_megabytes_are_allowed_unless_told_otherwise() -> None:
    data = json.dumps({"text": "x" * 8_000_000})
    decoder = EventDecoder()

    assert [event.data for event in decoder.feed(f"data: {data}\n\n".encode())] == [data]
    with pytest.raises(EventTooLargeError):
        list(decoder.feed(b"x" * 9_000_000))


@pytest.mark.parametrize(("piece_bytes", "line_bytes"), [(1, 16_000), (1_000, 256_000)])
def test_time_grows_with_the_bytes_and_not_with_their_square(piece_bytes: int, line_bytes: int) -> None:
    short, long = (fastest_s(line_bytes * factor, piece_bytes) for factor in (1, 16))

    assert long / short < 16 * 4  # 16 when linear, 256 when quadratic; the slack is for busy machines


def fastest_s(line_bytes: int, piece_bytes: int) -> float:
    """CPU seconds for one long line in small pieces."""
    stream = b"data: " + b"x" * line_bytes + b"\n\n"
    pieces = [stream[start : start + piece_bytes] for start in range(0, len(stream), piece_bytes)]
    return min(cpu_s(pieces) for _ in range(3))


def cpu_s(pieces: list[bytes]) -> float:
    start_s = time.process_time()
    assert len(decoded(pieces, max_event_bytes=10**8)) == 1
    return time.process_time() - start_s
