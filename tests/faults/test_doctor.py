"""The doctor where something stands before the server: a certificate that has expired, a proxy's own page."""

import contextlib
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
import trustme

from ipy_gateway import GatewayConfig, ServerReport, diagnose

from ..core.test_doctor import fix_of
from ..support.fault_server import answer, fault_server
from ..support.well_server import well_server
from .nginx import TO_UPSTREAM, free_port, nginx
from .test_proxies import PAGE

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
HOST = "some.host"


async def examined(url: str) -> ServerReport:
    (report,) = await diagnose(GatewayConfig(url), usual_ports=())
    return report


@contextlib.contextmanager
def secure_nginx(port: int, upstream: str, by: trustme.CA, **validity: Any) -> Iterator[str]:
    location = TO_UPSTREAM.format(upstream=upstream)
    certificate = by.issue_cert("127.0.0.1", **validity)
    with nginx(location, certificate=certificate, port=port) as proxied:
        yield proxied.url


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that knows a host which is this machine, and is not said to be."""
    look_up = socket.getaddrinfo

    def here(host: Any, *rest: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if host in (HOST, HOST.encode()) else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)


@pytest.mark.usefixtures("nginx_folder")
async def test_an_expired_certificate_is_to_be_renewed(authority: trustme.CA) -> None:
    port = free_port()
    expired = {"not_after": YESTERDAY, "not_before": YESTERDAY - timedelta(days=9)}
    with well_server() as server:
        with secure_nginx(port, server.url, authority, **expired) as url:
            ill = await examined(url)
        with secure_nginx(port, server.url, authority) as url:
            healed = await examined(url)

    assert "certificate has expired" in ill["TLS"].detail
    assert fix_of(ill, "TLS").advice.startswith("Renew the certificate on the server (certbot renew")
    assert ill["chat"].state == "not tried"
    assert healed.is_well, healed
    assert healed["TLS"].state == "works"


@pytest.mark.usefixtures("nginx_folder")
async def test_a_private_authority_is_to_be_named(
    authority: trustme.CA, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = trustme.CA()
    private.cert_pem.write_to_path(str(tmp_path / "private.pem"))
    with well_server() as server, secure_nginx(free_port(), server.url, private) as url:
        fix = fix_of(await examined(url), "TLS")
        for name in fix.variables:
            monkeypatch.setenv(name, str(tmp_path / "private.pem"))
        healed = await examined(url)

    assert [*fix.variables] == ["SSL_CERT_FILE"]
    assert healed.is_well, healed


@pytest.mark.usefixtures("resolver")
@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("before", ["", "other.host"])
async def test_a_page_of_a_proxy_is_gone_around(
    status: int, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_server(answer(status, body=PAGE)) as proxy, well_server() as server:
        url = server.url.replace("127.0.0.1", HOST)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", before)
        ill = await examined(url)
        fix = fix_of(ill, "proxy")
        with mock.patch.dict(os.environ, fix.variables):
            healed = await examined(url)

    assert f"Through the proxy {proxy.url}: {url} answered" in ill["proxy"].detail
    assert "Access denied" in ill["proxy"].detail
    assert fix.variables == {"NO_PROXY": f"{before},{HOST}" if before else HOST}
    assert healed.is_well, healed


async def test_a_proxy_that_is_the_only_way_is_to_be_talked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(answer(body=PAGE)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        ill = await examined("http://192.0.2.1:80")

    assert fix_of(ill, "proxy").variables == {}
    assert "Log in at the proxy" in fix_of(ill, "proxy").advice


async def test_a_password_of_a_proxy_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(answer(body=PAGE)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:hush-hush@"))
        ill = await examined("http://192.0.2.1:80")

    assert "hush-hush" not in repr(ill)
