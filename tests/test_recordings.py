"""What real servers answered, sent again byte for byte: what is good is read, the rest is one sentence."""

import asyncio
import gzip
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import (
    GatewayConfig,
    UpstreamError,
    chat_completion,
    list_models,
    stream_transcription,
    transcribe_audio,
)
from ipy_gateway.core.exceptions import UpstreamResponseError, UpstreamUnreachableError
from ipy_gateway.core.loop_clients import close_connections
from ipy_gateway.core.operations import stream_chat

Json = dict[str, Any]

RECORDINGS = Path(__file__).parents[2] / "shared" / "recordings"
MAX_SENTENCE_CHARACTERS = 400
BASE64_WALL = re.compile(r"[A-Za-z0-9+/=_-]{80,}")
OURS = ("content-length", "transfer-encoding")  # headers that follow from what is sent
LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """A request that was sent to a real server, and what came back, if anything did.

    Attributes:
        name: server and case.
        request: what was asked.
        response: the answer; empty where the server died of the request.
    """

    name: str
    request: Json
    response: Json

    @property
    def has_succeeded(self) -> bool:
        return self.response.get("status") == 200 and not self.response.get("aborted_by_client")

    @property
    def is_event_stream(self) -> bool:
        return str(self.response.get("headers", {}).get("content-type")).startswith("text/event-stream")

    @property
    def reads(self) -> list[bytes]:
        """The body as it was read, without the notes about reads that the recording leaves out."""
        reads = self.response.get("reads") or [[0, self.response.get("body", "")]]
        return [text.encode() for at_ms, text in reads if at_ms is not None]

    @property
    def body(self) -> bytes:
        return b"".join(self.reads)

    @property
    def messages(self) -> list[Json]:
        """A question as the recorded one was: with a recording, or without."""
        sound = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
        has_audio = "input_audio" in json.dumps(self.request)
        return [{"role": "user", "content": [sound] if has_audio else "Say hello."}]

    def wire(self) -> Iterator[bytes]:
        """What the server sent, piece by piece."""
        if not self.response:
            return
        headers = {name.lower(): value for name, value in self.response["headers"].items()}
        pieces = self.reads
        if headers.get("content-encoding") == "gzip":  # the recording holds what came out of it
            pieces = [gzip.compress(self.body)]
        is_chunked = "transfer-encoding" in headers
        size = [] if is_chunked else [("content-length", str(sum(map(len, pieces))))]
        framing = [("transfer-encoding", "chunked")] if is_chunked else size
        lines = [f"{name}: {value}" for name, value in headers.items() if name not in OURS]
        lines += [f"{name}: {value}" for name, value in framing]
        yield "\r\n".join([f"HTTP/1.1 {self.response['status']} Recorded", *lines, "\r\n"]).encode()
        for piece in pieces:
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece
        if is_chunked and not self.response.get("aborted_by_client"):
            yield b"0\r\n\r\n"


def recorded() -> list[Recorded]:
    return [
        Recorded(f"{path.stem} {record['case']}", record["request"], record.get("response", {}))
        for path in sorted(RECORDINGS.glob("*.json"))
        for record in json.loads(path.read_text())["records"]
    ]


RECORDED = recorded()
CHAT = [one for one in RECORDED if one.request["path"] == "/chat/completions"]
SPEECH = [one for one in RECORDED if one.request["path"].startswith("/audio/")]
MODELS = [one for one in RECORDED if one.request["path"] == "/models"]
# Random weights speak gibberish, and there is nothing to be heard in silence or half a sentence.
OTHERWISE_HEARD = re.compile(r"llama|silence|truncated|ten-ms|one-sample|10ms|1_sample")


def each(records: list[Recorded]) -> pytest.MarkDecorator:
    reason = "the recordings of real servers are not beside this checkout (../shared/recordings)"
    absent = [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=reason))]
    present = [pytest.param(one, id=one.name) for one in records]
    return pytest.mark.parametrize("record", present if RECORDINGS.is_dir() else absent)


