"""Cassettes: readable files without a key in them, which are whole after every exchange."""

import base64
import gzip
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import (
    GatewayConfig,
    InvalidRequestError,
    ReplayError,
    chat_completion,
    recording,
    replaying,
    stream_chat,
    transcribe_audio,
)
from ipy_gateway.core.cassettes.canonical_request import canonical_request
from ipy_gateway.core.cassettes.cassette import CassetteFile, Exchange, read_cassette
from ipy_gateway.core.cassettes.recorder import CassetteWarning

from ..support.cassettes import exchanges_in, outcome_of, recorded, replayed
from ..support.fault_server import Answer, RecordedRequest, answer, completion, fault_server

KEY, AUDIO_KEY = "kept-between-us-two", "of-the-audio-server"
LOOKS_LIKE_ONE = "sk-proj-0123456789abcdefghij"
HELLO = [{"role": "user", "content": "Hello?"}]
# A PNG's first bytes are enough: nobody looks at it.
PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" * 9).decode()


def exchange_about(text: str, said: str = "Fine.") -> Exchange:
    request = httpx.Request("POST", "http://a/v1/chat/completions", json={"messages": [{"content": text}]})
    return Exchange(canonical_request(request, ()), {"status": 200, "headers": {}, "text": said})


def recorded_file(path: Path, *texts: str) -> Path:
    file = CassetteFile(path)
    for text in texts:
        file.add(exchange_about(text))
    return path


# What is in it


async def test_an_exchange_is_readable_json(tmp_path: Path) -> None:
    with fault_server(completion("Fine.")) as server:
        await recorded(
            tmp_path / "tape.json", lambda: chat_completion(HELLO, GatewayConfig(server.url), seed=7)
        )

    content = json.loads((tmp_path / "tape.json").read_text())
    (exchange,) = content["exchanges"]

    assert content["ipy_gateway_cassette"] == 1
    assert exchange["request"] == {
        "method": "POST",
        "url": f"{server.url}/v1/chat/completions",
        "json": {"messages": HELLO, "seed": 7},
    }
    assert exchange["response"]["status"] == 200
    assert exchange["response"]["json"]["choices"][0]["message"]["content"] == "Fine."


@pytest.mark.parametrize("api", ["chat", "transcriptions"])
async def test_sound_is_there_as_a_hash_alone(tmp_path: Path, api: Any, tone: bytes) -> None:
    said = completion("A tone.") if api == "chat" else answer(body={"text": "A tone."})
    with fault_server(said) as server:
        config = GatewayConfig(server.url, audio_api=api, audio_model="ear")
        await recorded(tmp_path / "tape.json", lambda: transcribe_audio(tone, config))

    (exchange,) = exchanges_in(tmp_path / "tape.json")

    assert (tmp_path / "tape.json").stat().st_size < 3_000 < len(tone)
    assert f'"bytes": {len(tone)}' in json.dumps(exchange["request"])
    assert re.search('"sha256": "[0-9a-f]{64}"', json.dumps(exchange["request"]))


async def test_a_picture_is_there_as_a_hash_alone(tmp_path: Path) -> None:
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]}
    with fault_server(completion("A cat.")) as server:
        config = GatewayConfig(server.url)
        await recorded(tmp_path / "tape.json", lambda: chat_completion([message], config))

    (exchange,) = exchanges_in(tmp_path / "tape.json")
    url = exchange["request"]["json"]["messages"][0]["content"][0]["image_url"]["url"]

    assert url["data_url"] == "data:image/png;base64," and url["bytes"] == 72


# What is not in it


def echo(request: RecordedRequest) -> Answer:
    """Repeats every key wherever it can: as it is, compressed, and cut between two events' pieces."""
    said = f"{request.headers['authorization']} and {AUDIO_KEY} and {LOOKS_LIKE_ONE}"
    word = request.json["messages"][-1]["content"].split()[0]
    headers = {"X-Request-Id": f"req-{KEY}", "Set-Cookie": "session=cookie-of-mine", "X-Echo": said}
    error = {"error": {"message": said}, KEY: said}
    match word:
        case "refuse":
            return answer(401, body=error, headers=headers)
        case "compress":
            return answer(
                400, body=gzip.compress(said.encode()), headers={**headers, "Content-Encoding": "gzip"}
            )
        case "bomb":
            return answer(200, body=said.encode(), headers={**headers, "Content-Encoding": "gzip"})
        case "binary":
            return answer(200, body=said.encode() + b"\xff", headers=headers)
        case "redirect":
            return answer(307, headers={**headers, "Location": f"http://elsewhere/{KEY}?key={KEY}"})
        case "stream":
            event = f"data: {json.dumps({'choices': [{'delta': {'content': said}}]})}\n\n"
            return answer(200, body=event.encode(), headers={**headers, "Content-Type": "text/event-stream"})
    return completion(said)


