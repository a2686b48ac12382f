"""The key of a server, looked for wherever a notebook could show it."""

import base64
import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager

from .support.loopback import http_server

KEY = f"sk-{secrets.token_hex(24)}"
PART_CHARACTERS = 12  # half a key is too much of it, too
CELL_S = 60.0
TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*m")

LOG_EVERYTHING = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, force=True)
logging.getLogger().addHandler(logging.StreamHandler(sys.__stderr__))
"""
LOAD = "%load_ext ipy_gateway"
CONFIGURE = """
import dataclasses, os, pickle, traceback
from ipy_gateway import GatewayConfig, chat_completion, list_models, stream_chat, transcribe_audio
config = dataclasses.replace(GatewayConfig.from_env(), audio_api="transcriptions")
def asked(text):
    return [{"role": "user", "content": text}]
async def streamed(text):
    return [chunk async for chunk in stream_chat(asked(text), config)]
"""
SHOW_CONFIG = """
%gateway
print(config, repr(config), str(config), f"{config!r:.500}", config.api_key, [config.api_key])
print(vars(config), dataclasses.asdict(config), dataclasses.astuple(config), config.__reduce_ex__(4))
print(pickle.dumps(config), pickle.dumps(config.api_key), pickle.loads(pickle.dumps(config)))
vars(config)
"""
# What the server does is the last word of a question.
FAULTS = [
    *("refuse", "page", "text", "redirect", "error-in-200", "not-json"),
    *("bomb", "encoding", "hang-up", "garbage"),
]
STREAM_FAULTS = ["refuse", "error-in-stream", "no-json-in-stream", "cut", "bad-chunk"]
STREAM_ENDS = ("error-in-stream", "no-json-in-stream", "cut")
KEEP_ERROR = """
try:
    {failing}
except Exception as error:
    caught = error
print(repr(caught), caught.args, vars(caught), pickle.dumps(caught))
print(*traceback.format_exception(caught))
"""
WRAP_ERROR = """
try:
    {failing}
except Exception as error:
    raise RuntimeError("in a function of the user") from error
"""


MAKE_SOUND = """
import io, wave
file = io.BytesIO()
with wave.open(file, "wb") as w:
    w.setparams((1, 2, 16000, 0, "NONE", ""))
    w.writeframes(bytes(32000))
