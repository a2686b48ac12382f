"""What is said of servers at a glance."""

import importlib.util
from typing import Any

import pytest

from ipy_gateway import GatewayConfig
from ipy_gateway.core.doctor import status
from ipy_gateway.core.doctor.status import ModelStatus, ServerStatus, server_statuses
from ipy_gateway.core.requests.servers import board

from ..support.fault_server import Answer, answer, fault_server

NO_LIST = answer(404, body={"detail": "Not Found"})
LLAMA = {
    "id": "tiny-audio",
    "architecture": {"input_modalities": ["text", "audio"], "output_modalities": ["text"]},
    "meta": {"n_ctx": 4096, "size": 6456576},
}


async def status_of(reply: Answer, **settings: Any) -> ServerStatus:
    with fault_server(reply) as server:
        (found,) = await server_statuses(GatewayConfig(server.url, **settings))
    return found


async def test_the_models_of_a_llama_cpp_server_say_that_they_hear() -> None:
    found = await status_of(answer(body={"data": [LLAMA]}))

    assert found.is_reachable
    assert found.models == (ModelStatus("tiny-audio", takes_audio=True, size_bytes=6456576),)
    assert found.takes_audio is True


@pytest.mark.parametrize(
    ("models", "takes_audio"),
    [
        ([], None),
        ([{"id": "gpt"}], None),
        ([{"id": "gpt", "architecture": {"input_modalities": ["text"]}}], False),
        ([{"id": "gpt", "architecture": {"input_modalities": ["text"]}}, {"id": "other"}], None),
        ([{"id": "whisper", "mode": "audio_transcription"}, {"id": "gpt"}], True),
        ([{"id": "gpt", "architecture": "dense", "meta": 3}], None),
    ],
)
async def test_what_a_server_says_of_audio(models: list[Any], takes_audio: bool | None) -> None:
    found = await status_of(answer(body={"data": models}))

    assert found.takes_audio is takes_audio


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": {"id": "x"}}, {"data": [None, 3, {"id": 4}]}])
async def test_a_list_that_makes_no_sense_is_an_empty_one(body: Any) -> None:
    found = await status_of(answer(body=body))

    assert found.is_reachable
    assert found.models == ()
    assert found.problem == ""


async def test_a_server_without_a_list_is_well() -> None:
    found = await status_of(NO_LIST)

    assert found.is_reachable
    assert found.problem == ""


async def test_a_server_that_refuses_the_key_is_reachable_and_has_a_problem() -> None:
    found = await status_of(answer(401, body={"error": {"message": "Invalid API Key"}}))

    assert found.is_reachable
    assert "401 Unauthorized: Invalid API Key" in found.problem


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    (found,) = await server_statuses(GatewayConfig("http://127.0.0.1:9"))

    assert not found.is_reachable
    assert found.problem == "No server answers at http://127.0.0.1:9 (Connection refused)."


async def test_a_silent_server_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "STATUS_TIMEOUT_S", 0.1)

    found = await status_of(Answer(b""))

    assert not found.is_reachable
    assert "gave no complete answer within 0.1 s" in found.problem


async def test_a_glance_asks_each_server_once() -> None:
    with fault_server(answer(503, body={"error": {"message": "Loading model"}})) as server:
        (found,) = await server_statuses(GatewayConfig(server.url, max_retries=5))

    assert len(server.requests) == 1
    assert "Loading model" in found.problem


async def test_all_servers_are_asked_with_what_they_are_for() -> None:
    with fault_server(NO_LIST) as one, fault_server(NO_LIST) as two, fault_server(NO_LIST) as ear:
        config = GatewayConfig((one.url, two.url), (ear.url, two.url), "audio_text")
        found = await server_statuses(config)

    assert [(status.url, status.purposes) for status in found] == [
        (one.url, ("text",)),
        (two.url, ("text", "audio")),
        (ear.url, ("audio",)),
    ]


async def test_how_a_server_took_recordings_before_is_told() -> None:
    with fault_server(NO_LIST) as server:
        board.learn_audio_api(server.url, "transcriptions")
        (found,) = await server_statuses(GatewayConfig(server.url))

    assert found.audio_api == "transcriptions"
    assert found.takes_audio is True


async def test_the_embedded_engine_tells_whether_its_weights_are_here() -> None:
    (found,) = await server_statuses(GatewayConfig())

    assert [model.id for model in found.models] == ["whisper-tiny.en", "smollm2-135m-instruct"]
    assert all(isinstance(model.is_fetched, bool) for model in found.models)
    assert found.takes_audio is True


async def test_an_engine_that_is_not_installed_is_said_to_be_so(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    missing = lambda name, *rest: None if name == "xllamacpp" else find_spec(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)

    (found,) = await server_statuses(GatewayConfig())

    assert not found.is_reachable
    assert (
        "The embedded engine (local://engine) is not installed: No module named 'xllamacpp'." in found.problem
    )
