"""What is made of a raw response: its JSON, or one sentence about what is wrong with it."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError, transcribe_audio
from ipy_gateway.core.answers.answers import MAX_DETAIL_CHARACTERS, parse_completion, parse_object

from ..support.fault_server import answer, fault_server

URL = "http://host"
CONFIG = GatewayConfig(URL, api_key="sk-hush-4711")
RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"


def response(status: int, body: Any = b"", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, content=content, headers=named)


def error_of(
    status: int, body: Any = b"", config: GatewayConfig = CONFIG, **headers: str
) -> UpstreamResponseError:
    with pytest.raises(UpstreamResponseError) as raised:
        parse_completion(response(status, body, **headers), URL, config)
    assert raised.value.upstream == URL
    assert raised.value.status_code == status
    return raised.value


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 400, "message": "It is too blue.", "type": "invalid_request_error"}},
        {"error": {"code": "too_blue", "message": "It is too blue.", "type": None}},
        {"error": {"code": None, "message": "It is too blue."}},
        {"error": "It is too blue."},
        {"error": "Blue", "message": "It is too blue."},
        {"detail": "It is too blue."},
        {"detail": {"error": {"message": "It is too blue.", "type": "invalid_request_error"}}},
        {"message": "It is too blue."},
        {"object": "error", "message": "It is too blue.", "code": 400},
        {"error": {"error": {"message": "It is too blue."}}},
        {"message": "", "error": "It is too blue."},
        {"message": {"code": 7}, "detail": "It is too blue."},
        [{"error": {"message": "It is too blue."}}],
        b"It is too blue.",
        "It is too blue.",
    ],
)
def test_every_shape_of_an_error_body_gives_the_same_sentence(body: Any) -> None:
    assert error_of(400, body).message == "http://host answered 400 Bad Request: It is too blue."


def test_a_validation_error_names_its_fields() -> None:
    body = {"detail": [{"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": None}]}

    assert error_of(422, body).message == (
        "http://host answered 422 Unprocessable Entity: body.file: Field required."
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "http://host answered 502 Bad Gateway."),
        (b" \n", "http://host answered 502 Bad Gateway."),
        (b"null", "http://host answered 502 Bad Gateway: null."),
        ({}, "http://host answered 502 Bad Gateway."),
        ({"error": None}, "http://host answered 502 Bad Gateway."),
        ({"error": True, "detail": 5}, "http://host answered 502 Bad Gateway."),
        ({"loc": None, "msg": "Late."}, "http://host answered 502 Bad Gateway: Late."),
        (b'{"error": "cut o', "http://host answered 502 Bad Gateway."),
        (
            b"<html><head><title>502\n Bad Gateway</title></head><body>nginx</body></html>",
            'http://host answered 502 Bad Gateway: an HTML page titled "502 Bad Gateway".',
        ),
        (b"<!doctype html><p>No title", "http://host answered 502 Bad Gateway: an HTML page."),
        (b"\xff\xfe", "http://host answered 502 Bad Gateway: \ufffd\ufffd."),
    ],
)
def test_a_body_that_says_little_still_gives_a_sentence(body: Any, message: str) -> None:
    assert error_of(502, body).message == message


def test_a_status_without_a_name_is_shown_as_a_number() -> None:
    assert error_of(599, b"").message == "http://host answered 599."


def test_the_request_id_is_kept() -> None:
    assert error_of(500, b"", x_request_id="r-1").request_id == "r-1"
    assert error_of(500, b"").request_id is None


def test_a_redirect_is_named() -> None:
    error = error_of(302, b"<html></html>", location="https://host/login")

    assert error.message == "http://host answered 302 Found: it redirects to https://host/login."
    assert error.hint == "Redirects are not followed: configure the address that it names."


# A status of 200 that is none


@pytest.mark.parametrize("body", [{"error": {"message": "It is too blue."}}, {"error": "It is too blue."}])
def test_an_error_in_a_200_is_an_error(body: Any) -> None:
    assert error_of(200, body).message == "http://host answered with an error: It is too blue."


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "."),
        (b"<html><title>Welcome</title>", ': an HTML page titled "Welcome".'),
        (b"OK", ": OK."),
        (b'{"choices": [', "."),
        (b'data: {"choices"', ': data: {"choices".'),
    ],
)
def test_what_is_no_json_is_said(body: bytes, detail: str) -> None:
    error = error_of(200, body)

    assert error.message == f"http://host answered with something that is not JSON{detail}"
    assert error.hint.startswith("Check that the URL is that of an OpenAI-compatible API")


@pytest.mark.parametrize(("body", "detail"), [(b"[1, 2]", "."), (b"null", ": null."), (b"17", ": 17.")])
def test_json_that_is_no_object_is_said(body: bytes, detail: str) -> None:
    message = error_of(200, body).message

    assert message == f"http://host answered with something that is not a JSON object{detail}"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": None},
        {"choices": []},
        {"choices": "none"},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": None}]},
        {"choices": [{"text": "An old completion."}]},
        {"error": None, "choices": []},
    ],
)
def test_an_answer_without_choices_is_an_error(body: Any) -> None:
    assert error_of(200, body).message == "http://host answered without choices."


def test_an_answer_without_choices_says_what_it_says() -> None:
    error = error_of(200, {"object": "error", "message": "It is too blue."})

    assert error.message == "http://host answered without choices: It is too blue."


def test_a_good_answer_is_passed_on_as_it_is() -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": None}}], "error": None, "extra": [1]}

    assert parse_completion(response(200, body), URL, CONFIG) == body
    assert parse_object(response(200, {"data": []}), URL, CONFIG) == {"data": []}


# Hostile and huge


def test_a_huge_error_is_cut() -> None:
    message = error_of(500, {"error": {"message": "UklGRg" * 450_000}}).message

    assert message == f"http://host answered 500 Internal Server Error: {('UklGRg' * 40)[:200]}…."
    assert MAX_DETAIL_CHARACTERS == 200


@pytest.mark.parametrize("wrap", [lambda text: {"error": text}, lambda text: text.encode()])
def test_control_characters_do_not_get_through(wrap: Any) -> None:
    message = error_of(400, wrap("A\x1b[31mred\r\n\x00line\u202e\u2028and\x07 more")).message

    assert message == "http://host answered 400 Bad Request: A [31mred line and more."


@pytest.mark.parametrize("depth", [50, 900, 20_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"error":', "}")])
def test_a_deeply_nested_body_does_no_harm(depth: int, start: str, end: str) -> None:
    body = (start * depth + '"x"' + end * depth).encode()

    assert error_of(400, body).message.startswith("http://host answered 400 Bad Request")


@pytest.mark.parametrize("status", [200, 400, 401, 500])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Incorrect API key provided: sk-hush-4711."}},
        {"message": "no choices for sk-hush-4711"},
        b"Bad key sk-hush-4711",
        b"<title>Bad key sk-hush-4711</title>",
        {"error": "x" * 193 + "sk-hush-4711"},
        {"error": "x" * 180 + " " * 9 + "sk-hush-4711"},
    ],
)
def test_an_echoed_key_is_hidden(status: int, body: Any) -> None:
    error = error_of(status, body)

    assert "hush" not in str(error)
    assert "sk-h" not in str(error)


# Hints


@pytest.mark.parametrize(
    ("status", "detail", "hint"),
    [
        (
            500,
            "audio input is not supported - hint: provide the mmproj",
            "This server's model takes no audio",
        ),
        (501, "This server does not support audio input.", "This server's model takes no audio"),
        (503, "Loading model", "The server is still loading its model"),
        (400, "request (9031 tokens) exceeds the available context size (4096 tokens)", "Send less text"),
        (400, "This model's maximum context length is 8192 tokens", "Send less text"),
        (401, "", "Check the key."),
        (403, "Forbidden", "Check the key."),
        (400, "Incorrect API key provided", "Check the key."),
        (404, "", "Check the base URL"),
        (404, "File Not Found", "Check the base URL"),
        (404, "Cannot GET /v1/models", "Check the base URL"),
        (404, "File Not Found (/v1/models/no-such-model)", "Check the base URL"),
        (404, "No models loaded. Please load a model.", "Set text_model or audio_model"),
        (413, "Request Entity Too Large", "Send less at a time"),
        (429, "You exceeded your current quota, check your plan.", "The quota of this key is used up"),
        (400, "Failed to load image or audio file", "Let the recording be converted"),
        (400, "input_audio.format must be either 'wav' or 'mp3'", "Let the recording be converted"),
        (400, "At most 0 audio(s) may be provided in one request.", "This server's model takes no audio"),
        (400, "Too blue. LiteLLM: model group 'llama' failed.", ""),
        (404, 'model "x" not found, try pulling it first', "Set text_model or audio_model"),
        (400, "Invalid model name passed in model=x", "Set text_model or audio_model"),
        (429, "Rate limit of model group x", "Look at the server's log, or try again later."),
        (500, "Internal Server Error", "Look at the server's log, or try again later."),
        (500, "The model runner has crashed", "Look at the server's log, or try again later."),
        (400, "Wrong colour", ""),
    ],
)
def test_a_hint_says_what_to_do(status: int, detail: str, hint: str) -> None:
    found = error_of(status, {"error": {"message": detail}}).hint

    assert found.startswith(hint)
    assert bool(found) == bool(hint)


def test_the_hint_tells_when_no_key_was_sent() -> None:
    hint = error_of(401, {"error": "No key"}, GatewayConfig("http://elsewhere", api_key="sk-1")).hint

    assert hint == "No key was sent to this host: configure api_key together with its URL."


NO_AUDIO = "This server's model takes no audio"


@pytest.mark.parametrize(
    ("status", "body", "hint"),
    [
        (400, {"object": "error", "message": "At most 0 audio(s) may be provided in one request."}, NO_AUDIO),
        (400, {"error": "'messages[1].content[0].type' must be 'text' or 'image_url'"}, NO_AUDIO),
        (400, {"error": {"message": "invalid message format"}}, NO_AUDIO),
        (400, {"error": {"message": "unsupported content[].type"}}, NO_AUDIO),
        (422, {"detail": "Input should be a valid string"}, "If this server's model takes no audio"),
        (500, {"detail": "Input must be a string"}, "If this server's model takes no audio"),
        (200, {"error": "Bad part"}, "If this server's model takes no audio"),
        (500, {"detail": "Out of memory"}, "Look at the server's log"),
        (503, {"error": {"message": "Loading model"}}, "The server is still loading"),
        (429, {"error": {"message": "Rate limit reached"}}, "Look at the server's log"),
        (401, {"error": {"message": "Unauthorized"}}, "Check the key."),
        (404, {"detail": "Not Found"}, "Check the base URL"),
        (404, {"error": {"message": "model 'x' not found"}}, "Set text_model or audio_model"),
        (413, {"detail": "File too large"}, "Send less at a time"),
        (400, {"error": {"message": "Failed to load image or audio file"}}, "Let the recording be converted"),
    ],
)
def test_a_request_with_audio_that_is_refused_gets_the_hint_about_audio_unless_it_points_elsewhere(
    status: int, body: Any, hint: str
) -> None:
    with pytest.raises(UpstreamResponseError) as raised:
        parse_completion(response(status, body), URL, CONFIG, had_audio=True)

    assert raised.value.hint.startswith(hint)


def test_an_error_in_a_200_without_a_word_gets_no_hint_about_audio() -> None:
    with pytest.raises(UpstreamResponseError) as raised:
        parse_completion(response(200, {"choices": []}), URL, CONFIG, had_audio=True)

    assert raised.value.hint == "Ask the server's log why."


async def test_a_server_that_refuses_a_recording_is_said_to_take_no_audio(tone: bytes) -> None:
    refusal = answer(400, body={"error": {"message": "invalid message format"}})
    with fault_server(refusal) as server, pytest.raises(UpstreamResponseError) as raised:
        await transcribe_audio(tone, GatewayConfig(server.url))

    assert raised.value.hint.startswith(NO_AUDIO)


def test_the_code_of_an_error_counts_where_its_sentence_says_little() -> None:
    body = {"error": {"message": "Too much.", "code": "insufficient_quota"}}

    assert error_of(429, body).hint.startswith("The quota of this key is used up")


def test_the_context_of_the_embedded_engine_is_not_ours_to_enlarge() -> None:
    overflow = {"error": {"message": "request (9031 tokens) exceeds the available context size"}}

    with pytest.raises(UpstreamResponseError) as raised:
        parse_completion(response(400, overflow), "local://engine", GatewayConfig())

    assert raised.value.hint == "Send less text at a time."


def recorded_errors() -> list[Any]:
    if not RECORDINGS.is_dir():
        return []
    records = [
        (f"{path.stem}-{record['case']}", record["response"])
        for path in sorted(RECORDINGS.glob("*.json"))
        for record in json.loads(path.read_text())["records"]
        if isinstance(record.get("response"), dict)
    ]
    return [
        pytest.param(answer["status"], answer["body"], id=name)
        for name, answer in records
        if answer.get("status", 200) >= 400 and isinstance(answer.get("body"), str)
    ]


@pytest.mark.parametrize(("status", "body"), recorded_errors())
def test_what_real_servers_answered_gives_one_short_sentence(status: int, body: str) -> None:
    error = error_of(status, body.encode())

    assert "\n" not in error.message
    assert len(error.message) < 300
    assert body.strip() in ("", "{}") or ": " in error.message
    assert '{"' not in error.message[:60]
