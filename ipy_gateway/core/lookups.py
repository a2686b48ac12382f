"""Names looked up in a thread that nobody has to wait for.

asyncio looks names up in a pool of threads, which are joined when the loop ends and when the interpreter
exits: a name server that does not answer holds up both, long after the request was given up.
"""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from typing import Any, TypeAlias

import httpx

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
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def look_up() -> None:
        try:
            found: list[Address] | Exception = _looked_up(host, port)
        except Exception as failure:  # raised again where it is awaited
            found = failure
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_tell, answer, found)

    threading.Thread(target=look_up, name=f"looking up {host}", daemon=True).start()
    return await answer


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _looked_up(host: str, port: int | None) -> list[Address]:
    infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, address) for family, _, _, _, address in infos]


def _tell(answer: asyncio.Future[list[Address]], found: list[Address] | Exception) -> None:
    if answer.done():  # given up
        return
    if isinstance(found, Exception):
        answer.set_exception(found)
    else:
        answer.set_result(found)
