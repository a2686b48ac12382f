"""Names looked up in a thread that nobody has to wait for: a name server may not answer."""

import asyncio
import contextlib
import ipaddress
import socket
from functools import partial
from typing import Any, TypeAlias

import httpx

from ..waiting.own_threads import in_own_thread

LAST_PORT = 65_535
# Family and address, as sockets take them.
Address: TypeAlias = tuple[socket.AddressFamily, Any]


class LookedUpTransport(httpx.AsyncBaseTransport):
    """A transport that connects once the resolver knows its host: it is in the cache, or answered again.

    Args:
        url: what a connection is opened to, the server or its proxy.
        transport: what connects, and looks names up in asyncio's way.
    """

    def __init__(self, url: httpx.URL, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        host = url.raw_host.decode("ascii")
        self._unknown_host = "" if _is_address(host) else host

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._unknown_host:
            try:
                async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                    with contextlib.suppress(
                        OSError, UnicodeError
                    ):  # who connects gets the same, and says it
                        await addresses_of(self._unknown_host, None)
            except TimeoutError as error:
                raise httpx.ConnectTimeout("", request=request) from error
            self._unknown_host = ""
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


async def addresses_of(host: str, port: int | None) -> list[Address]:
    """The addresses of a host, in the order in which they are to be tried.

    Args:
        host: a name or an address.

    Raises:
        socket.gaierror: there is none, or no such port.
    """
    if port is not None and not 0 <= port <= LAST_PORT:  # getaddrinfo would make another one of it
        raise socket.gaierror(socket.EAI_SERVICE, f"no port is {port}")
    if _is_address(host):
        return _looked_up(host, port)
    return await in_own_thread(partial(_looked_up, host, port), name=f"looking up {host}")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _looked_up(host: str, port: int | None) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in infos]