async def test_no_key_and_no_cookie_is_anywhere_in_it(tmp_path: Path) -> None:
    pasted = f"my key is {KEY}, or was it {AUDIO_KEY}? or {LOOKS_LIKE_ONE}"

    async def streamed() -> list[str]:
        messages = [{"role": "user", "content": f"stream {pasted}"}]
        return [chunk.text async for chunk in stream_chat(messages, config)]

    with fault_server() as server, recording(tmp_path / "tape.json"):
        server.respond = echo
        config = GatewayConfig(
            server.url,
            api_key=KEY,
            routing_mode="audio_text",
            audio_base_url="http://127.0.0.1:9",
            audio_api_key=AUDIO_KEY,
        )
        for word in ("fine", "refuse", "compress", "bomb", "binary", "redirect"):
            messages = [{"role": "user", "content": f"{word} {pasted}"}]
            await outcome_of(lambda messages=messages: chat_completion(messages, config))  # type: ignore[misc]  # a default is a binding
        await outcome_of(streamed)

    text = (tmp_path / "tape.json").read_text()
    decoded = [base64.b64decode(one).decode("latin-1") for one in re.findall('"base64": "([^"]+)"', text)]
    assert len(exchanges_in(tmp_path / "tape.json")) == 7
    assert len(decoded) == 2
    for secret in (KEY, AUDIO_KEY, LOOKS_LIKE_ONE, "cookie-of-mine", "Bearer kept"):
        assert secret not in "".join([text, *decoded])
        assert base64.b64encode(secret.encode()).decode() not in text


async def test_a_question_with_a_key_in_it_is_found_again(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": f"Is {KEY} a good key, or {LOOKS_LIKE_ONE}?"}]
    with fault_server(completion("No.")) as server:
        config = GatewayConfig(server.url, api_key=KEY)
        first = await recorded(tmp_path / "tape.json", lambda: chat_completion(messages, config))

    with replaying(tmp_path / "tape.json"):
        again = await chat_completion(messages, config)
        elsewhere = await chat_completion(messages, GatewayConfig(server.url))

    assert again == elsewhere == first


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = recorded_file(tmp_path / "tape.json", "Hello?")
    path.chmod(0o644)

    recorded_file(path, "Hello again?")

    assert path.stat().st_mode & 0o777 == 0o600


# When it is there


def test_it_is_whole_after_every_exchange(tmp_path: Path) -> None:
    file = CassetteFile(tmp_path / "tape.json")
    counts = [len(exchanges_in(file.path))]

    for number in range(3):
        file.add(exchange_about(f"Question {number}?", said="Half a character: \ud83c"))
        counts.append(len(exchanges_in(file.path)))

    assert counts == [0, 1, 2, 3]
    assert list(tmp_path.iterdir()) == [file.path]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
async def test_what_was_recorded_outlives_the_process(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        "from ipy_gateway import GatewayConfig, chat_completion, recording\n"
        "with recording('tape.json'):\n"
        "    config = GatewayConfig(sys.argv[1])\n"
        "    asyncio.run(chat_completion([{'role': 'user', 'content': 'Hello?'}], config))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with fault_server(completion("Fine.")) as server:
        done = subprocess.run(
            [sys.executable, "-c", program, server.url], cwd=tmp_path, check=False, timeout=60
        )

    assert done.returncode == -signal.SIGKILL
    assert len(exchanges_in(tmp_path / "tape.json")) == 1


@pytest.mark.parametrize("cut_bytes", [1, 3, 30])
def test_of_one_that_was_cut_short_the_whole_exchanges_are_read(tmp_path: Path, cut_bytes: int) -> None:
    path = recorded_file(tmp_path / "tape.json", "One?", "Two?")
    path.write_bytes(path.read_bytes()[:-cut_bytes])

    assert len(read_cassette(path)) == (1 if cut_bytes == 30 else 2)


def test_what_was_recorded_before_stays_until_there_is_something_new(tmp_path: Path) -> None:
    path = recorded_file(tmp_path / "tape.json", "Before?")

    file = CassetteFile(path)
    (before,) = read_cassette(path)
    file.add(exchange_about("Now?"))
    (after,) = read_cassette(path)

    assert "Before?" in str(before.request.body)
    assert "Now?" in str(after.request.body)


async def test_a_recording_that_can_not_be_written_loses_no_answer(tmp_path: Path) -> None:
    with fault_server(completion("Fine.")) as server, recording(tmp_path / "tape.json"):
        config = GatewayConfig(server.url)
        await chat_completion(HELLO, config)
        (tmp_path / "tape.json").write_text("somebody else's")

        with pytest.warns(CassetteWarning, match="was changed while it was recorded") as warned:
            answers = [await chat_completion(HELLO, config) for _ in range(2)]

    assert [one["choices"][0]["message"]["content"] for one in answers] == ["Fine.", "Fine."]
    assert len(warned) == 1
    assert (tmp_path / "tape.json").read_text() == "somebody else's"


# What is none


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "'tape.json' is no cassette: it is not JSON"),
        ("Dear diary", "'tape.json' is no cassette: it is not JSON"),
        ('{"messages": []}', "'tape.json' is no cassette: it has no 'ipy_gateway_cassette'"),
        ('{"ipy_gateway_cassette": 1}', "'tape.json' is no cassette: it has no list of exchanges"),
        (
            '{"ipy_gateway_cassette": 1, "exchanges": [{"request": 3}]}',
            "'tape.json' is no cassette: it has an entry 1 that is no exchange",
        ),
        (
            '{"ipy_gateway_cassette": 1, "exchanges": [{"request": {"method": "GET", "url": "http://a"}, '
            '"response": {"status": 200, "events": [1]}}]}',
            "'tape.json' is no cassette: it has an entry 1 that is no exchange",
        ),
        ('{"ipy_gateway_cassette": 1, "exchanges": [{"a": 1} {}]}', "'tape.json' is no cassette: it is not"),
        ('{"ipy_gateway_cassette": 9, "later": {}}', "'tape.json' was recorded by a newer ipy_gateway: its"),
        ('{"ipy_gateway_cassette": 9, "exchanges": [{', "'tape.json' was recorded by a newer ipy_gateway"),
    ],
)
def test_a_file_that_is_no_cassette_is_said_to_be_none(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "tape.json").write_text(content)

    with pytest.raises(InvalidRequestError) as caught, replaying(tmp_path / "tape.json"):
        pass

    assert caught.value.message.startswith(sentence)


