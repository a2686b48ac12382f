"""Recordings go into a chat message or to the transcriptions endpoint, whichever a server takes."""

import asyncio
from typing import Any

import pytest

from ipy_gateway import (
    GatewayConfig,
    UpstreamResponseError,
    UpstreamTimeoutError,
    analyze_audio,
    transcribe_audio,
)
from ipy_gateway.core.config import LOCAL_BASE_URL
from ipy_gateway.core.requests.model_names import analysis_model, named
from ipy_gateway.core.requests.servers import board

from ..support.fault_server import Answer, FaultServer, answer, completion, fault_server

HEARD = answer(body={"text": " Good morning."})
NO_ROUTE = answer(404, body={"detail": "Not Found"})
NO_AUDIO = answer(500, body={"error": {"code": 500, "message": "audio input is not supported"}})


def targets(server: FaultServer) -> list[str]:
    return [request.target for request in server.requests]


PAGE = answer(body=b"<p>Please log in", headers={"Content-Type": "text/html"})
NONSENSE = answer(body=b"It works!", headers={"Content-Type": "text/plain"})
BUSY = answer(503, body={"error": "busy"}, headers={"retry-after-ms": "1"})
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


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        ("I cannot transcribe that.", "refused: I cannot transcribe that."),
        ("…", "refused: …."),
        ("...", "refused."),
    ],
)
async def test_a_refusal_is_no_transcript(tone: bytes, refusal: str, sentence: str) -> None:
    message = {"role": "assistant", "content": None, "refusal": refusal}
    refused = answer(body={"choices": [{"message": message, "finish_reason": "stop"}]})

    with fault_server(refused) as server, pytest.raises(UpstreamResponseError) as raised:
        await transcribe_audio(tone, GatewayConfig(server.url, audio_api="chat"))

    assert raised.value.message == f"{server.url} {sentence}"


# What is remembered


@pytest.mark.parametrize("reply", [PAGE, NONSENSE], ids=["page", "nonsense"])
async def test_who_answers_everything_alike_has_no_way(tone: bytes, reply: Answer) -> None:
    with fault_server(reply) as server:
        with pytest.raises(UpstreamResponseError, match="not JSON"):
            await transcribe_audio(tone, GatewayConfig(server.url))

        assert targets(server) == [CHAT, ENDPOINT]
        assert board.audio_api(server.url) is None


@pytest.mark.parametrize("api", ["auto", "chat", "transcriptions"])
async def test_a_page_is_no_transcript_in_either_way(tone: bytes, api: Any) -> None:
    with (
        fault_server(PAGE) as server,
        pytest.raises(UpstreamResponseError, match="not JSON: an HTML page"),
    ):
        await transcribe_audio(tone, GatewayConfig(server.url, audio_api=api))


async def test_a_plain_text_is_a_transcript_of_a_server_without_chat(tone: bytes) -> None:
    with fault_server(NO_ROUTE, NONSENSE) as server:
        assert await transcribe_audio(tone, GatewayConfig(server.url)) == "It works!"
        assert board.audio_api(server.url) == "transcriptions"


async def test_a_page_at_the_endpoint_alone_is_told(tone: bytes) -> None:
    with fault_server(NO_ROUTE, PAGE) as server:
        with pytest.raises(UpstreamResponseError, match="an HTML page"):
            await transcribe_audio(tone, GatewayConfig(server.url))

        assert board.audio_api(server.url) is None


async def test_a_passing_failure_in_chat_teaches_nothing(tone: bytes) -> None:
    with fault_server(BUSY, completion("Good morning.")) as server:
        assert await transcribe_audio(tone, GatewayConfig(server.url)) == "Good morning."
        assert board.audio_api(server.url) == "chat"

    assert targets(server) == [CHAT, CHAT]


async def test_a_passing_failure_at_the_endpoint_is_waited_out(tone: bytes) -> None:
    with fault_server(NO_ROUTE, BUSY, NO_ROUTE, HEARD) as server:
        assert await transcribe_audio(tone, GatewayConfig(server.url)) == "Good morning."
        assert board.audio_api(server.url) == "transcriptions"

    assert targets(server) == [CHAT, ENDPOINT, CHAT, ENDPOINT]


async def test_a_passing_failure_at_the_endpoint_is_told_in_the_end(tone: bytes) -> None:
    with fault_server(NO_ROUTE, BUSY) as server:
        with pytest.raises(UpstreamResponseError, match="503 Service Unavailable: busy"):
            await transcribe_audio(tone, GatewayConfig(server.url, max_retries=0))

        assert board.audio_api(server.url) is None


async def test_a_time_out_teaches_nothing(tone: bytes) -> None:
    with fault_server(completion("Late.", delay_s=5.0)) as server:
        with pytest.raises(UpstreamTimeoutError):
            await transcribe_audio(tone, GatewayConfig(server.url, timeout_s=0.3))

        assert board.audio_api(server.url) is None