@dataclass(slots=True)
class ReplayServer:
    """A server that sends one recording, over and over.

    Attributes:
        url: its base URL.
        target: what was asked last, such as "/v1/models".
    """

    record: Recorded
    url: str = ""
    target: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.target = head.split()[1]
        size = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
        await reader.readexactly(int(size[1]) if size else 0)
        for piece in self.record.wire():
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()


@asynccontextmanager
async def replaying(record: Recorded) -> AsyncIterator[ReplayServer]:
    server = ReplayServer(record)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        async with asyncio.timeout(LIMIT_S):
            yield server
    finally:
        await close_connections()
        listener.close()


def config_for(server: ReplayServer) -> GatewayConfig:
    return GatewayConfig(server.url, audio_api="transcriptions", max_retries=0)


async def streamed_text(record: Recorded, server: ReplayServer) -> str:
    chunks = [chunk async for chunk in stream_chat(record.messages, config_for(server))]
    assert chunks[-1].finish_reason or any(chunk.finish_reason for chunk in chunks)
    return "".join(chunk.text for chunk in chunks)


def recorded_text(record: Recorded) -> str:
    """What the model said, read in the plainest way."""
    if not record.is_event_stream:
        return str(json.loads(record.body)["choices"][0]["message"]["content"])
    datas = re.findall(r"^data: (\{.*\})$", record.body.decode(), re.MULTILINE)
    choices = [choice for data in datas for choice in json.loads(data)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def assert_one_sentence(error: UpstreamError, server: ReplayServer) -> None:
    assert error.upstream == server.url
    assert server.url in error.message
    for text in (error.message, str(error)):
        assert text.isprintable()  # so it has no line ends and no control characters
        assert len(text) <= MAX_SENTENCE_CHARACTERS
        assert not BASE64_WALL.search(text)
    assert error.message.endswith(".")
    assert not error.hint or error.hint.endswith((".", "/v1"))


def succeeded(records: list[Recorded], *, streamed: bool | None = None) -> list[Recorded]:
    return [
        one for one in records if one.has_succeeded and (streamed is None or one.is_event_stream == streamed)
    ]


def failed(records: list[Recorded]) -> list[Recorded]:
    return [one for one in records if not one.has_succeeded]


def test_the_recordings_are_many() -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("the recordings of real servers are not beside this checkout (../shared/recordings)")

    assert min(len(group(kind)) for kind in (CHAT, SPEECH, MODELS) for group in (succeeded, failed)) >= 3


# Chat


@each(succeeded(CHAT, streamed=False))
async def test_a_recorded_answer_is_read(record: Recorded) -> None:
    async with replaying(record) as server:
        completion = await chat_completion(record.messages, config_for(server))

    assert server.target == "/v1/chat/completions"
    assert completion.server == server.url
    assert completion["choices"][0]["message"]["content"] == recorded_text(record) != ""


@each(succeeded(CHAT, streamed=True))
async def test_a_recorded_stream_is_read(record: Recorded) -> None:
    async with replaying(record) as server:
        text = await streamed_text(record, server)

    assert server.target == "/v1/chat/completions"
    assert text == recorded_text(record) != ""


@each(succeeded(CHAT, streamed=False))
async def test_a_recorded_answer_in_one_piece_to_a_request_for_a_stream_is_read(record: Recorded) -> None:
    async with replaying(record) as server:
        text = await streamed_text(record, server)

    assert text == recorded_text(record)


@each(succeeded(CHAT, streamed=True))
async def test_a_recorded_stream_that_nobody_asked_for_is_one_sentence(record: Recorded) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamResponseError) as raised:
            await chat_completion(record.messages, config_for(server))

    assert_one_sentence(raised.value, server)


@each(failed(CHAT))
async def test_a_recorded_failure_of_a_chat_is_one_sentence(record: Recorded) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamError) as raised:
            await chat_completion(record.messages, config_for(server))

    assert_one_sentence(raised.value, server)


