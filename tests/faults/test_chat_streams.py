"""Streams that break off, fall silent, or hold what nobody can read."""

import gzip
import json
from functools import partial
from typing import Any

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamTimeoutError, UpstreamUnreachableError
from ipy_gateway.core import sse

from ..support.fault_server import answer, fault_server
from .peers import Behaviour, Connection, peer, sends
from .uses import KEY, Fault, Trial, cases

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
CLOSED_AT_END = HEAD + b"\r\n"
LOST = "The connection to {url} was lost before the answer was complete ("
STREAMED = ("streamed",)


def event(text: str | None = None, **choice: Any) -> bytes:
    delta = {} if text is None else {"content": text}
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta, **choice}]})}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


GOOD = event("Good ")
END = b"0\r\n\r\n"
WHOLE = GOOD + event("morning.") + event(finish_reason="stop") + b"data: [DONE]\n\n"


def streams(*parts: bytes, then: str = "close") -> Any:
    return partial(peer, sends(CHUNKED, *map(chunk, parts), *([END] if then == "close" else []), then=then))


def cut(*parts: bytes, then: str = "close", head: bytes = CHUNKED) -> Any:
    return partial(peer, sends(head, *parts, then=then))


def for_ever(data: bytes, first: bytes = b"") -> Any:
    async def behave(connection: Connection) -> None:
        await connection.read_request()
        await connection.send(CHUNKED + (chunk(first) if first else b""))
        await connection.send_for_ever(chunk(data), every_s=0.02)

    return partial(peer, behave)


def bad(what: str, server: Any, says: str, error: Any = UpstreamResponseError, **settings: Any) -> Fault:
    return Fault(what, server, error, says, settings, uses=STREAMED)


MIDDLE = "{url} ended its answer in the middle."
NO_OBJECT = "{url} sent an event that is not a JSON object"

FAULTS = {
    "ends-cleanly": bad("A stream ends properly, without a finish reason", streams(GOOD), MIDDLE),
    "ends-close-delimited": bad("A stream without length is cut", cut(GOOD, head=CLOSED_AT_END), MIDDLE),
    "no-events": bad("A stream without events", streams(), MIDDLE),
    "cut-in-event": bad(
        "A stream is cut in an event", cut(b"100\r\n" + GOOD[:20]), LOST, UpstreamUnreachableError
    ),
    "cut-between-events": bad(
        "A stream is cut between events", cut(chunk(GOOD)), LOST, UpstreamUnreachableError
    ),
    "reset": bad("A stream is reset", cut(chunk(GOOD), then="reset"), LOST, UpstreamUnreachableError),
    "cut-gzip": bad(
        "A compressed stream is cut",
        partial(
            fault_server,
            answer(
                body=gzip.compress(WHOLE)[:-30],
                headers={"Content-Type": "text/event-stream", "Content-Encoding": "gzip"},
            ),
        ),
        "The answer of {url} can't be read: its gzip data ends in the middle",
    ),
    "bomb": bad(
        "A compression bomb in a stream",
        partial(
            fault_server,
            answer(
                body=gzip.compress(b"data: " + bytes(50_000_000), 1),
                headers={"Content-Type": "text/event-stream", "Content-Encoding": "gzip"},
            ),
        ),
        f"{{url}} sent an event of more than {sse.MAX_EVENT_BYTES} bytes.",
    ),
    "giant-event": bad(
        "An event is too large",
        streams(b"data: " + b"x" * 9_000_000),
        f"{{url}} sent an event of more than {sse.MAX_EVENT_BYTES} bytes.",
    ),
    "endless-line": bad(
        "A line without end",
        for_ever(b"x" * 1_000_000),
        f"{{url}} sent an event of more than {sse.MAX_EVENT_BYTES} bytes.",
    ),
    "error-event": bad(
        "An error in mid-stream",
        streams(GOOD, b'data: {"error": {"message": "boom", "code": 500}}\n\n'),
        "{url} broke off with an error: boom.",
    ),
    "error-field": bad(
        "An error in a field of its own (llama.cpp)",
        streams(GOOD, b'error: {"message": "boom"}\n\n'),
        "{url} broke off with an error: boom.",
    ),
    "error-type": bad(
        "An event of type error",
        streams(GOOD, b"event: error\ndata: boom\n\n"),
        "{url} broke off with an error: boom.",
    ),
    "error-finish": bad(
        "A finish reason that is an error",
        streams(GOOD, event(finish_reason="error", error={"message": "boom"})),
        "{url} broke off with an error: boom.",
    ),
    "not-json": bad(
        "An event that is no JSON", streams(GOOD, b"data: nonsense\n\n"), NO_OBJECT + ": nonsense."
    ),
    "json-list": bad("An event that is a list", streams(GOOD, b"data: [1]\n\n"), NO_OBJECT + ": [1]."),
    "invalid-utf8": bad("An event that is not UTF-8", streams(GOOD, b"data: \xff\xfe\n\n"), NO_OBJECT),
    "wrong-choices": bad(
        "Choices of a wrong shape",
        streams(GOOD, b'data: {"choices": [7]}\n\n'),
        "{url} sent a chunk whose 'choices' can't be read: [7].",
    ),
    "wrong-delta": bad(
        "A delta of a wrong shape",
        streams(GOOD, b'data: {"choices": [{"delta": "x"}]}\n\n'),
        "{url} sent a chunk whose 'delta' can't be read",
    ),
    "deep": bad(
        "An event that is nested 100,000 times",
        streams(GOOD, b"data: " + b'{"a":' * 100_000 + b"\n\n"),
        "{url} sent an event that is nested too deeply.",
    ),
    "key-in-error": bad(
        "The key, repeated in an error in mid-stream",
        streams(GOOD, b'data: {"error": {"message": "no %s"}}\n\n' % KEY.encode()),
        "{url} broke off with an error: no **********.",
    ),
    "key-in-choices": bad(
        "The key, repeated in choices of a wrong shape",
        streams(GOOD, b'data: {"choices": ["%s"]}\n\n' % KEY.encode()),
        """{url} sent a chunk whose 'choices' can't be read: ["**********"].""",
    ),
    "key-in-text": bad(
        "The key, repeated in an event that is no JSON",
        streams(GOOD, b"data: %s\n\n" % KEY.encode()),
        NO_OBJECT + ": **********.",
    ),
    "silent-at-first": bad(
        "Silence before the first word",
        streams(then="wait"),
        "{url} was silent for 0.3 s before the first word of its answer.",
        UpstreamTimeoutError,
        first_token_timeout_s=0.3,
    ),
    "silent-later": bad(
        "Silence in the middle",
        streams(GOOD, then="wait"),
        "{url} was silent for 0.3 s in the middle of its answer.",
        UpstreamTimeoutError,
        between_tokens_timeout_s=0.3,
    ),
    "drips": bad(
        "An event that drips, byte by byte",
        for_ever(b"d", GOOD),
        "{url} was silent for 0.3 s in the middle of its answer.",
        UpstreamTimeoutError,
        between_tokens_timeout_s=0.3,
    ),
}

