"""What each operation sends, and what it makes of the answer."""

import base64
import warnings
from typing import Any

import pytest

from ipy_gateway import (
    AudioProcessingError,
    GatewayConfig,
    IncompleteAnswerWarning,
    InvalidRequestError,
    UpstreamResponseError,
    analyze_audio,
    chat_completion,
    list_models,
    transcribe_audio,
)
from ipy_gateway.core.config import TRANSCRIBE_SYSTEM_PROMPT

from ..support.fault_server import answer, completion, fault_server

QUESTION = [{"role": "user", "content": "Answer with one word: which colour has the sky?"}]
SPOKEN: Any = {
    "role": "user",
    "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}],
}


def audio_body(system_prompt: str, recording: bytes) -> dict[str, Any]:
    data = base64.b64encode(recording).decode()
    part = {"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}
    return {"messages": [{"role": "system", "content": system_prompt}, {"role": "user", "content": [part]}]}


# A real llama.cpp server


async def test_a_real_server_completes_a_chat(text_server: str) -> None:
    answered = await chat_completion(QUESTION, GatewayConfig(text_server), max_tokens=8, temperature=0)

    assert answered["object"] == "chat.completion"
    assert answered["choices"][0]["message"]["role"] == "assistant"
    assert answered["choices"][0]["message"]["content"].strip()
    assert 1 <= answered["usage"]["completion_tokens"] <= 8


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_a_real_server_lists_its_models(text_server: str, ending: str) -> None:
    models = await list_models(GatewayConfig(text_server + ending))

    assert [model["id"] for model in models["data"]] == ["smollm2"]


async def test_a_real_server_takes_any_model_name_and_gets_every_parameter(text_server: str) -> None:
    config = GatewayConfig(text_server, text_model="any-name")

    answered = await chat_completion(
        QUESTION, config, max_tokens=1, temperature=0, logprobs=True, top_logprobs=2
    )

    assert answered["usage"]["completion_tokens"] == 1
    assert answered["choices"][0]["finish_reason"] == "length"
    assert len(answered["choices"][0]["logprobs"]["content"][0]["top_logprobs"]) == 2


async def test_a_real_server_refuses_audio_in_one_sentence(text_server: str, tone: bytes) -> None:
    with pytest.raises(UpstreamResponseError, match="audio input is not supported") as raised:
        await transcribe_audio(tone, GatewayConfig(text_server))

    assert raised.value.status_code == 500
    assert raised.value.hint.startswith("This server's model takes no audio")


async def test_a_real_server_refuses_a_wrong_parameter(text_server: str) -> None:
    with pytest.raises(UpstreamResponseError, match="400 Bad Request") as raised:
        await chat_completion(QUESTION, GatewayConfig(text_server), max_tokens="many")

    assert raised.value.status_code == 400


async def test_a_real_server_says_when_the_context_is_too_small(text_server: str) -> None:
    long = [{"role": "user", "content": "sky " * 9000}]

    with pytest.raises(UpstreamResponseError, match="exceeds the available context size") as raised:
        await chat_completion(long, GatewayConfig(text_server))

    assert raised.value.hint.startswith("Send less text at a time")


async def test_a_wrong_url_of_a_real_server(text_server: str) -> None:
    with pytest.raises(UpstreamResponseError, match="404 Not Found") as raised:
        await chat_completion(QUESTION, GatewayConfig(f"{text_server}/nowhere"))

    assert raised.value.hint.startswith("Check the base URL")


# What is sent


async def test_transcribing_sends_the_system_prompt_and_one_audio_part_and_nothing_else(tone: bytes) -> None:
    with fault_server(completion("  Hello there.\n")) as server:
        text = await transcribe_audio(tone, GatewayConfig(server.url))

    assert text == "Hello there."
    assert server.request.target == "/v1/chat/completions"
    assert server.request.json == audio_body(TRANSCRIBE_SYSTEM_PROMPT, tone)


@pytest.mark.parametrize(
    ("argument", "sent"), [(None, "From the configuration."), ("Mine.", "Mine."), ("", "")]
)
async def test_a_system_prompt_is_taken_in_place_of_the_configured_one(
    argument: str | None, sent: str, tone: bytes
) -> None:
    with fault_server(completion()) as server:
        config = GatewayConfig(server.url, transcribe_system_prompt="From the configuration.")
        await transcribe_audio(tone, config, system_prompt=argument)

    assert server.request.json == audio_body(sent, tone)


@pytest.mark.parametrize(
    ("configured", "argument", "sent"),
    [
        ("", None, "\nCount the voices."),
        ("Be brief.", None, "Be brief.\nCount the voices."),
        ("Be brief.", "Be long.", "Be long.\nCount the voices."),
        ("Be brief.", "", "\nCount the voices."),
    ],
)
async def test_analyzing_sends_prefix_newline_and_instruction(
    configured: str, argument: str | None, sent: str, tone: bytes
) -> None:
    with fault_server(completion("Two.")) as server:
        config = GatewayConfig(server.url, analyze_system_prompt_prefix=configured)
        text = await analyze_audio(tone, "Count the voices.", config, system_prompt_prefix=argument)

    assert text == "Two."
    assert server.request.json == audio_body(sent, tone)


async def test_a_chat_sends_messages_and_parameters_as_they_are() -> None:
    messages = [{"role": "system", "content": "Be brief."}, *QUESTION]
    with fault_server(completion("Blue.")) as server:
        answered = await chat_completion(
            messages, GatewayConfig(server.url), temperature=0.5, stop=["."], seed=None
        )

    assert answered["choices"][0]["message"]["content"] == "Blue."
    assert server.request.json == {"messages": messages, "temperature": 0.5, "stop": ["."], "seed": None}


async def test_messages_are_left_alone() -> None:
    messages = tuple(QUESTION)
    with fault_server(completion()) as server:
        await chat_completion(messages, GatewayConfig(server.url))

    assert messages == tuple(QUESTION)
    assert server.request.json == {"messages": QUESTION}


@pytest.mark.parametrize(
    ("settings", "chat_model", "audio_model"),
    [
        ({}, None, None),
        ({"text_model": "t"}, "t", "t"),
        ({"audio_model": "a"}, None, "a"),
        ({"text_model": "t", "audio_model": "a"}, "t", "a"),
    ],
)
async def test_a_server_for_everything_gets_the_model_of_the_request(
    settings: dict[str, str], chat_model: str | None, audio_model: str | None, tone: bytes
) -> None:
    with fault_server(completion()) as server:
        config = GatewayConfig(server.url, **settings)  # type: ignore[arg-type]  # names and values fit
        await chat_completion(QUESTION, config)
        await transcribe_audio(tone, config)
        await analyze_audio(tone, "Count.", config)
        await chat_completion([SPOKEN], config)

    models = [request.json.get("model") for request in server.requests]
    assert models == [chat_model, audio_model, audio_model, audio_model]


async def test_a_model_given_with_the_call_wins() -> None:
    with fault_server(completion()) as server:
        await chat_completion(QUESTION, GatewayConfig(server.url, text_model="t"), model="mine")

    assert server.request.json["model"] == "mine"


async def test_in_audio_text_mode_audio_and_text_go_to_their_servers(tone: bytes) -> None:
    with fault_server(completion("text")) as text, fault_server(completion("audio")) as audio:
        text.script.insert(0, answer(body={"object": "list", "data": []}))
        config = GatewayConfig(
            text.url, audio_base_url=audio.url, routing_mode="audio_text", text_model="t", api_key="sk-text"
        )
        assert await list_models(config) == {"object": "list", "data": []}
        assert await transcribe_audio(tone, config) == "audio"
        assert await analyze_audio(tone, "Count.", config) == "audio"
        await chat_completion([SPOKEN], config)
        await chat_completion(QUESTION, config)

    assert [request.target for request in text.requests] == ["/v1/models", "/v1/chat/completions"]
    assert [request.json.get("model") for request in audio.requests] == [None, None, None]
    assert "authorization" not in audio.requests[0].headers
    assert text.requests[1].json["model"] == "t"


async def test_the_audio_server_gets_its_model_and_key(tone: bytes) -> None:
    with fault_server(completion()) as audio:
        config = GatewayConfig(
            audio_base_url=audio.url, routing_mode="audio_text", audio_model="a", audio_api_key="sk-audio"
        )
        await transcribe_audio(tone, config)

    assert audio.request.json["model"] == "a"
    assert audio.request.headers["authorization"] == "Bearer sk-audio"


# What is made of the answer


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("  One.\n", "One."),
        ("", ""),
        (None, ""),
        ([{"type": "text", "text": " One"}, {"type": "text", "text": " two. "}], "One two."),
        ([{"type": "text", "text": None}, {"type": "refusal"}, "odd"], ""),
        ([], ""),
    ],
)
async def test_content_of_every_shape_becomes_a_transcript(content: Any, text: str, tone: bytes) -> None:
    with fault_server(completion(content)) as server:
        assert await transcribe_audio(tone, GatewayConfig(server.url)) == text


