"""Transcripts as they are recognized: in every dialect, cut anywhere, silent, and always closed."""

import asyncio
import io
import json
import traceback
import wave
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass
from typing import Any

import pytest

from ipy_gateway import (
    AudioProcessingError,
    GatewayConfig,
    IncompleteAnswerWarning,
    TranscriptChunk,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    close_connections,
    stream_transcription,
    transcribe_audio,
)
from ipy_gateway.core.answers import retries
from ipy_gateway.core.requests import streams
from ipy_gateway.core.requests.servers import board

from ..faults.peers import Peer, drips, peer
from ..support.fault_server import Answer, FaultServer, answer, completion, fault_server
from ..support.transcription_dialects import DONE, PLAIN, SAID, STREAMED, events

CHAT, ENDPOINT = "/v1/chat/completions", "/v1/audio/transcriptions"
NO_ROUTE = answer(404, body={"detail": "Not Found"})
NOBODY = "http://127.0.0.1:9"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
AT_ONCE = 16


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.02)
    monkeypatch.setattr(streams, "END_WAIT_S", 0.2)


@pytest.fixture(scope="module")
def sound() -> bytes:
    """The shortest recording that is sent."""
    target = io.BytesIO()
    with wave.open(target, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(b"\0\1" * 1_600)
    return target.getvalue()


def delta(text: str) -> bytes:
    return events({"type": "transcript.text.delta", "delta": text})


def done(text: str) -> bytes:
    return events({"type": "transcript.text.done", "text": text})


def chat_chunk(text: str | None = None, **choice: Any) -> bytes:
    return events({"model": "hearing", "choices": [{"delta": {"content": text}, **choice}]})


def wire(body: bytes) -> bytes:
    """Events on their way, each in a chunk of its own."""
    return CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in body.splitlines(keepends=True))


def streamed(body: bytes) -> Answer:
    return Answer(wire(body) + END, closes=True)


def left_open(body: bytes) -> Answer:
    return Answer(wire(body))


def cut(body: bytes) -> Answer:
    return Answer(wire(body), closes=True)


def at(server: FaultServer, **settings: Any) -> GatewayConfig:
    return GatewayConfig(server.url, **{"audio_api": "transcriptions", **settings})


async def heard(sound: bytes, config: GatewayConfig, prompt: str | None = None) -> list[TranscriptChunk]:
    return [chunk async for chunk in stream_transcription(sound, config, prompt)]


def texts(chunks: list[TranscriptChunk]) -> list[str]:
    return [chunk.text for chunk in chunks]


def targets(server: FaultServer) -> list[str]:
    return [request.target for request in server.requests]


