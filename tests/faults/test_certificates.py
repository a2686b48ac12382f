"""Servers that can't prove who they are. None of them gets to see the request, let alone the key."""

import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from ipy_gateway import UpstreamUnreachableError

from ..support.fault_server import completion
from .peers import AUTHORITY, Peer, peer, sends
from .uses import EVERY_USE, KEY, USES, Fault, Trial, cases

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
UNTRUSTED = "The certificate of {url} is not valid ("


pytestmark = pytest.mark.usefixtures("authority")


@contextlib.contextmanager
def secure(name: str = "127.0.0.1", *, by: trustme.CA = AUTHORITY, **validity: Any) -> Iterator[Peer]:
    """A good server with a certificate for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    by.issue_cert(name, **validity).configure_cert(context)
    with peer(sends(completion("Fine.").data), tls=context) as server:
        yield server


@contextlib.contextmanager
def plain_behind_https() -> Iterator[Peer]:
    with peer(sends(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
        server.url = server.url.replace("http://", "https://")
        yield server


FAULTS = {
    "expired": Fault(
        "The certificate has expired",
        lambda: secure(not_after=YESTERDAY, not_before=YESTERDAY - timedelta(days=9)),
        UpstreamUnreachableError,
        UNTRUSTED + "certificate has expired).",
        uses=EVERY_USE,
    ),
    "unknown-authority": Fault(
        "The certificate is signed by nobody who is known, or by itself",
        lambda: secure(by=trustme.CA()),
        UpstreamUnreachableError,
        UNTRUSTED + "unable to get local issuer certificate).",
    ),
    "wrong-name": Fault(
        "The certificate is another host's",
        lambda: secure("elsewhere.example"),
        UpstreamUnreachableError,
        UNTRUSTED + "IP address mismatch, certificate is not valid for '127.0.0.1').",
    ),
    "no-tls": Fault(
        "The port wants http:// and is asked with https://",
        plain_behind_https,
        UpstreamUnreachableError,
        "No server answers at {url} (connecting took too long).",
        {"connect_timeout_s": 0.3},
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_server_without_a_valid_certificate(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_a_server_without_a_valid_certificate_sees_no_request(use: str, trial: Trial) -> None:
    with secure("elsewhere.example") as server:
        trial.error(use, server)

        assert server.received == b""


@pytest.mark.parametrize("use", USES)
def test_a_server_with_a_valid_certificate_answers(use: str, trial: Trial) -> None:
    with secure() as server:
        assert "Fine." in trial.text(use, server)

        assert KEY.encode() in server.received