async def test_an_answer_without_content_becomes_an_empty_transcript(tone: bytes) -> None:
    with fault_server(answer(body={"choices": [{"message": {"role": "assistant"}}]})) as server:
        assert await transcribe_audio(tone, GatewayConfig(server.url)) == ""


async def test_an_answer_that_was_cut_off_warns_at_the_line_of_the_caller(tone: bytes) -> None:
    with fault_server(completion("Once upon a", finish_reason="length")) as server:
        with pytest.warns(IncompleteAnswerWarning, match="cut off at the server's length limit") as caught:
            text = await transcribe_audio(tone, GatewayConfig(server.url))
        with pytest.warns(IncompleteAnswerWarning):
            await analyze_audio(tone, "Count.", GatewayConfig(server.url))

    assert text == "Once upon a"
    assert caught[0].filename == __file__


async def test_a_chat_that_was_cut_off_says_so_itself() -> None:
    with fault_server(completion("Once", finish_reason="length")) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        answered = await chat_completion(QUESTION, GatewayConfig(server.url))

    assert answered["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize("status", [400, 500])
async def test_an_error_of_the_server_is_raised(status: int, tone: bytes) -> None:
    with fault_server(answer(status, body={"error": {"message": "Too blue."}})) as server:
        config = GatewayConfig(server.url)
        with pytest.raises(UpstreamResponseError, match=r"Too blue\."):
            await transcribe_audio(tone, config)
        with pytest.raises(UpstreamResponseError, match=r"Too blue\."):
            await chat_completion(QUESTION, config)
        with pytest.raises(UpstreamResponseError, match=r"Too blue\."):
            await list_models(config)


# Arguments that are wrong


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ("Hello", "messages is a string."),
        ([], "messages is empty."),
        ((), "messages is empty."),
        (None, "messages is not a list but NoneType."),
        ({"role": "user", "content": "Hello"}, "messages is not a list but dict."),
        (iter(QUESTION), "messages is not a list but list_iterator."),
        (["Hello"], "messages[0] is not a message but 'Hello'."),
        ([*QUESTION, {"content": "Hello"}], "messages[1] is not a message but {'content': 'Hello'}."),
        ([{"role": 5}], "messages[0] is not a message but {'role': 5}."),
    ],
)
async def test_what_is_no_list_of_messages_is_refused(messages: Any, sentence: str) -> None:
    with fault_server() as server:
        with pytest.raises(InvalidRequestError) as raised:
            await chat_completion(messages, GatewayConfig(server.url))

        assert raised.value.message == sentence
        assert raised.value.hint
        assert server.opened == 0


