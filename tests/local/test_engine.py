"""local://engine answers like an OpenAI-compatible server."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import AudioProcessingError
from ipy_gateway.local.transport import LocalTransport

from .conftest import Listening

CHAT = "local://engine/v1/chat/completions"
TRANSCRIPTIONS = "local://engine/v1/audio/transcriptions"


def spoken(recording: bytes, format: str = "wav") -> dict[str, Any]:
    data = base64.b64encode(recording).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": format}}
    return {"role": "user", "content": [part]}


async def events(response: httpx.Response) -> list[str]:
    lines = [line async for line in response.aiter_lines()]
    return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


async def test_models_are_listed_without_loading_them(client: httpx.AsyncClient) -> None:
    answer = await client.get("local://engine/v1/models")

    names = [model["id"] for model in answer.json()["data"]]
    assert names == ["whisper-tiny.en", "smollm2-135m-instruct"]


async def test_chat_answers_the_same_question_in_the_same_way(client: httpx.AsyncClient) -> None:
    body = {"messages": [{"role": "user", "content": "Name three colours."}], "max_tokens": 40}

    first = (await client.post(CHAT, json=body)).json()
    second = (await client.post(CHAT, json=body)).json()

    assert "red" in first["choices"][0]["message"]["content"].lower()
    assert first["choices"][0]["message"] == second["choices"][0]["message"]
    assert first["usage"]["completion_tokens"] <= 40


async def test_chat_streams_events_up_to_done(client: httpx.AsyncClient) -> None:
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8, "stream": True}

    async with client.stream("POST", CHAT, json=body) as response:
        received = await events(response)

    assert response.headers["content-type"].startswith("text/event-stream")
    assert received[-1] == "[DONE]"
    assert any(json.loads(event)["choices"][0]["delta"].get("content") for event in received[:-1])


async def test_input_audio_becomes_its_transcript(client: httpx.AsyncClient, excerpt: Path) -> None:
    answer = (await client.post(CHAT, json={"messages": [spoken(excerpt.read_bytes())]})).json()

    text = answer["choices"][0]["message"]["content"]
    assert "mirror is 8 meters wide" in text
    assert answer["model"] == "whisper-tiny.en"
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_input_audio_streams_its_transcript_segment_by_segment(
    client: httpx.AsyncClient, excerpt: Path
) -> None:
    messages = [spoken(excerpt.read_bytes())]
    body = {"messages": messages, "stream": True}

    plain = (await client.post(CHAT, json={"messages": messages})).json()
    async with client.stream("POST", CHAT, json=body) as response:
        received = await events(response)

    pieces = [json.loads(event)["choices"][0]["delta"].get("content", "") for event in received[:-1]]
    assert received[-1] == "[DONE]"
    assert sum(map(bool, pieces)) > 3
    assert "".join(pieces) == plain["choices"][0]["message"]["content"]


async def test_a_transcription_streams_segment_by_segment(client: httpx.AsyncClient, interview: Path) -> None:
    files = {"file": ("interview.wav", interview.read_bytes())}

    plain = (await client.post(TRANSCRIPTIONS, files=files)).json()
    async with client.stream("POST", TRANSCRIPTIONS, data={"stream": "true"}, files=files) as response:
        received = [json.loads(event) for event in await events(response)]

    assert response.headers["content-type"].startswith("text/event-stream")
    *deltas, done = received
    assert {delta["type"] for delta in deltas} == {"transcript.text.delta"}
    assert len(deltas) > 3
    assert "".join(delta["delta"] for delta in deltas) == plain["text"]
    assert done == {"type": "transcript.text.done", "text": plain["text"]}


async def test_subtitles_are_not_streamed(client: httpx.AsyncClient, note: Path) -> None:
    fields, files = {"stream": "true", "response_format": "srt"}, {"file": ("note.m4a", note.read_bytes())}

    answer = await client.post(TRANSCRIPTIONS, data=fields, files=files)

    assert answer.text.startswith("1\n00:00:00,")


async def test_a_recording_that_cannot_be_read_is_no_broken_stream(client: httpx.AsyncClient) -> None:
    with pytest.raises(AudioProcessingError):
        await client.post(TRANSCRIPTIONS, data={"stream": "true"}, files={"file": ("x.wav", b"RIFF")})


async def test_a_chat_model_answers_about_a_recording(client: httpx.AsyncClient, excerpt: Path) -> None:
    question = {"role": "system", "content": "Where is the telescope? Answer in one sentence."}
    body = {"model": "smollm2-135m-instruct", "messages": [question, spoken(excerpt.read_bytes())]}

    answer = (await client.post(CHAT, json=body)).json()

    assert "Spain" in answer["choices"][0]["message"]["content"]
    assert answer["model"] == "smollm2-135m-instruct"


@pytest.mark.parametrize(
    ("wanted", "content_type", "expected"),
    [
        ("json", "application/json", '{"text":"Please remember'),
        ("text", "text/plain", "Please remember"),
        ("srt", "text/plain", "1\n00:00:00,"),
        ("vtt", "text/vtt", "WEBVTT\n\n00:00:00."),
        ("verbose_json", "application/json", '{"task":"transcribe","language":"en","duration":6.'),
    ],
)
async def test_transcriptions_come_in_five_formats(
    client: httpx.AsyncClient, note: Path, wanted: str, content_type: str, expected: str
) -> None:
    files = {"file": ("note.m4a", note.read_bytes())}

    answer = await client.post(TRANSCRIPTIONS, data={"response_format": wanted}, files=files)

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.text.startswith(expected)


async def test_words_carry_their_times(client: httpx.AsyncClient, note: Path) -> None:
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": "word", "model": "whisper-1"}

    answer = await client.post(TRANSCRIPTIONS, data=fields, files={"file": note.read_bytes()})

    body = answer.json()
    times = [word["start"] for word in body["words"]]
    assert [word["word"].strip() for word in body["words"]][:2] == ["Please", "remember"]
    assert times == sorted(times)
    assert body["segments"][0]["text"].strip().startswith("Please remember")


async def test_a_field_may_be_given_twice(client: httpx.AsyncClient, note: Path) -> None:
    fields = {"response_format": "verbose_json", "timestamp_granularities[]": ["word", "segment"]}

    answer = await client.post(TRANSCRIPTIONS, data=fields, files={"file": note.read_bytes()})

    assert answer.json()["words"]


async def test_a_stream_that_is_closed_unread_stops_the_transcription(
    client: httpx.AsyncClient, long_recording: bytes, listening: Listening
) -> None:
    body = {"stream": True, "messages": [spoken(long_recording)]}

    async with client.stream("POST", CHAT, json=body):
        pass
    await listening.until_it_ends()

    assert listening.windows <= 8


async def test_connections_to_our_own_servers_read_no_certificates(
    client: httpx.AsyncClient, chat_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1}
    await client.post(CHAT, json=body)
    monkeypatch.setenv("SSL_CERT_FILE", "/nope")
    loaded: list[str] = []
    monkeypatch.setattr(ssl, "create_default_context", lambda **given: loaded.append(given["cafile"]))

    async with httpx.AsyncClient(mounts={"local://": LocalTransport()}, verify=False) as other:
        answer = await other.post(CHAT, json=body, timeout=60)

    assert answer.status_code == 200
    assert loaded == []


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"nonsense", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"messages": []}', "not a list of messages"),
        (
            b'{"model": "whisper-tiny.en", "messages": [{"role": "user", "content": "x"}]}',
            "hold no recording",
        ),
        (b'{"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}', "not base64"),
        (
            b'{"model": "smollm2-135m-instruct", "messages": ['
            b'{"role": "user", "content": [{"type": "image_url"}]}]}',
            "takes text and audio",
        ),
    ],
)
async def test_a_bad_request_gets_a_status_and_a_reason(
    client: httpx.AsyncClient, body: bytes, expected: str
) -> None:
    answer = await client.post(CHAT, content=body)

    assert answer.status_code == 400
    assert expected in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "files", "expected"),
    [
        ({"response_format": "docx"}, {"file": b"x"}, "response_format 'docx'"),
        ({"model": "whisper-1"}, {"other": b"x"}, "has no file"),
        ({"temperature": "warm"}, {"file": b"x"}, "temperature is not a number"),
        ({"temperature": "nan"}, {"file": b"x"}, "temperature is not a number between 0 and 1: 'nan'"),
        ({"temperature": "-1"}, {"file": b"x"}, "temperature is not a number between 0 and 1: '-1'"),
    ],
)
async def test_a_bad_form_gets_a_status_and_a_reason(
    client: httpx.AsyncClient, fields: dict[str, str], files: dict[str, bytes], expected: str
) -> None:
    answer = await client.post(TRANSCRIPTIONS, data=fields, files=files)

    assert answer.status_code == 400
    assert expected in answer.json()["error"]["message"]


async def test_an_unknown_route_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("local://engine/v1/nothing")

    assert answer.status_code == 404