async def test_what_a_server_without_chat_says_at_the_endpoint_is_told(tone: bytes) -> None:
    unknown = answer(400, body={"error": "Unknown model 'x'"})

    with fault_server(NO_ROUTE, unknown) as server, pytest.raises(UpstreamResponseError) as raised:
        await transcribe_audio(tone, GatewayConfig(server.url, audio_model="x"))

    assert "Unknown model 'x'" in raised.value.message


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_a_server_that_has_become_another_is_found_out_anew(tone: bytes, status: int) -> None:
    gone = answer(status, body={"error": "gone"})

    with fault_server(NO_ROUTE, HEARD, gone, completion("Good evening.")) as server:
        config = GatewayConfig(server.url)
        await transcribe_audio(tone, config)
        assert await transcribe_audio(tone, config) == "Good evening."
        await transcribe_audio(tone, config)

    assert targets(server) == [CHAT, ENDPOINT, ENDPOINT, CHAT, CHAT]


async def test_a_server_that_has_lost_both_ways_is_not_remembered(tone: bytes) -> None:
    with fault_server(completion("Good morning."), NO_ROUTE) as server:
        config = GatewayConfig(server.url)
        await transcribe_audio(tone, config)
        with pytest.raises(UpstreamResponseError, match="404 Not Found"):
            await transcribe_audio(tone, config)

        assert board.audio_api(server.url) is None
    assert targets(server) == [CHAT, CHAT, ENDPOINT]


@pytest.mark.parametrize("reply", [PAGE, BUSY, answer(401), answer(413), answer(400)])
async def test_other_failures_leave_the_memory_as_it_is(tone: bytes, reply: Answer) -> None:
    with fault_server(NO_ROUTE, HEARD, reply) as server:
        config = GatewayConfig(server.url, max_retries=0)
        await transcribe_audio(tone, config)
        with pytest.raises(UpstreamResponseError):
            await transcribe_audio(tone, config)

        assert board.audio_api(server.url) == "transcriptions"
    assert targets(server) == [CHAT, ENDPOINT, ENDPOINT]


def test_what_another_request_found_out_is_not_forgotten() -> None:
    board.learn_audio_api("http://host", "transcriptions")

    board.forget_audio_api("http://host", "chat")

    assert board.audio_api("http://host") == "transcriptions"


async def test_first_requests_at_the_same_time_all_find_the_way(tone: bytes) -> None:
    by_path = {CHAT: NO_ROUTE, ENDPOINT: HEARD}

    with fault_server(by_path=by_path) as server:
        config = GatewayConfig(server.url)
        texts = await asyncio.gather(*(transcribe_audio(tone, config) for _ in range(8)))
        first_targets = targets(server)
        await transcribe_audio(tone, config)

    assert texts == ["Good morning."] * 8
    assert first_targets.count(ENDPOINT) == 8
    assert targets(server)[len(first_targets) :] == [ENDPOINT]


async def test_a_cancelled_first_request_disturbs_no_other(tone: bytes) -> None:
    by_path = {CHAT: answer(404, delay_s=0.3), ENDPOINT: HEARD}

    with fault_server(by_path=by_path) as server:
        config = GatewayConfig(server.url)
        both = [asyncio.ensure_future(transcribe_audio(tone, config)) for _ in range(2)]
        await asyncio.sleep(0.1)
        both[0].cancel()

        assert await both[1] == "Good morning."
        assert both[0].cancelled()


# What is said besides


@pytest.mark.parametrize(("api", "path"), [("chat", "/chat/completions"), ("transcriptions", ENDPOINT[3:])])
async def test_a_missing_route_is_named(tone: bytes, api: Any, path: str) -> None:
    with fault_server(NO_ROUTE) as server, pytest.raises(UpstreamResponseError) as raised:
        await transcribe_audio(tone, GatewayConfig(server.url, audio_api=api))

    assert raised.value.hint == f"Check the base URL: it is what comes before {path}, and often ends in /v1."


async def test_no_server_is_told_what_the_embedded_engine_is_told(tone: bytes) -> None:
    with fault_server(completion("Yes.")) as server:
        await transcribe_audio(tone, GatewayConfig(server.url))
        await analyze_audio(tone, "Who speaks?", GatewayConfig(server.url))

    assert [sorted(request.json) for request in server.requests] == [["messages"], ["messages"]]


async def test_the_embedded_engine_transcribes_though_its_chat_model_is_named(note: Any) -> None:
    config = GatewayConfig(audio_model="smollm2-135m-instruct", audio_api="chat")

    with pytest.raises(UpstreamResponseError, match="no speech model 'smollm2-135m-instruct'"):
        await transcribe_audio(note.read_bytes(), config)


def test_the_embedded_engine_is_told_to_analyze() -> None:
    fields = named(analysis_model, LOCAL_BASE_URL, GatewayConfig())

    assert fields == {"model": "smollm2-135m-instruct", "task": "analyze"}
