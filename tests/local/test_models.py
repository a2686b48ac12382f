"""Whichever model a request names, the embedded engine takes it, or says in one true sentence why not."""

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import ConfigurationError, GatewayConfig, UpstreamResponseError, chat_completion

CHAT = "local://engine/v1/chat/completions"
QUESTION = {"role": "user", "content": "Say hello."}


def spoken(path: Path) -> dict[str, Any]:
    data = base64.b64encode(path.read_bytes()).decode()
    return {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": data}}]}


def text_of(answer: httpx.Response) -> str:
    return str(answer.json()["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("gpt-4o", "it has 'smollm2-135m-instruct', and takes the path of a .gguf file"),
        ("/nope/x.gguf", "there is no such file"),
        ("x\0.gguf", "there is no such file"),
        ("x" * 300, "it has 'smollm2-135m-instruct'"),
        (str(Path(__file__).parent), "that is a folder; give the path of a .gguf file in it"),
    ],
    ids=["a name", "no file", "a null character", "a long name", "a folder"],
)
async def test_an_unknown_chat_model_is_not_found(
    client: httpx.AsyncClient, model: str, sentence: str
) -> None:
    answer = await client.post(CHAT, json={"model": model, "messages": [QUESTION]})

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (404, "model_not_found", "model")
    assert error["message"].startswith("the embedded engine has no chat model ")
    assert sentence in error["message"]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("gpt-4o", "it has 'whisper-tiny.en', and takes a folder or a name such as 'small'"),
        ("a\0b", "it has 'whisper-tiny.en'"),
        ("x" * 300, "it has 'whisper-tiny.en'"),
        (str(Path(__file__).parent), "that folder has no model.bin"),
        (__file__, "that is a file, and a speech model is a folder"),
    ],
    ids=["a name", "a null character", "a long name", "a folder", "a file"],
)
async def test_an_unknown_speech_model_is_not_found(
    client: httpx.AsyncClient, note: Path, model: str, sentence: str
) -> None:
    body = {"model": model, "task": "transcribe", "messages": [spoken(note)]}

    answer = await client.post(CHAT, json=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (404, "model_not_found")
    assert error["message"].startswith("the embedded engine has no speech model ")
    assert sentence in error["message"]


async def test_a_configured_model_that_is_unknown_reaches_the_caller_as_that_sentence() -> None:
    with pytest.raises(
        UpstreamResponseError, match="the embedded engine has no chat model 'gpt-4o'"
    ) as caught:
        await chat_completion([QUESTION], GatewayConfig(text_model="gpt-4o"))

    assert caught.value.status_code == 404


async def test_the_usual_name_stands_for_the_speech_model_in_chat_too(
    client: httpx.AsyncClient, note: Path
) -> None:
    answer = await client.post(CHAT, json={"model": "whisper-1", "messages": [spoken(note)]})

    assert "Peter Wilson" in text_of(answer)
    assert answer.json()["model"] == "whisper-tiny.en"


async def test_a_chat_model_needs_no_suffix(
    client: httpx.AsyncClient, chat_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "blob").symlink_to(chat_model)
    body = {"model": str(tmp_path / "blob"), "max_tokens": 1, "messages": [QUESTION]}

    answer = await client.post(CHAT, json=body)

    assert answer.status_code == 200


async def test_a_request_may_say_what_is_to_be_done_with_a_recording(
    client: httpx.AsyncClient, note: Path
) -> None:
    messages = [{"role": "system", "content": "Who speaks?"}, spoken(note)]

    transcribed = await client.post(CHAT, json={"task": "transcribe", "messages": messages})
    analyzed = await client.post(CHAT, json={"task": "analyze", "max_tokens": 8, "messages": messages})

    assert transcribed.json()["model"] == "whisper-tiny.en"
    assert analyzed.json()["model"] == "smollm2-135m-instruct"


async def test_an_analysis_by_an_unknown_model_names_the_chat_model(
    client: httpx.AsyncClient, note: Path
) -> None:
    body = {"model": "gpt-4o", "audio_model": "whisper-1", "messages": [spoken(note)]}

    answer = await client.post(CHAT, json=body)

    assert "has no chat model 'gpt-4o'" in answer.json()["error"]["message"]


async def test_there_is_one_embedded_engine(client: httpx.AsyncClient) -> None:
    with pytest.raises(ConfigurationError, match="no embedded engine at 'local://else'") as caught:
        await client.get("local://else/v1/models")

    assert "local://engine" in caught.value.hint


async def test_the_sentence_about_a_file_that_is_no_model_ends_once(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))

    with pytest.raises(ConfigurationError, match="can't be loaded") as caught:
        await chat_completion([QUESTION], GatewayConfig(text_model=str(tmp_path / "broken.gguf")))

    assert not caught.value.message.endswith("..")


CODE = """
import asyncio, sys
from ipy_gateway import *
settings, note = {settings}, open({note!r}, "rb").read()
try:
    if "text_model" not in settings:
        asyncio.run(transcribe_audio(note, GatewayConfig(**settings)))
    asyncio.run(chat_completion([{{"role": "user", "content": "Hi"}}], GatewayConfig(**settings)))
except ConfigurationError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("variables", "settings", "sentence"),
    [
        (
            {"IPY_GATEWAY_MODELS": "~nobody-here/x", "IPY_GATEWAY_CACHE": "/nope"},
            {},
            "IPY_GATEWAY_MODELS is ",
        ),
        ({"IPY_GATEWAY_CACHE": "~nobody-here/x"}, {}, "IPY_GATEWAY_CACHE is '~nobody-here/x'"),
        ({}, {"audio_model": "~nobody-here/x"}, "audio_model is '~nobody-here/x'"),
        ({}, {"text_model": "~nobody-here/x"}, "text_model is '~nobody-here/x'"),
    ],
)
def test_a_home_folder_that_is_not_there_is_one_sentence(
    note: Path, variables: dict[str, str], settings: dict[str, str], sentence: str
) -> None:
    ended = run(CODE.format(settings=settings, note=str(note)), variables)

    assert ended.stdout.startswith(sentence), ended.stderr


def test_a_user_without_any_home_is_told_to_name_a_cache(note: Path) -> None:
    nobody = "import os, pwd\ndef no(user): raise KeyError(user)\npwd.getpwuid = no\ndel os.environ['HOME']\n"

    ended = run(nobody + CODE.format(settings={}, note=str(note)), {})

    assert "This user has no home folder" in ended.stdout, ended.stderr
    assert "Set IPY_GATEWAY_CACHE" in ended.stdout


def test_a_broken_module_beside_the_notebook_is_named(note: Path, tmp_path: Path) -> None:
    (tmp_path / "av.py").write_text("raise RuntimeError('my own experiment.')\n")

    ended = run(CODE.format(settings={}, note=str(note)), {"PYTHONPATH": str(tmp_path)})

    assert str(tmp_path / "av.py") in ended.stdout, ended.stderr
    assert "RuntimeError: my own experiment. Rename that file" in ended.stdout


def run(code: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