async def broken(sound: bytes, server: FaultServer, **settings: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await heard(sound, at(server, **settings))
    await close_connections()  # those that are idle; one that is in use would stay open
    server.wait_until_all_closed()
    assert server.open == 0
    return raised.value


# Every dialect


@pytest.mark.parametrize("dialect", STREAMED)
async def test_every_dialect_is_streamed(sound: bytes, dialect: str) -> None:
    with fault_server(streamed(STREAMED[dialect])) as server:
        chunks = await heard(sound, at(server, audio_model="whisper-1"))

    *pieces, last = chunks
    assert len(pieces) > 1
    assert all(texts(pieces))
    assert {piece.transcript for piece in pieces} == {None}
    assert "".join(texts(chunks)) == last.transcript == SAID
    assert last.text == ""
    assert last.transcript.server == server.url
    assert (last.transcript.model, last.transcript.cut_off) == ("whisper-1", False)
    assert {chunk.server for chunk in chunks} == {server.url}


@pytest.mark.parametrize("dialect", PLAIN)
async def test_an_answer_in_one_piece_is_one_piece(sound: bytes, dialect: str) -> None:
    media_type, body = PLAIN[dialect]

    with fault_server(answer(body=body, headers={"Content-Type": media_type})) as server:
        piece, last = await heard(sound, at(server))

    assert (piece.text, piece.transcript) == (SAID, None)
    assert (last.text, last.transcript) == ("", SAID)


@pytest.mark.parametrize("dialect", PLAIN)
async def test_every_dialect_is_transcribed_in_one_piece(sound: bytes, dialect: str) -> None:
    media_type, body = PLAIN[dialect]

    with fault_server(answer(body=body, headers={"Content-Type": media_type})) as server:
        assert await transcribe_audio(sound, at(server)) == SAID


@pytest.mark.parametrize("dialect", STREAMED)
async def test_a_stream_that_nobody_asked_for_is_transcribed(sound: bytes, dialect: str) -> None:
    with fault_server(streamed(STREAMED[dialect])) as server:
        assert await transcribe_audio(sound, at(server)) == SAID


async def test_the_form_asks_for_a_stream_and_nothing_else(sound: bytes) -> None:
    with fault_server(streamed(delta("Yes.") + done("Yes."))) as server:
        await heard(sound, at(server, audio_model="m"), "Names: Dashwood.")

    form = server.request.body
    assert form.count(b"Content-Disposition: form-data") == 4
    for field in (b'"stream"\r\n\r\ntrue', b'"model"\r\n\r\nm', b'"prompt"\r\n\r\nNames: Dashwood.'):
        assert field in form
    assert sound in form


async def test_pieces_come_while_the_server_is_still_at_work(sound: bytes) -> None:
    with fault_server(left_open(delta("Well,"))) as server:
        async with aclosing(stream_transcription(sound, at(server))) as chunks:
            assert (await anext(chunks)).text == "Well,"


@pytest.mark.parametrize("body", [done(""), DONE, events({"choices": [{"delta": {"content": ""}}]}) + DONE])
async def test_silence_is_an_empty_transcript(sound: bytes, body: bytes) -> None:
    with fault_server(streamed(body)) as server:
        (only,) = await heard(sound, at(server))

    assert (only.text, only.transcript) == ("", "")


@pytest.mark.parametrize(
    ("body", "pieces"),
    [(done(SAID), [SAID, ""]), (delta("Well,") + done(SAID), ["Well,", " yes. No.", ""])],
)
async def test_what_the_pieces_left_out_comes_before_the_end(
    sound: bytes, body: bytes, pieces: list[str]
) -> None:
    with fault_server(streamed(body)) as server:
        assert texts(await heard(sound, at(server))) == pieces


async def test_a_server_that_corrects_itself_is_right_in_the_end(sound: bytes) -> None:
    with fault_server(streamed(delta("Well, yet.") + done(SAID))) as server:
        chunks = await heard(sound, at(server))

    assert texts(chunks) == ["Well, yet.", ""]
    assert chunks[-1].transcript == SAID


async def test_a_length_limit_is_told(sound: bytes) -> None:
    part = events({"choices": [{"delta": {"content": "Well,"}, "finish_reason": "length"}]})

    with fault_server(streamed(part + DONE)) as server:
        transcript = (await heard(sound, at(server)))[-1].transcript

    assert transcript is not None
    assert (transcript, transcript.cut_off) == ("Well,", True)


async def test_a_length_limit_is_told_in_one_piece(sound: bytes) -> None:
    part = events({"choices": [{"delta": {"content": "Well,"}, "finish_reason": "length"}]})

    with fault_server(streamed(part + DONE)) as server, pytest.warns(IncompleteAnswerWarning):
        transcript = await transcribe_audio(sound, at(server))

    assert (transcript, transcript.cut_off) == ("Well,", True)


REFUSALS = [
    (400, {"error": {"message": "Unknown parameter: 'stream'."}}),
    (422, {"detail": [{"loc": ["body", "stream"], "msg": "Extra inputs are not permitted"}]}),
    (501, {"error": "streaming is not implemented"}),
]


@pytest.mark.parametrize(("status", "body"), REFUSALS)
async def test_a_server_that_refuses_to_stream_is_asked_without(sound: bytes, status: int, body: Any) -> None:
    with fault_server(answer(status, body=body), answer(body={"text": SAID})) as server:
        chunks = await heard(sound, at(server))

    assert texts(chunks) == [SAID, ""]
    first, second = server.requests
    assert b'name="stream"' in first.body
    assert b'name="stream"' not in second.body


@pytest.mark.parametrize(("status", "words"), [(400, "no upstream"), (404, "no stream"), (400, "too blue")])
async def test_another_refusal_is_told_at_once(sound: bytes, status: int, words: str) -> None:
    with fault_server(answer(status, body={"error": words})) as server:
        error = await broken(sound, server)

    assert words in error.message
    assert len(server.requests) == 1


# Cut anywhere


def parts_of(body: bytes, cuts: list[int]) -> list[Answer]:
    return [Answer(body[:length], closes=True) for length in cuts]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a stream.

    Attributes:
        text: the transcript, or what the error keeps of it.
        pieces: what had come before the end, put together.
        is_whole: whether there was no error.
    """

    text: str
    pieces: str
    is_whole: bool


async def outcome(sound: bytes, config: GatewayConfig) -> Outcome:
    pieces = []
    try:
        async for chunk in stream_transcription(sound, config):
            pieces.append(chunk.text)
    except UpstreamError as error:
        return Outcome(error.partial_text, "".join(pieces), is_whole=False)
    return Outcome(str(chunk.transcript), "".join(pieces), is_whole=True)


async def outcomes(sound: bytes, answers: list[Answer]) -> list[Outcome]:
    gate = asyncio.Semaphore(AT_ONCE)
    with fault_server(*answers) as server:
        config = at(server, max_retries=0)

        async def one() -> Outcome:
            async with gate:
                return await outcome(sound, config)

        return list(await asyncio.gather(*(one() for _ in answers)))


@pytest.mark.parametrize("framing", ["chunks", "none"])
@pytest.mark.parametrize("dialect", STREAMED)
async def test_a_stream_cut_at_any_byte_is_whole_or_an_error_with_its_beginning(
    sound: bytes, dialect: str, framing: str
) -> None:
    body = wire(STREAMED[dialect]) if framing == "chunks" else HEAD + b"\r\n" + STREAMED[dialect]

    found = await outcomes(sound, parts_of(body, list(range(len(HEAD), len(body)))))

    assert {one.text for one in found if one.is_whole} <= {SAID}
    assert all(SAID.startswith(one.text) for one in found)
    assert all(one.text == one.pieces for one in found)
    assert {len(one.text) for one in found} >= {0, len(SAID)}
    assert len([one for one in found if 0 < len(one.text) < len(SAID)]) > 10


@pytest.mark.parametrize("dialect", STREAMED)
async def test_a_stream_in_tiny_chunks_is_read(sound: bytes, dialect: str) -> None:
    tiny = b"".join(b"1\r\n%c\r\n" % byte for byte in STREAMED[dialect])

    with fault_server(Answer(CHUNKED + tiny + END, closes=True)) as server:
        chunks = await heard(sound, at(server))

    assert chunks[-1].transcript == SAID


# Broken


@pytest.mark.parametrize(
    ("reply", "kind", "sentence"),
    [
        (streamed(delta("Well,")), UpstreamResponseError, "broke off in the middle of the transcript."),
        (cut(delta("Well,")), UpstreamUnreachableError, "was lost"),
        (
            streamed(delta("Well,") + events({"error": {"message": "out of memory"}})),
            UpstreamResponseError,
            "broke off the transcript with an error: out of memory.",
        ),
        (
            streamed(delta("Well,") + b"data: nonsense\n\n"),
            UpstreamResponseError,
            "sent an event that is no JSON object: nonsense.",
        ),
        (
            streamed(delta("Well,") + b"data: " + b"x" * 9_000_000),
            UpstreamResponseError,
            "sent an event of more than 8388608 bytes.",
        ),
    ],
    ids=["ends early", "lost", "error", "nonsense", "giant"],
)
async def test_what_came_before_a_failure_is_kept_and_nobody_is_asked_again(
    sound: bytes, reply: Answer, kind: type[UpstreamError], sentence: str
) -> None:
    with fault_server(reply) as server:
        error = await broken(sound, server)

        assert type(error) is kind
        assert sentence in error.message
        assert error.partial_text == "Well,"
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (streamed(b""), "ended its stream before the transcript began."),
        (streamed(b"<html>Log in</html>"), "ended its stream before the transcript began."),
        (answer(body=b"<html>", headers={"Content-Type": "text/html"}), "not JSON: an HTML page."),
        (answer(body={}), "answered without a transcript."),
        (answer(body=b"x" * 65_000_000), "sends more than 64 MB as an answer."),
        (Answer(b"SSH-2.0-OpenSSH\r\n\r\n", closes=True), "is not HTTP"),
    ],
    ids=["nothing", "page of events", "page", "no text", "giant", "no HTTP"],
)
async def test_what_is_no_transcript_is_one_sentence(sound: bytes, reply: Answer, sentence: str) -> None:
    with fault_server(reply) as server:
        error = await broken(sound, server)

    assert sentence in error.message


@pytest.mark.parametrize("api", ["chat", "transcriptions"])
@pytest.mark.parametrize("reply", [cut(delta("Well,") + chat_chunk("Well,")), NO_ROUTE, Answer(b"x\r\n\r\n")])
async def test_no_variable_on_the_way_of_an_error_holds_the_key(
    sound: bytes, reply: Answer, api: str
) -> None:
    with fault_server(reply) as server:
        error = await broken(sound, server, audio_api=api, api_key="sk-hush-4711", max_retries=0)

    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = [repr(frame.locals) for frame in shown.stack if frame.filename != __file__]
    assert ours
    assert [text for text in ours if "hush" in text] == []


async def test_a_failure_before_the_first_piece_is_tried_again(sound: bytes) -> None:
    busy = answer(503, body={"error": "busy"})

    with fault_server(busy, streamed(delta("Yes.") + done("Yes."))) as server:
        assert texts(await heard(sound, at(server))) == ["Yes.", ""]


async def test_the_next_server_stands_in_before_the_first_piece(sound: bytes) -> None:
    with fault_server(streamed(STREAMED["openai"])) as server:
        config = GatewayConfig((NOBODY, server.url), server_order="as_given", audio_api="transcriptions")
        chunks = await heard(sound, config)

    assert chunks[-1].transcript == SAID
    assert {chunk.server for chunk in chunks} == {server.url}


async def test_after_the_first_piece_no_other_server_is_asked(sound: bytes) -> None:
    with fault_server(cut(delta("Well,"))) as first, fault_server(streamed(STREAMED["openai"])) as second:
        urls = (first.url, second.url)
        config = GatewayConfig(urls, server_order="as_given", audio_api="transcriptions")
        with pytest.raises(UpstreamUnreachableError) as raised:
            await heard(sound, config)

    assert raised.value.partial_text == "Well,"
    assert second.requests == []


async def test_a_recording_that_cannot_be_used_is_not_sent() -> None:
    with fault_server() as server:
        with pytest.raises(AudioProcessingError):
            await heard(b"RIFF", at(server))

        assert server.requests == []


# Silence

PINGS = [
    b": ping\n\n",
    b"data:\n\n",
    events({"type": "session.alive"}),
    events({"type": "transcript.text.delta", "delta": ""}),
    events({"choices": []}),
]


def pinging(first: bytes, ping: bytes) -> AbstractContextManager[Peer]:
    """A server that sends some events, and then keep-alives for ever."""
    return peer(drips(wire(first), b"%x\r\n%b\r\n" % (len(ping), ping)))


@pytest.mark.parametrize("ping", PINGS)
async def test_keep_alives_are_no_beginning(sound: bytes, ping: bytes) -> None:
    with pinging(b"", ping) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", first_token_timeout_s=0.3)
        with pytest.raises(UpstreamTimeoutError) as raised:
            await heard(sound, config)

    assert raised.value.message.endswith("was silent for 0.3 s before the first word of its transcript.")
    assert "first_token_timeout_s" in raised.value.hint


@pytest.mark.parametrize("ping", PINGS)
async def test_keep_alives_are_no_life(sound: bytes, ping: bytes) -> None:
    with pinging(delta("Well,"), ping) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", between_tokens_timeout_s=0.3)
        with pytest.raises(UpstreamTimeoutError) as raised:
            await heard(sound, config)

    assert raised.value.message.endswith("was silent for 0.3 s in the middle of its transcript.")
    assert raised.value.partial_text == "Well,"
    assert "between_tokens_timeout_s" in raised.value.hint


@pytest.mark.parametrize("body", [delta("Yes.") + done("Yes."), delta("Yes.") + DONE])
async def test_a_connection_left_open_after_the_end_is_closed(sound: bytes, body: bytes) -> None:
    with fault_server(left_open(body)) as server:
        assert (await heard(sound, at(server)))[-1].transcript == "Yes."
        server.wait_until_all_closed()
        assert server.open == 0


# Closing


async def until_closed(server: FaultServer) -> None:
    for _ in range(500):
        if server.opened and not server.open:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the connection is still open")


@pytest.mark.parametrize("body", [delta("Well,"), chat_chunk("Well,")], ids=["endpoint", "chat"])
async def test_aclose_closes_the_stream(sound: bytes, body: bytes) -> None:
    api = "chat" if b"choices" in body else "transcriptions"

    with fault_server(left_open(body)) as server:
        async with aclosing(stream_transcription(sound, at(server, audio_api=api))) as chunks:
            assert (await anext(chunks)).text == "Well,"

        await until_closed(server)
        assert board.requests_under_way(server.url) == 0


@pytest.mark.parametrize("api", ["auto", "chat", "transcriptions"])
@pytest.mark.parametrize(
    "reply", [Answer(b""), left_open(b": ping\n\n"), left_open(delta("Well,") + chat_chunk("Well,"))]
)
async def test_a_cancellation_closes_the_stream(sound: bytes, reply: Answer, api: str) -> None:
    with fault_server(reply) as server:
        hearing = asyncio.ensure_future(heard(sound, at(server, audio_api=api)))
        await asyncio.to_thread(server.wait_for_requests, 1)
        await asyncio.sleep(0.1)
        hearing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hearing

        await until_closed(server)
        assert board.requests_under_way(server.url) == 0


# In a chat message


async def test_a_chat_answer_is_streamed(sound: bytes) -> None:
    body = chat_chunk(" Well,") + chat_chunk(" yes. No.") + chat_chunk("", finish_reason="stop") + DONE

    with fault_server(streamed(body)) as server:
        chunks = await heard(sound, at(server, audio_api="chat"))

    assert texts(chunks) == ["Well,", " yes. No.", ""]
    transcript = chunks[-1].transcript
    assert transcript == SAID
    assert (transcript.server, transcript.model, transcript.cut_off) == (server.url, "hearing", False)
    assert server.request.json["stream"] is True
    assert "input_audio" in json.dumps(server.request.json["messages"])
    assert "task" not in server.request.json


async def test_a_chat_answer_in_one_piece_is_one_piece(sound: bytes) -> None:
    with fault_server(completion(SAID)) as server:
        assert texts(await heard(sound, at(server, audio_api="chat"))) == [SAID, ""]


async def test_a_chat_answer_at_its_length_limit_is_told(sound: bytes) -> None:
    with fault_server(streamed(chat_chunk("Well,") + chat_chunk(finish_reason="length") + DONE)) as server:
        transcript = (await heard(sound, at(server, audio_api="chat")))[-1].transcript

    assert transcript is not None
    assert transcript.cut_off


async def test_what_a_model_thinks_is_no_transcript(sound: bytes) -> None:
    thought = events({"choices": [{"delta": {"reasoning_content": "A voice."}}]})

    with fault_server(streamed(thought + chat_chunk("Yes.", finish_reason="stop") + DONE)) as server:
        assert texts(await heard(sound, at(server, audio_api="chat"))) == ["Yes.", ""]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            events({"choices": [{"delta": {"refusal": "I can't "}}]})
            + events({"choices": [{"delta": {"refusal": "hear."}, "finish_reason": "stop"}]}),
            "I can't hear.",
        ),
        (chat_chunk(finish_reason="content_filter"), "its content filter stopped the answer."),
    ],
)
async def test_a_refusal_is_no_transcript(sound: bytes, body: bytes, reason: str) -> None:
    with fault_server(streamed(body + DONE)) as server:
        error = await broken(sound, server, audio_api="chat")

    assert error.message == f"{server.url} refused: {reason}"


async def test_a_chat_answer_that_breaks_off_keeps_what_came(sound: bytes) -> None:
    with fault_server(streamed(chat_chunk("Well,"))) as server:
        error = await broken(sound, server, audio_api="chat")

    assert error.message == f"{server.url} ended its answer in the middle."
    assert error.partial_text == "Well,"


# Whichever way


async def test_a_server_without_audio_in_chat_is_asked_at_the_endpoint(sound: bytes) -> None:
    with fault_server(NO_ROUTE, streamed(STREAMED["openai"])) as server:
        config = at(server, audio_api="auto")
        assert (await heard(sound, config))[-1].transcript == SAID
        assert (await heard(sound, config))[-1].transcript == SAID

    assert targets(server) == [CHAT, ENDPOINT, ENDPOINT]


async def test_what_streaming_has_found_out_is_known_in_one_piece(sound: bytes) -> None:
    with fault_server(NO_ROUTE, streamed(STREAMED["openai"]), answer(body={"text": SAID})) as server:
        config = at(server, audio_api="auto")
        await heard(sound, config)
        assert await transcribe_audio(sound, config) == SAID

    assert targets(server) == [CHAT, ENDPOINT, ENDPOINT]


async def test_a_page_teaches_nothing(sound: bytes) -> None:
    page = answer(body=b"<p>Log in", headers={"Content-Type": "text/html"})

    with fault_server(page) as server:
        error = await broken(sound, server, audio_api="auto")

        assert "not JSON: an HTML page" in error.message
        assert targets(server) == [CHAT, ENDPOINT]
        assert board.audio_api(server.url) is None


async def test_a_stream_that_breaks_off_after_its_beginning_is_not_asked_for_elsewhere(sound: bytes) -> None:
    with fault_server(streamed(chat_chunk("Well,"))) as server:
        error = await broken(sound, server, audio_api="auto")

    assert error.partial_text == "Well,"
    assert targets(server) == [CHAT]


# The embedded engine


@pytest.mark.parametrize("api", ["auto", "transcriptions"])
async def test_the_embedded_engine_streams_segments(interview: Any, api: Any) -> None:
    chunks = await heard(interview.read_bytes(), GatewayConfig(audio_api=api))

    assert len(chunks) > 4
    assert "mirror is 8 meters wide" in "".join(texts(chunks))
    assert chunks[-1].transcript == "".join(texts(chunks)).strip()
    assert chunks[0].server == "local://engine"
