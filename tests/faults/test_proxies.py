"""The environment's proxy: it refuses, it answers for itself, and it is not asked for this machine."""

import contextlib
import os
from collections.abc import Iterator
from unittest import mock

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamUnreachableError

from ..support.fault_server import Answer, FaultServer, answer, completion, fault_server
from .test_connections import Nobody, nobody
from .uses import EVERY_USE, KEY, USES, Fault, Trial, cases

PAGE = b"<html><head><title>Access denied</title></head></html>"
AT_HTTP = {"allow_key_over_http": True}
CONNECT_DENIED = Answer(b"HTTP/1.1 403 Denied by policy\r\nContent-Length: 0\r\n\r\n", closes=True)


@contextlib.contextmanager
def proxied(reply: Answer, *, url: str) -> Iterator[FaultServer]:
    """A proxy that answers this to everything, for a server that is elsewhere."""
    with fault_server(reply) as proxy, mock.patch.dict(os.environ, _proxy_variables(proxy.url)):
        proxy.url = url
        yield proxy


@contextlib.contextmanager
def no_proxy_there(url: str) -> Iterator[Nobody]:
    with nobody() as proxy, mock.patch.dict(os.environ, _proxy_variables(proxy.url)):
        proxy.url = url
        yield proxy


def _proxy_variables(url: str) -> dict[str, str]:
    return {"http_proxy": url, "https_proxy": url}


FAULTS = {
    "page": Fault(
        "The proxy answers with a page of its own",
        lambda: proxied(answer(403, body=PAGE), url="http://some.host"),
        UpstreamResponseError,
        '{url} answered 403 Forbidden: an HTML page titled "Access denied".',
        AT_HTTP,
        uses=EVERY_USE,
    ),
    "page-in-200": Fault(
        "The proxy answers with a log-in page in a 200",
        lambda: proxied(answer(body=PAGE), url="http://some.host"),
        UpstreamResponseError,
        '{url} answered with something that is not JSON: an HTML page titled "Access denied".',
        AT_HTTP,
    ),
    "wants-password": Fault(
        "The proxy wants a password",
        lambda: proxied(answer(407, body=PAGE), url="http://some.host"),
        UpstreamResponseError,
        "{url} answered 407 Proxy Authentication Required",
        AT_HTTP,
    ),
    "connect-denied": Fault(
        "The proxy allows no connection to the host",
        lambda: proxied(CONNECT_DENIED, url="https://some.host"),
        UpstreamResponseError,
        "{url} can't be talked to: 403 Denied by policy.",
    ),
    "connect-not-http": Fault(
        "The proxy is none",
        lambda: proxied(Answer(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", closes=True), url="https://some.host"),
        UpstreamResponseError,
        "What {url} answered is not HTTP (",
    ),
    "closes": Fault(
        "The proxy closes the connection",
        lambda: proxied(Answer(b"", closes=True), url="https://some.host"),
        UpstreamUnreachableError,
        "{url} was lost before the answer was complete (",
    ),
    "refused": Fault(
        "Nothing listens where the proxy should be, for http://",
        lambda: no_proxy_there("http://some.host"),
        UpstreamUnreachableError,
        "No server answers at the proxy for {url}, http://127.0.0.1:",
        AT_HTTP,
    ),
    "refused-https": Fault(
        "Nothing listens where the proxy should be, for https://",
        lambda: no_proxy_there("https://some.host"),
        UpstreamUnreachableError,
        "No server answers at the proxy for {url}, http://127.0.0.1:",
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_proxy_that_stands_in_the_way(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_a_proxy_that_refuses_sees_no_key(use: str, trial: Trial) -> None:
    with proxied(CONNECT_DENIED, url="https://some.host") as proxy:
        trial.error(use, proxy)

        assert KEY not in repr(proxy.requests)
        assert {request.method for request in proxy.requests} == {"CONNECT"}


@pytest.mark.parametrize("use", USES)
def test_this_machine_is_asked_directly(use: str, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server() as proxy, fault_server(completion("Fine.")) as server:
        monkeypatch.setenv("http_proxy", proxy.url)

        assert "Fine." in trial.text(use, server)
        assert proxy.opened == 0
