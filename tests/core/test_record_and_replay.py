"""What was recorded with a server is what comes without one."""

import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import (
    ChatChunk,
    ConfigurationError,
    GatewayConfig,
    ReplayError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    chat_completion,
    journal_entries,
    list_models,
    recording,
    replaying,
    stream_chat,
    stream_transcription,
    transcribe,
    transcribe_audio,
)
from ipy_gateway.core.recordings.recording_url import fetch_recording
from ipy_gateway.core.requests import servers

from ..support.cassettes import exchanges_in, outcome_of, recorded, replayed
from ..support.fault_server import Answer, answer, completion, fault_server
from ..support.hearing_server import Ear, hearing_server
from ..support.loopback import silent_server, streaming_server
from ..support.tones import spoken, wav

Ask = Callable[[GatewayConfig], Awaitable[Any]]
HELLO = [{"role": "user", "content": "Hello?"}]
MODELS = answer(body={"data": [{"id": "tiny"}]})
LOADING = answer(503, body={"error": {"message": "Loading model"}})
BUSY = answer(429, body={"error": {"message": "Slow down"}}, headers={"Retry-After": "0.01"})


async def chat(config: GatewayConfig) -> Any:
    return await chat_completion(HELLO, config, temperature=0.5)


async def streamed(config: GatewayConfig) -> list[ChatChunk]:
    return [chunk async for chunk in stream_chat(HELLO, config)]


def said(outcome: Any) -> Any:
    """What can be compared of an answer or an error."""
    if isinstance(outcome, UpstreamError):
        return type(outcome), {**vars(outcome)}
    return outcome, vars(outcome) if hasattr(outcome, "__dict__") else {}