@each(failed(CHAT))
async def test_a_recorded_failure_of_a_stream_is_one_sentence(record: Recorded) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamError) as raised:
            await streamed_text(record, server)

    assert_one_sentence(raised.value, server)


@each([one for one in CHAT if one.response.get("aborted_by_client")])
async def test_a_recorded_stream_that_breaks_off_keeps_what_came(record: Recorded) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamUnreachableError) as raised:
            await streamed_text(record, server)

    assert raised.value.partial_text == recorded_text(record) != ""


@each([one for one in CHAT if not one.response])
async def test_a_server_that_died_of_a_request_is_named(record: Recorded) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamUnreachableError, match="was lost"):
            await chat_completion(record.messages, config_for(server))


# Speech


@each(succeeded(SPEECH))
async def test_a_recorded_transcription_is_read(record: Recorded, tone: bytes) -> None:
    async with replaying(record) as server:
        transcript = await transcribe_audio(tone, config_for(server))

    assert server.target == "/v1/audio/transcriptions"
    assert transcript.server == server.url
    assert transcript == transcript.strip()
    assert not transcript.startswith(("{", "data:", "WEBVTT", "1\n"))


@each([one for one in succeeded(SPEECH) if not OTHERWISE_HEARD.search(one.name)])
async def test_a_recorded_transcription_is_what_was_said(record: Recorded, tone: bytes) -> None:
    async with replaying(record) as server:
        transcript = await transcribe_audio(tone, config_for(server))

    assert "had then leisure to consider" in transcript
    assert transcript.isprintable()


@each(succeeded(SPEECH))
async def test_a_recorded_transcription_is_streamed(record: Recorded, tone: bytes) -> None:
    async with replaying(record) as server:
        chunks = [chunk async for chunk in stream_transcription(tone, config_for(server))]
        transcript = await transcribe_audio(tone, config_for(server))

    *pieces, last = chunks
    assert (last.text, last.transcript) == ("", transcript)
    assert all(piece.text for piece in pieces)
    assert transcript.startswith(pieces[0].text if pieces else "")
    if not record.is_event_stream:
        assert [piece.text for piece in pieces] == [transcript] * bool(transcript)


@each([one for one in succeeded(SPEECH) if one.is_event_stream])
async def test_every_piece_of_a_recorded_transcription_comes(record: Recorded, tone: bytes) -> None:
    async with replaying(record) as server:
        chunks = [chunk async for chunk in stream_transcription(tone, config_for(server))]

    assert len(chunks) == record.body.count(b"transcript.text.delta") + 1


@each(failed(SPEECH))
async def test_a_recorded_failure_of_a_streamed_transcription_is_one_sentence(
    record: Recorded, tone: bytes
) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamResponseError) as raised:
            [_ async for _ in stream_transcription(tone, config_for(server))]

    assert_one_sentence(raised.value, server)
    assert raised.value.status_code == record.response["status"]
    assert raised.value.partial_text == ""


@each(failed(SPEECH))
async def test_a_recorded_failure_of_a_transcription_is_one_sentence(record: Recorded, tone: bytes) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamResponseError) as raised:
            await transcribe_audio(tone, config_for(server))

    assert_one_sentence(raised.value, server)
    assert raised.value.status_code == record.response["status"]


# Models


@each(succeeded(MODELS))
async def test_a_recorded_list_of_models_is_read(record: Recorded) -> None:
    async with replaying(record) as server:
        models = await list_models(config_for(server))

    assert server.target == "/v1/models"
    assert [model["id"] for model in models["data"]]


@each(failed(MODELS))
async def test_a_recorded_failure_to_list_models_is_one_sentence(record: Recorded) -> None:
    async with replaying(record) as server:
        with pytest.raises(UpstreamResponseError) as raised:
            await list_models(config_for(server))

    assert_one_sentence(raised.value, server)
