"""A real nginx before a server, and where it is needed with TLS."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme

CONFIGURATION = """
daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 64; }}
http {{
    access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi; proxy_http_version 1.1; {everywhere}
    server {{ listen 127.0.0.1:{port}{tls}; location / {{ {location} }} }}
}}
"""
TLS = " ssl; ssl_certificate chain.pem; ssl_certificate_key key.pem"
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


@contextlib.contextmanager
def nginx(
    location: str,
    *,
    upstream: str = "",
    everywhere: str = "",
    certificate: trustme.LeafCert | None = None,
    port: int | None = None,
) -> Iterator[Proxied]:
    """A running nginx with this location, at any free port, which speaks TLS where it has a certificate.

    Its files are written to the current folder.
    """
    port = port or free_port()
    if certificate:
        Path("chain.pem").write_bytes(b"".join(pem.bytes() for pem in certificate.cert_chain_pems))
        Path("key.pem").write_bytes(certificate.private_key_pem.bytes())
    Path("nginx.conf").write_text(
        CONFIGURATION.format(
            port=port,
            tls=TLS if certificate else "",
            location=location.format(upstream=upstream),
            everywhere=everywhere,
        )
    )
    process = subprocess.Popen(["nginx", "-p", f"{Path.cwd()}/", "-c", "nginx.conf", "-e", "stderr"])
    try:
        _wait_until_listening(port, process)
        yield Proxied(f"{'https' if certificate else 'http'}://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(5)


@contextlib.contextmanager
def behind_nginx(
    server: Callable[[], Any],
    settings: str = "",
    *,
    everywhere: str = "",
    certificate: trustme.LeafCert | None = None,
) -> Iterator[Proxied]:
    """A server behind nginx, with these settings of the location."""
    location = f"{TO_UPSTREAM} {settings}"
    with (
        server() as upstream,
        nginx(location, upstream=upstream.url, everywhere=everywhere, certificate=certificate) as proxied,
    ):
        proxied.behind = upstream
        yield proxied


def free_port() -> int:
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