@pytest.mark.parametrize(
    ("ask", "answers"),
    [
        (chat, [completion("Grüße 🎈 from sk-learn")]),
        (list_models, [MODELS]),
        (chat, [answer(400, body={"error": {"message": "no such temperature"}})]),
        (chat, [answer(200, body=b"<html>A portal</html>", headers={"Content-Type": "text/html"})]),
        (chat, [answer(200, body=b"\x00\xff\xfe no text")]),
        (chat, [answer(200, body=b"plain", headers={"Content-Encoding": "gzip"})]),
        (chat, [answer(307, headers={"Location": "http://127.0.0.1/elsewhere"})]),
        (chat, [BUSY, completion("After a while.")]),
        (chat, [BUSY, BUSY, BUSY]),
        (chat, [Answer(b"what?\r\n\r\n", closes=True)]),
        (chat, [Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", closes=True)]),
        (streamed, [completion("In one piece.")]),
    ],
)
async def test_an_answer_or_an_error_is_the_same_without_the_server(
    tmp_path: Path, ask: Ask, answers: list[Answer]
) -> None:
    with fault_server(*answers) as server:
        config = GatewayConfig(server.url)
        first = await recorded(tmp_path / "tape.json", lambda: ask(config))

    second = await replayed(tmp_path / "tape.json", lambda: ask(config))

    assert said(second) == said(first)
    assert len(exchanges_in(tmp_path / "tape.json")) == len(answers)


async def test_a_refused_connection_is_refused_again_with_the_same_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = GatewayConfig(f"http://127.0.0.1:{taken.getsockname()[1]}")
    first = await recorded(tmp_path / "tape.json", lambda: chat(config))

    second = await replayed(tmp_path / "tape.json", lambda: chat(config))

    assert "refused" in str(first)
    assert said(second) == said(first)


@pytest.mark.parametrize("ask", [chat, streamed, list_models])
async def test_what_took_too_long_takes_too_long_again_at_once(tmp_path: Path, ask: Ask) -> None:
    with silent_server() as server:
        config = GatewayConfig(server.url, timeout_s=0.2, first_token_timeout_s=0.2)
        first = await recorded(tmp_path / "tape.json", lambda: ask(config))
    with replaying(tmp_path / "tape.json"):
        second = await asyncio.wait_for(outcome_of(lambda: ask(replace(config, timeout_s=3600.0))), 60)

    assert isinstance(first, UpstreamTimeoutError)
    assert isinstance(second, UpstreamTimeoutError)


async def test_a_server_that_loads_its_model_is_not_waited_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_server(LOADING, completion("Here I am.")) as server:
        config = GatewayConfig(server.url)
        await recorded(tmp_path / "tape.json", lambda: chat(config))
    monkeypatch.setattr("ipy_gateway.core.requests.asking.LOADING_POLL_S", 3600.0)

    outcome = await asyncio.wait_for(replayed(tmp_path / "tape.json", lambda: chat(config)), 60)

    assert not isinstance(outcome, Exception)
    assert outcome["choices"][0]["message"]["content"] == "Here I am."


async def test_a_stream_comes_again_piece_by_piece(tmp_path: Path) -> None:
    with streaming_server("Good ", "mor", "ning, ", "Zoë") as url:
        config = GatewayConfig(url)
        first = await recorded(tmp_path / "tape.json", lambda: streamed(config))

    second = await replayed(tmp_path / "tape.json", lambda: streamed(config))

    assert second == first
    (exchange,) = exchanges_in(tmp_path / "tape.json")
    assert len(exchange["response"]["events"]) == 6


async def test_a_stream_that_broke_off_breaks_off_at_the_same_place(tmp_path: Path) -> None:
    event = b'data: {"choices": [{"delta": {"content": "Half a"}}]}\n\n'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n"
    with fault_server(Answer(head + event, closes=True)) as server:
        config = GatewayConfig(server.url)
        first = await recorded(tmp_path / "tape.json", lambda: streamed(config))

    second = await replayed(tmp_path / "tape.json", lambda: streamed(config))

    assert isinstance(first, UpstreamError) and first.partial_text == "Half a"
    assert said(second) == said(first)


async def test_a_stream_that_was_interrupted_gives_way_to_the_next_that_was_not(tmp_path: Path) -> None:
    silence = threading.Event()
    with recording(tmp_path / "tape.json"), streaming_server("Good ", silence, "morning") as url:
        config = GatewayConfig(url)
        interrupted = asyncio.ensure_future(streamed(config))
        await asyncio.sleep(0.2)
        interrupted.cancel()
        await asyncio.wait([interrupted])
        silence.set()
        whole = await streamed(config)

    second = await replayed(tmp_path / "tape.json", lambda: streamed(config))

    assert [one.get("is_complete", True) for one in exchanges_in(tmp_path / "tape.json")] == [False, True]
    assert second == whole


@pytest.mark.parametrize("dialect", ["chat", "json", "segments"])
async def test_a_recording_is_transcribed_in_the_way_that_was_found_out(tmp_path: Path, dialect: Any) -> None:
    ear = Ear(dialect)
    sound = wav(spoken(range(100), pause_s=0.5, pause_every=5))

    with hearing_server(ear) as server:
        config = GatewayConfig(server.url, window_s=30)
        first = await recorded(tmp_path / "tape.json", lambda: transcribe(sound, config))
    second = await replayed(tmp_path / "tape.json", lambda: transcribe(sound, config))

    assert first == second
    assert not isinstance(first, Exception) and first.text.split()[:2] == ["w0", "w1"]
    assert len(ear.windows_s) > 1


@pytest.mark.parametrize("api", ["chat", "transcriptions"])
async def test_a_short_recording_is_transcribed_and_streamed_without_the_server(
    tmp_path: Path, api: Any, tone: bytes
) -> None:
    async def both() -> Any:
        chunks = [chunk async for chunk in stream_transcription(tone, config)]
        return await transcribe_audio(tone, config), chunks

    spoken_text = completion("A tone.") if api == "chat" else answer(body={"text": "A tone."})
    with fault_server(spoken_text) as server:
        config = GatewayConfig(server.url, audio_api=api)
        first = await recorded(tmp_path / "tape.json", both)

    assert await replayed(tmp_path / "tape.json", both) == first
    assert not isinstance(first, Exception) and first[0] == "A tone."


async def test_the_journal_neither_answers_nor_keeps_meanwhile(tmp_path: Path) -> None:
    sound, ear = wav(spoken(range(10))), Ear("json")

    with hearing_server(ear) as server:
        config = GatewayConfig(server.url)
        await transcribe(sound, config)
        before = journal_entries()
        await recorded(tmp_path / "tape.json", lambda: transcribe(sound, config))
        await replayed(tmp_path / "tape.json", lambda: transcribe(sound, config))

    assert len(ear.windows_s) == 2
    assert journal_entries() == before


async def test_what_is_known_of_a_server_neither_enters_a_recording_nor_leaves_it(tmp_path: Path) -> None:
    servers.board.learn_audio_api("http://somewhere", "transcriptions")

    with recording(tmp_path / "tape.json"):
        inside = servers.board.audio_api("http://somewhere")
        servers.board.learn_audio_api("http://somewhere", "chat")

    assert inside is None
    assert servers.board.audio_api("http://somewhere") == "transcriptions"


async def test_equal_requests_are_answered_in_their_order_and_then_as_the_last(tmp_path: Path) -> None:
    async def ask_twice() -> list[str]:
        return [(await chat(config))["choices"][0]["message"]["content"] for _ in range(2)]

    with fault_server(completion("One."), completion("Two.")) as server:
        config = GatewayConfig(server.url)
        await recorded(tmp_path / "tape.json", ask_twice)

    with replaying(tmp_path / "tape.json"):
        assert await ask_twice() == ["One.", "Two."]
        assert await ask_twice() == ["Two.", "Two."]


async def test_each_of_two_servers_answers_as_it_did_and_a_third_as_any(tmp_path: Path) -> None:
    async def ask_both() -> None:
        for server in (a, b):
            await chat(GatewayConfig(server.url))

    with fault_server(completion("I am A.")) as a, fault_server(completion("I am B.")) as b:
        await recorded(tmp_path / "tape.json", ask_both)

    with replaying(tmp_path / "tape.json"):
        of_b = await chat(GatewayConfig(b.url))
        elsewhere = await chat(GatewayConfig("https://elsewhere.example/openai/v1", api_key="another-key"))

    assert of_b["choices"][0]["message"]["content"] == "I am B."
    assert elsewhere["choices"][0]["message"]["content"] == "I am A."


async def test_the_embedded_engine_is_not_asked_either(tmp_path: Path) -> None:
    def ask() -> Awaitable[Any]:
        return chat_completion(HELLO, GatewayConfig(), model="no such model")

    first = await recorded(tmp_path / "tape.json", ask)
    content = json.loads((tmp_path / "tape.json").read_text())
    content["exchanges"][0]["response"] = {
        "status": 200,
        "headers": {"content-type": "application/json"},
        "json": {"choices": [{"message": {"role": "assistant", "content": "Not from an engine."}}]},
    }
    (tmp_path / "tape.json").write_text(json.dumps(content))

    second = await replayed(tmp_path / "tape.json", ask)

    assert isinstance(first, UpstreamResponseError)
    assert not isinstance(second, Exception)
    assert second["choices"][0]["message"]["content"] == "Not from an engine."


NOTHING_LEAVES = """
import asyncio, sys
from ipy_gateway import GatewayConfig, chat_completion, replaying, transcribe

def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen"):
        sys.exit(f"{event} {arguments}")

async def ask():
    config = GatewayConfig("https://no-such-host.example", audio_api="chat")
    hello = [{"role": "user", "content": "Hello?"}]
    for one in (config, GatewayConfig()):
        print((await chat_completion(hello, one, model="tiny"))["choices"][0]["message"]["content"])
    print((await transcribe("tone.wav", config)).text)

sys.addaudithook(watch)
with replaying("tape.json"):
    asyncio.run(ask())
"""


async def test_nothing_is_connected_to_looked_up_or_started(tmp_path: Path, tone: bytes) -> None:
    async def ask() -> None:
        await chat_completion(HELLO, config, model="tiny")
        await transcribe(tone, config)

    (tmp_path / "tone.wav").write_bytes(tone)
    with fault_server(completion("Fine.")) as server:
        config = GatewayConfig(server.url, audio_api="chat")
        await recorded(tmp_path / "tape.json", ask)

    done = subprocess.run(
        [sys.executable, "-c", NOTHING_LEAVES], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.stdout.split(), done.stderr) == (["Fine."] * 3, "")


async def test_a_recording_from_an_address_is_in_the_cassette(tmp_path: Path, tone: bytes) -> None:
    async def fetch() -> bytes:
        path = tmp_path / f"tone-{len(list(tmp_path.iterdir()))}.wav"
        await fetch_recording(f"{server.url}/tone.wav?signature=1234", path, GatewayConfig())
        return path.read_bytes()

    elsewhere = answer(302, headers={"Location": "/other.wav"})
    with fault_server(elsewhere, answer(body=tone, headers={"Content-Type": "audio/wav"})) as server:
        first = await recorded(tmp_path / "tape.json", fetch)

    assert first == await replayed(tmp_path / "tape.json", fetch) == tone
    assert "signature" not in (tmp_path / "tape.json").read_text()


async def test_an_error_of_the_embedded_engine_is_raised_again(tmp_path: Path) -> None:
    config = GatewayConfig("local://elsewhere")
    first = await recorded(tmp_path / "tape.json", lambda: chat(config))

    second = await replayed(tmp_path / "tape.json", lambda: chat(config))

    assert isinstance(first, ConfigurationError)
    assert (type(second), str(second)) == (type(first), str(first))


async def test_a_window_that_no_cassette_holds_is_an_error_and_no_gap(tmp_path: Path) -> None:
    sound, shorter = (wav(spoken(range(count), pause_s=0.5, pause_every=5)) for count in (100, 98))
    with hearing_server(Ear("json")) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", window_s=30)
        await recorded(tmp_path / "tape.json", lambda: transcribe(sound, config))

    outcome = await replayed(tmp_path / "tape.json", lambda: transcribe(shorter, config))

    assert isinstance(outcome, ReplayError)
    assert "file.sha256" in outcome.message


async def test_blocks_on_two_loops_have_each_their_own_cassette(tmp_path: Path) -> None:
    def in_a_thread(number: int) -> None:
        with fault_server(completion(f"I am {number}.")) as server:
            config = GatewayConfig(server.url)
            asyncio.run(recorded(tmp_path / f"{number}.json", lambda: chat(config)))

    with replaying(_empty(tmp_path)):
        await asyncio.gather(*(asyncio.to_thread(in_a_thread, number) for number in range(2)))
        here = await outcome_of(lambda: chat(GatewayConfig("http://127.0.0.1:9")))

    assert [len(exchanges_in(tmp_path / f"{number}.json")) for number in range(2)] == [1, 1]
    assert isinstance(here, ReplayError)


def _empty(folder: Path) -> Path:
    with recording(folder / "empty.json"):
        pass
    return folder / "empty.json"
