"""A real nginx that takes https:// for the server behind it."""

import contextlib
from collections.abc import Iterator
from functools import partial

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamUnreachableError

from ..support.fault_server import completion, fault_server
from .nginx import Proxied, behind_nginx, nginx, titled
from .peers import AUTHORITY, TEXT, sends
from .peers import peer as raw_peer
from .test_certificates import UNTRUSTED
from .test_chat_streams import CHUNKED, GOOD, WHOLE, chunk
from .test_connections import HEAD, LOST
from .uses import EVERY_USE, KEY, USES, Fault, Trial, cases

pytestmark = pytest.mark.usefixtures("nginx_folder", "authority")

HERE = AUTHORITY.issue_cert("127.0.0.1")
ELSEWHERE = AUTHORITY.issue_cert("elsewhere.example")
UNBUFFERED = "proxy_buffering off;"
FINE = partial(fault_server, completion(TEXT))


@contextlib.contextmanager
def asked_without_tls() -> Iterator[Proxied]:
    with nginx("return 404;", certificate=HERE) as proxied:
        proxied.url = proxied.url.replace("https://", "http://")
        yield proxied


FAULTS = {
    "dead": Fault(
        "The server behind a proxy with https:// is dead",
        lambda: nginx("proxy_pass http://127.0.0.1:9;", certificate=HERE),
        UpstreamResponseError,
        titled("502 Bad Gateway") + '502 Bad Gateway".',
        uses=EVERY_USE,
    ),
    "cut": Fault(
        "The server behind a proxy with https:// hangs up in the body",
        lambda: behind_nginx(partial(raw_peer, sends(HEAD + b"{")), certificate=HERE),
        UpstreamUnreachableError,
        LOST,
    ),
    "cut-stream": Fault(
        "The server behind a proxy with https:// hangs up in mid-stream",
        lambda: behind_nginx(partial(raw_peer, sends(CHUNKED + chunk(GOOD))), UNBUFFERED, certificate=HERE),
        UpstreamUnreachableError,
        LOST,
    ),
    "wrong-name": Fault(
        "The certificate of a proxy is another host's",
        lambda: behind_nginx(FINE, certificate=ELSEWHERE),
        UpstreamUnreachableError,
        UNTRUSTED + "IP address mismatch, certificate is not valid for '127.0.0.1').",
    ),
    "without-tls": Fault(
        "A proxy wants https:// and is asked with http://",
        asked_without_tls,
        UpstreamResponseError,
        titled("400 Bad Request") + '400 The plain HTTP request was sent to HTTPS port".',
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_fault_seen_through_nginx_with_tls(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_an_answer_is_read_through_nginx_with_tls(use: str, trial: Trial) -> None:
    with behind_nginx(FINE, certificate=HERE) as server:
        assert TEXT in trial.text(use, server)

        assert server.behind.request.headers["authorization"] == f"Bearer {KEY}"


def test_a_stream_is_read_through_nginx_with_tls(trial: Trial) -> None:
    stream = partial(raw_peer, sends(CHUNKED, chunk(WHOLE), b"0\r\n\r\n"))

    with behind_nginx(stream, UNBUFFERED, certificate=HERE) as server:
        assert trial.text("streamed", server) == "Good morning."


def test_what_came_through_tls_before_a_cut_is_not_lost(trial: Trial) -> None:
    with FAULTS["cut-stream"].server() as server:
        error = trial.error("streamed", server)

    assert getattr(error, "partial_text", "") == "Good "


def test_a_certificate_for_another_name_keeps_the_request_from_the_server(trial: Trial) -> None:
    with behind_nginx(FINE, certificate=ELSEWHERE) as server:
        trial.error("plain", server)

        assert server.behind.requests == []
