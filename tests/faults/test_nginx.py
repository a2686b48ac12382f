"""The same faults seen through a real nginx, as most people meet them."""

from functools import partial

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamUnreachableError

from ..support.fault_server import Answer, answer, completion, fault_server
from .nginx import behind_nginx, nginx, titled
from .peers import TEXT, sends
from .peers import peer as raw_peer
from .test_chat_streams import CHUNKED, GOOD, WHOLE, chunk
from .test_connections import LARGE_BYTES, LOST
from .uses import EVERY_USE, USES, Fault, Trial, cases

pytestmark = pytest.mark.usefixtures("nginx_folder")

FINE = partial(fault_server, completion(TEXT))
FAULTS = {
    "dead": Fault(
        "The server behind a proxy is dead",
        lambda: nginx("proxy_pass http://127.0.0.1:9;"),
        UpstreamResponseError,
        titled("502 Bad Gateway") + '502 Bad Gateway".',
        uses=EVERY_USE,
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
    "too-large-to-be-read": Fault(
        "The request is so large that a proxy refuses it while it is being sent",
        lambda: behind_nginx(FINE, "client_max_body_size 1k;"),
        UpstreamResponseError,
        titled("413 Request Entity Too Large") + '413 Request Entity Too Large".',
        uses=("plain", "%transcribe"),
        request_bytes=LARGE_BYTES,
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
