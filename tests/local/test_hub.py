"""Speech models of the hub are fetched in a way that can be watched and left."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from ..support.loopback import http_server

SHA = "a" * 40
REPOSITORY = "Systran/faster-whisper-small"
PRELUDE = """
import asyncio, os, psutil
from ipy_gateway import *
from ipy_gateway.core.waiting.progress import progress_to
small, tiny = GatewayConfig(audio_model="small"), GatewayConfig()
recording = open(os.environ["RECORDING"], "rb").read()

async def fetch_half_of_it():
    global fetching
    told, loop = asyncio.Event(), asyncio.get_running_loop()
    def hear(progress):
        if progress.done_bytes > 30_000_000:
            loop.call_soon_threadsafe(told.set)
    with progress_to(hear):
        fetching = asyncio.create_task(transcribe_audio(recording, small))
    await told.wait()
"""
HANG_S = 120.0


class Hub:
    """A hub on loopback that has Whisper tiny.en under another name, and stops in the middle of it."""

    def __init__(self, files: Path) -> None:
        self.files = {path.name: path.read_bytes() for path in files.iterdir() if path.is_file()}
        self.requests = 0
        self.may_go_on = threading.Event()
        self.url = ""


def handler_of(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            hub.requests += 1
            path = self.path.partition("?")[0]
            name = path.rpartition("/")[2]
            files = [{"rfilename": file, "size": len(content)} for file, content in hub.files.items()]
            tree = [
                {"type": "file", "path": file, "size": len(content), "oid": file}
                for file, content in hub.files.items()
            ]
            if not path.startswith((f"/api/models/{REPOSITORY}", f"/{REPOSITORY}/resolve/")):
                self.send_error(404)
            elif "/tree/" in path:
                self.send(json.dumps(tree).encode(), with_body=with_body)
            elif path.startswith("/api/"):
                about = {"id": REPOSITORY, "sha": SHA, "siblings": files}
                self.send(json.dumps(about).encode(), with_body=with_body)
            elif name in hub.files:
                self.send(hub.files[name], with_body=with_body, etag=name)
            else:
                self.send_error(404)

        def send(self, body: bytes, *, with_body: bool, etag: str = "json") -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("ETag", f'"{etag}"')
            self.send_header("X-Repo-Commit", SHA)
            self.end_headers()
            if not with_body:
                return
            half = len(body) // 2
            self.wfile.write(body[:half])
            if len(body) > 10_000_000:
                hub.may_go_on.wait(5 * HANG_S)
            self.wfile.write(body[half:])

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def hub(speech_model: Path) -> Iterator[Hub]:
    hub = Hub(speech_model)
    with http_server(handler_of(hub)) as hub.url:
        yield hub
        hub.may_go_on.set()


@pytest.fixture
def machine(hub: Hub, tmp_path: Path, note: Path) -> dict[str, str]:
    """The environment of a machine whose hub is ours, and whose cache is empty."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return {**variables, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "RECORDING": str(note)}


def run_python(code: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        capture_output=True,
        text=True,
        timeout=HANG_S,
        env=environment,
    )


def test_a_fetch_that_nobody_waits_for_blocks_neither_speech_nor_the_exit(
    machine: dict[str, str], hub: Hub
) -> None:
    code = """
async def main():
    await fetch_half_of_it()
    fetching.cancel()
    await asyncio.wait([fetching])
    print("Peter Wilson" in await transcribe_audio(recording, tiny))
    print(len(psutil.Process().children()))
asyncio.run(main())
"""
    ended = run_python(code, machine)

    assert ended.stdout.split() == ["True", "0"], ended.stderr
    assert not hub.may_go_on.is_set()  # it still has the other half


def test_while_a_model_is_fetched_the_others_work(machine: dict[str, str]) -> None:
    code = """
async def main():
    await fetch_half_of_it()
    print(await transcribe_audio(recording, tiny), fetching.done())
    fetching.cancel()
asyncio.run(main())
"""
    ended = run_python(code, machine)

    assert "Peter Wilson" in ended.stdout, ended.stderr
    assert ended.stdout.endswith("False\n")


def test_a_model_is_fetched_with_progress_and_then_found_without_network(
    machine: dict[str, str], hub: Hub
) -> None:
    hub.may_go_on.set()
    code = """
seen = []
with progress_to(seen.append):
    text = asyncio.run(transcribe_audio(recording, small))
print(text, len(seen), seen[-1:])
"""
    first = run_python(code, machine)
    requests = hub.requests
    second = run_python(code, machine)
    offline = run_python(code, {**machine, "HF_HUB_OFFLINE": "1"})

    assert "Peter Wilson" in first.stdout, first.stderr
    assert f"what='{REPOSITORY}'" in first.stdout
    assert "Peter Wilson" in second.stdout
    assert "Peter Wilson" in offline.stdout
    assert hub.requests == requests


@pytest.mark.parametrize(
    ("model", "variables", "reason"),
    [
        ("nobody/nothing", {}, "404"),
        ("small", {"HF_HUB_OFFLINE": "1"}, "can't be fetched from the hub"),
        ("small", {"HF_ENDPOINT": "http://127.0.0.1:9"}, "can't be fetched from the hub"),
    ],
)
def test_a_model_that_is_not_to_be_had_is_one_sentence(
    machine: dict[str, str], model: str, variables: dict[str, str], reason: str
) -> None:
    code = f"""
try:
    asyncio.run(transcribe_audio(recording, GatewayConfig(audio_model={model!r})))
except ConfigurationError as error:
    print(error.message)
"""
    ended = run_python(code, {**machine, **variables})

    assert ended.stdout.startswith(f"The speech model '{model if '/' in model else REPOSITORY}'"), (
        ended.stderr
    )
    assert reason in ended.stdout
    assert ended.stdout.count("\n") == 1