PINGS = {
    "comment": b": ping\n\n",
    "empty-comment": b":\n",
    "empty-data": b"data:\n\n",
    "no-choices": b'data: {"choices": []}\n\n',
    "role": event(role="assistant"),
    "unknown-event": b"event: ping\ndata: {}\n\n",
    "id": b"id: 1\n\n",
}
FAULTS |= {
    f"{name}-at-first": bad(
        f"Keep-alives for ever and no word ({name})",
        for_ever(ping),
        "{url} was silent for 0.3 s before the first word of its answer.",
        UpstreamTimeoutError,
        first_token_timeout_s=0.3,
    )
    for name, ping in PINGS.items()
} | {
    f"{name}-later": bad(
        f"Keep-alives for ever in the middle ({name})",
        for_ever(ping, GOOD),
        "{url} was silent for 0.3 s in the middle of its answer.",
        UpstreamTimeoutError,
        between_tokens_timeout_s=0.3,
    )
    for name, ping in PINGS.items()
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_stream_that_goes_wrong(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize(
    "name", ["ends-cleanly", "reset", "error-event", "not-json", "silent-later", "drips"]
)
def test_what_came_before_is_not_lost(name: str, trial: Trial) -> None:
    fault = FAULTS[name]

    with fault.server() as server:
        error = trial.error("streamed", server, **fault.settings)

    assert getattr(error, "partial_text", "") == "Good "


def test_a_stream_that_nobody_asked_for_is_no_answer(trial: Trial) -> None:
    with peer(_whole_stream()) as server:
        error = trial.error("plain", server)

        assert error.message.startswith(f"{server.url} answered with something that is not JSON: data:")


def test_a_stream_in_tiny_pieces_is_read(trial: Trial) -> None:
    pieces = [chunk(bytes([byte])) for byte in WHOLE]

    with peer(sends(CHUNKED, *pieces, END)) as server:
        assert trial.text("streamed", server) == "Good morning."


def _whole_stream() -> Behaviour:
    return sends(CHUNKED, chunk(WHOLE), END)
