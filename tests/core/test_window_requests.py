"""How a server is asked about a window, and what its refusals mean."""

from typing import Any

import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError, UpstreamTimeoutError, transcribe
from ipy_gateway.core.config import TRANSCRIBE_SYSTEM_PROMPT
from ipy_gateway.core.requests.servers import board
from ipy_gateway.core.transcribing.window_requests import is_too_large

from ..support.fault_server import answer, completion, fault_server
from ..support.tones import spoken, wav

RECORDING = wav(spoken(range(5)))


def refusal(status: int, message: str = "", **rest: Any) -> UpstreamResponseError:
    return UpstreamResponseError(message, status_code=status, **rest)


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (refusal(413), True),
        (refusal(400, "Maximum file size exceeded"), True),
        (refusal(400, "audio duration 1500 seconds is longer than 1400 seconds"), True),
        (refusal(400, "", context_limit_tokens=4096), True),
        (refusal(500, "the request exceeds the available context size"), True),
        (refusal(400, "unknown model"), False),
        (refusal(429, "Rate limit exceeded"), False),
        (refusal(401, "Quota exceeded"), False),
        (UpstreamTimeoutError("too long"), False),
    ],
)
def test_too_much_sound_is_told_from_other_refusals(error: Any, is_so: bool) -> None:
    assert is_too_large(error) is is_so


async def test_a_chat_is_told_the_language_and_the_words() -> None:
    with fault_server(completion("Ja.")) as server:
        config = GatewayConfig(server.url, audio_api="chat")
        transcript = await transcribe(RECORDING, config, language="de", prompt="Ada, Bob")

    assert server.request.json["messages"][0]["content"] == (
        f"{TRANSCRIBE_SYSTEM_PROMPT}\nThe language of the recording is de.\n"
        "Words that may occur in it: Ada, Bob"
    )
    assert transcript.language == "de"


async def test_without_wishes_a_chat_gets_the_configured_prompt_alone() -> None:
    with fault_server(completion("Yes.")) as server:
        await transcribe(RECORDING, GatewayConfig(server.url, audio_api="chat"))

    assert server.request.json["messages"][0]["content"] == TRANSCRIBE_SYSTEM_PROMPT


async def test_a_server_that_fails_is_asked_for_times_again() -> None:
    failed = answer(500, body={"error": {"message": "CUDA error"}}, headers={"Retry-After": "0"})
    with fault_server(failed, answer(body={"text": "Yes."})) as server:
        await transcribe(RECORDING, GatewayConfig(server.url, audio_api="transcriptions"))

    assert [b"verbose_json" in request.body for request in server.requests] == [True, True]


@pytest.mark.parametrize(
    "refused",
    [
        answer(400, body={"error": {"message": "only json is supported"}}),
        answer(422, body={"detail": "Input should be 'json'"}),
        answer(500, body={"error": {"message": "response_format is unknown"}}),
    ],
)
async def test_a_server_that_refuses_times_is_asked_without_them(refused: Any) -> None:
    heard = answer(body={"text": "Yes."})
    with fault_server(refused, heard) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", max_retries=0)
        first = await transcribe(RECORDING, config)
        await transcribe(RECORDING, config, again=True)

    assert first.text == "Yes."
    assert [b"verbose_json" in request.body for request in server.requests] == [True, False, False]


async def test_what_is_refused_either_way_is_told_as_it_was_first() -> None:
    refused = answer(400, body={"error": {"message": "Too blue."}})
    other = answer(400, body={"error": {"message": "Other words."}})
    with fault_server(refused, other) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", max_retries=0)
        with pytest.raises(UpstreamResponseError, match=r"Too blue\."):
            await transcribe(RECORDING, config)


async def test_a_real_server_that_knows_no_times_is_heard(audio_server: str) -> None:
    transcript = await transcribe(RECORDING, GatewayConfig(audio_server, audio_api="transcriptions"))

    assert transcript.gaps == ()
    assert transcript.server == audio_server
    assert not board.gives_times(audio_server, None)
