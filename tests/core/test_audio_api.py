"""Recordings go into a chat message or to the transcriptions endpoint, whichever a server takes."""

from typing import Any

import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError, transcribe_audio

from ..support.fault_server import Answer, FaultServer, answer, completion, fault_server

HEARD = answer(body={"text": " Good morning."})
NO_ROUTE = answer(404, body={"detail": "Not Found"})
NO_AUDIO = answer(500, body={"error": {"code": 500, "message": "audio input is not supported"}})


def targets(server: FaultServer) -> list[str]:
    return [request.target for request in server.requests]


CHAT, ENDPOINT = "/v1/chat/completions", "/v1/audio/transcriptions"


@pytest.mark.parametrize(
    "refusal", [NO_ROUTE, NO_AUDIO, answer(400, body={"error": "bad content"}), answer(405)]
)
async def test_a_server_that_refuses_audio_in_chat_is_asked_to_transcribe(
    tone: bytes, refusal: Answer
) -> None:
    with fault_server(refusal, HEARD) as server:
        text = await transcribe_audio(tone, GatewayConfig(server.url, audio_model="whisper-1"))

    assert (text, text.server) == ("Good morning.", server.url)
    assert targets(server) == [CHAT, ENDPOINT]
    form = server.requests[1]
    assert form.headers["content-type"].startswith("multipart/form-data")
    assert b'name="model"\r\n\r\nwhisper-1\r\n' in form.body
    assert b'filename="audio.wav"' in form.body
    assert tone in form.body


async def test_what_a_server_takes_is_found_out_once(tone: bytes) -> None:
    with fault_server(NO_ROUTE, HEARD) as server:
        config = GatewayConfig(server.url)
        for _ in range(3):
            await transcribe_audio(tone, config)

    assert targets(server) == [CHAT, ENDPOINT, ENDPOINT, ENDPOINT]


async def test_a_server_that_takes_audio_in_chat_is_asked_so_again(tone: bytes) -> None:
    with fault_server(completion("Good morning."), answer(400, body={"error": "bad audio"})) as server:
        config = GatewayConfig(server.url)
        await transcribe_audio(tone, config)
        with pytest.raises(UpstreamResponseError):
            await transcribe_audio(tone, config)

    assert targets(server) == [CHAT, CHAT]


async def test_where_neither_way_works_the_first_error_is_told(tone: bytes) -> None:
    with fault_server(NO_AUDIO, NO_ROUTE) as server, pytest.raises(UpstreamResponseError) as raised:
        await transcribe_audio(tone, GatewayConfig(server.url))

    assert "audio input is not supported" in raised.value.message
    assert targets(server) == [CHAT, ENDPOINT]


@pytest.mark.parametrize("status", [401, 403, 413])
async def test_what_is_wrong_either_way_is_not_tried_twice(tone: bytes, status: int) -> None:
    with fault_server(answer(status)) as server, pytest.raises(UpstreamResponseError):
        await transcribe_audio(tone, GatewayConfig(server.url))

    assert targets(server) == [CHAT]


@pytest.mark.parametrize(
    ("settings", "reply", "target"),
    [
        ({"audio_api": "transcriptions"}, HEARD, ENDPOINT),
        ({"audio_api": "chat"}, completion("Good morning."), CHAT),
    ],
)
async def test_the_way_can_be_chosen(tone: bytes, settings: Any, reply: Answer, target: str) -> None:
    with fault_server(reply) as server:
        assert await transcribe_audio(tone, GatewayConfig(server.url, **settings)) == "Good morning."

    assert targets(server) == [target]


async def test_a_chosen_way_is_not_left(tone: bytes) -> None:
    with fault_server(NO_ROUTE) as server, pytest.raises(UpstreamResponseError):
        await transcribe_audio(tone, GatewayConfig(server.url, audio_api="chat"))

    assert targets(server) == [CHAT]


async def test_only_a_prompt_that_was_given_goes_to_a_speech_model(tone: bytes) -> None:
    with fault_server(HEARD) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        await transcribe_audio(tone, config)
        await transcribe_audio(tone, config, "Names: Dashwood, Elinor.")

    without, with_prompt = server.requests
    assert b'name="prompt"' not in without.body
    assert b'name="prompt"\r\n\r\nNames: Dashwood, Elinor.\r\n' in with_prompt.body


async def test_the_embedded_engine_speaks_both(note: Any) -> None:
    data = note.read_bytes()

    by_chat = await transcribe_audio(data, GatewayConfig(audio_api="chat"))
    by_endpoint = await transcribe_audio(data, GatewayConfig(audio_api="transcriptions"))

    assert "Peter Wilson" in by_chat
    assert by_chat == by_endpoint


async def test_a_refusal_is_no_transcript(tone: bytes) -> None:
    message = {"role": "assistant", "content": None, "refusal": "I cannot transcribe that."}
    refused = answer(body={"choices": [{"message": message, "finish_reason": "stop"}]})

    with (
        fault_server(refused) as server,
        pytest.raises(UpstreamResponseError, match="I cannot transcribe that"),
    ):
        await transcribe_audio(tone, GatewayConfig(server.url, audio_api="chat"))