def test_a_cassette_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"There is no file '.*tape\.json'"):
        replaying(tmp_path / "tape.json").__enter__()


def test_another_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text('{"mine": true}')

    with pytest.raises(InvalidRequestError, match=r"'notes\.json' is not overwritten, because it is"):
        recording(tmp_path / "notes.json").__enter__()

    assert (tmp_path / "notes.json").read_text() == '{"mine": true}'


def test_a_name_that_no_file_can_have_is_said_to_be_none() -> None:
    for begin in (recording, replaying):
        with pytest.raises(InvalidRequestError, match="null"):
            begin("a\0b.json").__enter__()


@pytest.mark.parametrize("folder", ["nowhere", "/proc"])
def test_a_folder_that_takes_no_file_is_named(tmp_path: Path, folder: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(folder)):
        recording(tmp_path / folder / "tape.json").__enter__()


# What is not there


async def test_a_request_that_is_not_there_is_an_error_that_shows_the_difference(tmp_path: Path) -> None:
    def ask(text: str, **params: Any) -> Any:
        messages = [{"role": "system", "content": "Be brief. " * 20}, {"role": "user", "content": text}]
        return chat_completion(messages, config, **params)

    with fault_server(completion("Fine.")) as server, recording(tmp_path / "tape.json"):
        config = GatewayConfig(server.url, api_key=KEY)
        await ask("What is a decibel?", temperature=0.5, seed=1)
        await ask("Who was Bell, the inventor of so many things that his name became a unit, the bel?")

    error = await replayed(tmp_path / "tape.json", lambda: ask(f"What is {KEY}?", temperature=0.7, seed=1))

    assert isinstance(error, ReplayError)
    assert error.message == (
        f"POST {server.url}/v1/chat/completions is not in the cassette 'tape.json': the nearest request "
        "there differs in messages[1].content, temperature; nothing was sent."
    )
    assert error.hint.splitlines() == [
        "Take the change back, or record it again: %gateway record tape.json",
        '  messages[1].content: recorded "What is a decibel?", now "What is **********?"',
        "  temperature: recorded 0.5, now 0.7",
    ]
    assert len(server.requests) == 2


async def test_a_request_unlike_all_that_were_recorded_is_an_error_too(tmp_path: Path) -> None:
    path = recorded_file(tmp_path / "tape.json")

    error = await replayed(path, lambda: chat_completion(HELLO, GatewayConfig("http://127.0.0.1:9")))

    assert str(error) == (
        "POST http://127.0.0.1:9/v1/chat/completions is not in the cassette 'tape.json', nor any request "
        "like it; nothing was sent. To have it answered, record it again: %gateway record tape.json"
    )


async def test_the_difference_of_long_texts_is_shown_where_it_is(tmp_path: Path) -> None:
    path = recorded_file(tmp_path / "tape.json", f"{'so it goes on ' * 50} and ends well")
    question = [{"content": f"{'so it goes on ' * 50} and ends badly", "role": "user"}]

    error = await replayed(path, lambda: chat_completion(question, GatewayConfig("http://a")))

    assert isinstance(error, ReplayError)
    assert 'recorded …s on  and ends well", now …s on  and ends badly"' in error.hint
