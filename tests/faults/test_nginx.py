"""The same faults seen through a real nginx, as most people meet them."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamUnreachableError

from ..support.fault_server import Answer, answer, completion, fault_server
from ..support.tools import missing
from .peers import TEXT, sends
from .peers import peer as raw_peer
from .test_chat_streams import CHUNKED, GOOD, WHOLE, chunk
from .test_connections import LOST
from .uses import USES, Fault, Trial, cases

CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi; proxy_http_version 1.1; {everywhere}
    server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }}
}}
"""
TO_UPSTREAM = "proxy_pass {upstream}; proxy_set_header Connection '';"


@dataclass
class Proxied:
    """A server behind nginx.

    Attributes:
        url: nginx's base URL.
        behind: the server that it asks, if there is one.
    """

    url: str
    behind: Any = None
    open = 0  # nginx keeps its own connections

    def wait_until_all_closed(self) -> None:
        """Nobody could tell."""


@pytest.fixture(autouse=True, scope="module")
def _nginx_is_there() -> None:
    if not shutil.which("nginx"):
        missing("there is no nginx: apt-get install nginx")


@pytest.fixture(autouse=True)
def _prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # nginx finds a folder of its own here


@contextlib.contextmanager
def nginx(location: str, *, upstream: str = "", everywhere: str = "") -> Iterator[Proxied]:
    """A running nginx with this location."""
    port = _free_port()
    Path("nginx.conf").write_text(
        CONFIGURATION.format(port=port, location=location.format(upstream=upstream), everywhere=everywhere)
    )
    process = subprocess.Popen(["nginx", "-p", f"{Path.cwd()}/", "-c", "nginx.conf", "-e", "stderr"])
    try:
        _wait_until_listening(port, process)
        yield Proxied(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(5)


@contextlib.contextmanager
def behind_nginx(server: Callable[[], Any], settings: str = "", *, everywhere: str = "") -> Iterator[Proxied]:
    """A server behind nginx, with these settings of the location."""
    with (
        server() as upstream,
        nginx(f"{TO_UPSTREAM} {settings}", upstream=upstream.url, everywhere=everywhere) as proxied,
    ):
        proxied.behind = upstream
        yield proxied


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def _wait_until_listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    raise AssertionError(f"nginx does not listen: {process.poll()}")


def titled(status: str) -> str:
    return f'{{url}} answered {status}: an HTML page titled "'


FINE = partial(fault_server, completion(TEXT))
FAULTS = {
    "dead": Fault(
        "The server behind a proxy is dead",
        lambda: nginx("proxy_pass http://127.0.0.1:9;"),
        UpstreamResponseError,
        titled("502 Bad Gateway") + '502 Bad Gateway".',
    ),
    "lost": Fault(
        "The server behind a proxy hangs up without an answer",
        lambda: behind_nginx(partial(fault_server, Answer(b"", closes=True))),
        UpstreamResponseError,
        titled("502 Bad Gateway") + '502 Bad Gateway".',
    ),
    "giant-header": Fault(
        "The server behind a proxy sends a header that is too large for it",
        lambda: behind_nginx(partial(fault_server, answer(headers={"X-Giant": "x" * 100_000}))),
        UpstreamResponseError,
        titled("502 Bad Gateway") + '502 Bad Gateway".',
    ),
    "slow": Fault(
        "The server behind a proxy is too slow for it",
        lambda: behind_nginx(partial(fault_server, Answer(b"")), "proxy_read_timeout 100ms;"),
        UpstreamResponseError,
        titled("504 Gateway Timeout") + '504 Gateway Time-out".',
    ),
    "too-large": Fault(
        "The request is too large for a proxy",
        lambda: behind_nginx(FINE, "client_max_body_size 1k;"),
        UpstreamResponseError,
        titled("413 Request Entity Too Large") + '413 Request Entity Too Large".',
    ),
    "moved": Fault(
        "A proxy redirects to https://",
        lambda: nginx("return 301 https://$host$request_uri;"),
        UpstreamResponseError,
        "{url} answered 301 Moved Permanently: it redirects to https://127.0.0.1/v1/chat/completions.",
    ),
    "forbidden": Fault(
        "A proxy lets nobody in",
        lambda: nginx("deny all;"),
        UpstreamResponseError,
        titled("403 Forbidden") + '403 Forbidden".',
    ),
    "no-route": Fault(
        "A proxy knows no such path",
        lambda: nginx("return 404;"),
        UpstreamResponseError,
        titled("404 Not Found") + '404 Not Found".',
    ),
    "busy": Fault(
        "A proxy limits requests",
        lambda: nginx("add_header Retry-After 0 always; return 429;"),
        UpstreamResponseError,
        titled("429 Too Many Requests") + '429 Too Many Requests".',
    ),
    "closes": Fault(
        "A proxy hangs up without an answer",
        lambda: nginx("return 444;"),
        UpstreamUnreachableError,
        LOST,
    ),
    "cut": Fault(
        "The server behind a proxy hangs up in the body",
        lambda: behind_nginx(
            partial(raw_peer, sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")),
        ),
        UpstreamUnreachableError,
        LOST,
    ),
    "cut-stream": Fault(
        "The server behind a proxy hangs up in mid-stream",
        lambda: behind_nginx(partial(raw_peer, sends(CHUNKED + chunk(GOOD))), "proxy_buffering off;"),
        UpstreamUnreachableError,
        LOST,
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_fault_seen_through_nginx(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_an_answer_that_nginx_compresses_is_read(use: str, trial: Trial) -> None:
    gzip = "gzip on; gzip_types application/json; gzip_min_length 1; gzip_proxied any;"

    with behind_nginx(FINE, everywhere=gzip) as server:
        assert TEXT in trial.text(use, server)


@pytest.mark.parametrize("buffering", ["off", "on"])
def test_a_stream_is_read_through_nginx(buffering: str, trial: Trial) -> None:
    stream = partial(raw_peer, sends(CHUNKED, chunk(WHOLE), b"0\r\n\r\n"))

    with behind_nginx(stream, f"proxy_buffering {buffering};") as server:
        assert trial.text("streamed", server) == "Good morning."


@pytest.mark.parametrize("use", USES)
def test_a_kept_connection_that_nginx_closed_is_not_used(use: str, trial: Trial) -> None:
    with behind_nginx(FINE, everywhere="keepalive_timeout 50ms;") as server:
        assert trial.texts(use, server, times=2, pause_s=0.2, max_retries=0) == [TEXT, TEXT]