sound = file.getvalue()
"""
SETUP = [LOG_EVERYTHING, LOAD, CONFIGURE, SHOW_CONFIG, MAKE_SOUND]
SUCCEEDING = ["%%chat\nfine", "await chat_completion(asked('fine'), config)", "await streamed('fine')"]
FAILING_MAGICS = [f"%%chat\n{fault}" for fault in FAULTS]
FAILING = [
    *(f"await chat_completion(asked('{fault}'), config)" for fault in FAULTS),
    *(f"await streamed('{fault}')" for fault in STREAM_FAULTS),
    *("await transcribe_audio(sound, config)", "await list_models(config)"),
]


def cells() -> list[str]:
    """What people do in notebooks; no cell holds the key."""
    return [
        *(*SETUP, *SUCCEEDING, *FAILING_MAGICS, *FAILING),
        "%xmode Verbose",
        *(*FAILING_MAGICS, *FAILING),
        *(KEEP_ERROR.format(failing=one) for one in FAILING),
        *(WRAP_ERROR.format(failing=one) for one in FAILING),
        "%gateway set timeout_s=nonsense",
        "GatewayConfig(text_base_url='nonsense', api_key=config.api_key)",
        "GatewayConfig(text_base_url=os.environ['IPY_GATEWAY_API_KEY'])",
        "GatewayConfig(timeout_s=os.environ['IPY_GATEWAY_API_KEY'])",
        "%tb",
        "%whos",
        *SUCCEEDING,
    ]


def cells_to_save() -> list[str]:
    """Those of them whose outputs say most."""
    return [*SETUP, *SUCCEEDING, "%xmode Verbose", *FAILING_MAGICS, *FAILING]


class EchoingHandler(BaseHTTPRequestHandler):
    """Repeats the key of every request wherever it can."""

    protocol_version = "HTTP/1.1"
    keys: set[str]

    def do_GET(self) -> None:
        self._refuse()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.path.endswith("/chat/completions"):
            self._refuse()
            return
        request = json.loads(body)
        word = request["messages"][-1]["content"]
        if word == "fine" or (request.get("stream") and word in STREAM_ENDS):
            self._succeed(request, word)
        else:
            self._fail(word)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    @property
    def _key(self) -> str:
        key = self.headers["Authorization"].removeprefix("Bearer ")
        self.keys.add(key)
        return str(key)

    def _succeed(self, request: dict[str, Any], word: str) -> None:
        if not request.get("stream"):
            choice = {"message": {"role": "assistant", "content": "Fine."}, "finish_reason": "stop"}
            self._send(200, json.dumps({"model": "echo", "choices": [choice]}), "application/json")
            return
        delta = {"choices": [{"index": 0, "delta": {"content": "Fine."}}]}
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        last = {"error-in-stream": {"error": self._sentence}, "no-json-in-stream": self._sentence}
        events = [delta, last.get(word, end)][: 1 if word == "cut" else 2]
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        self._send(200, text, "text/event-stream")

    def _fail(self, word: str) -> None:
        error = json.dumps({"error": {"message": self._sentence, "code": self._key}})
        if word == "page":
            page = f"<html><title>Gone: {self._key}</title>{self._key}</html>"
            self._send(502, page, "text/html")
        elif word == "text":
            self._send(404, self._sentence, "text/plain")
        elif word == "redirect":
            self._send(307, "", "text/plain", Location=f"http://elsewhere/{self._key}?key={self._key}")
        elif word == "error-in-200":
            self._send(200, error, "application/json")
        elif word == "not-json":
            self._send(200, self._sentence, "application/json")
        elif word == "bomb":
            self._send(200, self._sentence, "application/json", Content_Encoding="gzip")
        elif word == "encoding":
            self._send(200, self._sentence, "application/json", Content_Encoding=f"gzip, {self._key}")
        elif word == "hang-up":
            self.close_connection = True
        elif word == "bad-chunk":
            event = 'data: {"choices": [{"delta": {"content": "Fine."}}]}\n\n'
            head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.wfile.write(f"{head}{len(event):x}\r\n{event}\r\n{self._key}\r\n".encode())
            self.close_connection = True
        elif word == "garbage":
            self.wfile.write(f"{self._key} what?\r\n{self._key}\r\n\r\n".encode())
            self.close_connection = True
        else:
            self._send(401, error, "application/json")

    def _refuse(self) -> None:
        self._fail("refuse")

    @property
    def _sentence(self) -> str:
        return f"Incorrect API key provided: {self._key}. You sent Bearer {self._key}"

    def _send(self, status: int, text: str, content_type: str, **headers: str) -> None:
        body = text.encode()
        self.send_response(status, f"Whatever {self._key}")
        echo = {"X-Request-Id": f"req-{self._key}", "X-Echo": f"Bearer {self._key}", "Server": self._key}
        for name, value in {**echo, **headers, "Content-Type": content_type}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@dataclass
class EchoingServer:
    """Attributes:
    url: its base URL.
    keys: the keys that came.
    """

    url: str = ""
    keys: set[str] = field(default_factory=set)


@contextmanager
def echoing_server() -> Iterator[EchoingServer]:
    server = EchoingServer()

    class Handler(EchoingHandler):
        keys = server.keys

    with http_server(Handler) as server.url:
        yield server


def environment(server: EchoingServer, folder: Path) -> dict[str, str]:
    ours = {"IPY_GATEWAY_API_KEY": KEY, "IPY_GATEWAY_TEXT_BASE_URL": server.url}
    shell = {"IPY_GATEWAY_MAX_RETRIES": "0", "IPYTHONDIR": str(folder / "ipython")}
    return {**os.environ, **ours, **shell, "PYTHONASYNCIODEBUG": "1"}


@dataclass
class Scanned:
    """What a kernel gave away while it ran the cells.

    Attributes:
        messages: by cell, what came on iopub and as the reply to it.
        streams: what the process wrote to its own stdout and stderr.
        keys: the keys that reached the server.
    """

    messages: list[tuple[str, str]] = field(default_factory=list)
    streams: str = ""
    keys: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    """A kernel that has run the cells."""
    folder = tmp_path_factory.mktemp("secrets")
    found = Scanned()
    with echoing_server() as server, (folder / "streams").open("wb") as streams:
        manager = KernelManager(kernel_name="python3")
        assert manager.kernel_spec
        manager.kernel_spec.argv[0] = sys.executable
        environ = environment(server, folder)
        manager.start_kernel(cwd=str(folder), env=environ, stdout=streams, stderr=streams)
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=CELL_S)
            for cell in cells():
                seen: list[Any] = []
                reply = client.execute_interactive(
                    cell, allow_stdin=False, stop_on_error=False, output_hook=seen.append, timeout=CELL_S
                )
                found.messages.append((cell, json.dumps([*seen, reply], default=str)))
            manager.shutdown_kernel()
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)
        found.keys = server.keys
    found.streams = (folder / "streams").read_text(errors="replace")
    return found


def leaks_in(text: str) -> list[str]:
    """Every place with a part of the key, as it is or as base64."""
    plain = TERMINAL_CODES.sub("", text.replace("\\u001b", "\x1b"))
    encoded = base64.b64encode(KEY.encode()).decode()
    parts = [
        secret[start : start + PART_CHARACTERS]
        for secret in (KEY, encoded)
        for start in range(0, len(secret) - PART_CHARACTERS + 1, PART_CHARACTERS)
    ]
    places = re.finditer("|".join(map(re.escape, parts)), plain)
    return [plain[max(0, place.start() - 120) : place.end() + 40] for place in places]


def outputs_of(scanned: Scanned, cell: str) -> str:
    return "".join(messages for code, messages in scanned.messages if code == cell)


def test_the_scan_finds_a_key() -> None:
    half_a_key = f"Authorization: Bearer \x1b[31m{KEY[:30]}"

    assert leaks_in(json.dumps(half_a_key))
    assert leaks_in(base64.b64encode(KEY.encode()).decode())
    assert not leaks_in("sk-**********")


def test_no_cell_holds_the_key() -> None:
    assert not leaks_in("\n".join(cells()))


def test_the_cells_did_what_they_are_for(scanned: Scanned) -> None:
    assert scanned.keys == {KEY}
    assert "Fine." in outputs_of(scanned, "%%chat\nfine")
    assert "Incorrect API key provided: **********" in outputs_of(scanned, "%%chat\nrefuse")
    assert "receive_response_headers.complete" in scanned.streams
    for one in ("await list_models(config)", "await streamed('cut')"):
        assert "Upstream" in outputs_of(scanned, one)
        assert "in a function of the user" in outputs_of(scanned, WRAP_ERROR.format(failing=one))


def test_no_message_of_the_kernel_holds_the_key(scanned: Scanned) -> None:
    leaks = {cell: found for cell, messages in scanned.messages if (found := leaks_in(messages))}

    assert leaks == {}


def test_nothing_that_the_kernel_prints_or_logs_holds_the_key(scanned: Scanned) -> None:
    assert leaks_in(scanned.streams) == []


def test_no_saved_notebook_holds_the_key(tmp_path: Path) -> None:
    path = tmp_path / "cells.ipynb"
    code_cells = [nbformat.v4.new_code_cell(cell) for cell in cells_to_save()]  # type: ignore[no-untyped-call]  # as it is
    notebook = nbformat.v4.new_notebook(cells=code_cells)  # type: ignore[no-untyped-call]  # as it is
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # as it is

    with echoing_server() as server:
        run = subprocess.run(
            [sys.executable, "-m", "jupyter", "execute", "--inplace", "--allow-errors", path.name],
            cwd=tmp_path,
            env=environment(server, tmp_path),
            check=True,
            capture_output=True,
            timeout=120,
        )

    assert server.keys == {KEY}
    assert "Incorrect API key provided: **********" in path.read_text()
    assert leaks_in(path.read_text()) == []
    assert leaks_in((run.stdout + run.stderr).decode(errors="replace")) == []
    assert [other for other in tmp_path.rglob("*") if other.is_file() and leaks_in(read_text(other))] == []


def read_text(path: Path) -> str:
    return path.read_bytes().decode(errors="replace")