async def test_a_stream_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="in one piece"):
        await chat_completion(QUESTION, GatewayConfig(), stream=True)


async def test_a_parameter_that_is_no_json_is_refused() -> None:
    with fault_server() as server, pytest.raises(InvalidRequestError, match="can't be written as JSON"):
        await chat_completion(QUESTION, GatewayConfig(server.url), temperature=float("nan"))


@pytest.mark.parametrize("instruction", ["", "  \n", None, 5])
async def test_an_empty_instruction_is_refused(instruction: Any, tone: bytes) -> None:
    with fault_server() as server:
        with pytest.raises(InvalidRequestError, match="The instruction is empty"):
            await analyze_audio(tone, instruction, GatewayConfig(server.url))

        assert server.opened == 0


@pytest.mark.parametrize(
    ("recording", "error"),
    [
        (b"", AudioProcessingError),
        (b"<html>", AudioProcessingError),
        ("talk.wav", InvalidRequestError),
        (None, InvalidRequestError),
    ],
)
async def test_what_is_no_recording_is_refused_before_anything_is_sent(recording: Any, error: type) -> None:
    with fault_server() as server:
        with pytest.raises(error):
            await transcribe_audio(recording, GatewayConfig(server.url))
        with pytest.raises(error):
            await analyze_audio(recording, "Count.", GatewayConfig(server.url))

        assert server.opened == 0


async def test_a_recording_over_the_limit_is_refused(tone: bytes) -> None:
    with fault_server() as server, pytest.raises(AudioProcessingError) as raised:
        await transcribe_audio(tone, GatewayConfig(server.url, audio_max_upload_bytes=1000))

    assert raised.value.error_type == "audio_too_large"
