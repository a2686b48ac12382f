"""Connections whose host is looked up in a thread that nobody has to wait for."""

import asyncio
import contextlib
import ipaddress
import socket
import threading

import httpx


class LookedUpTransport(httpx.AsyncBaseTransport):
    """A transport that connects once the resolver knows its host.

    asyncio looks names up in a pool of threads, which are joined when the loop ends and when the interpreter
    exits: a name server that does not answer holds up both, long after the request was given up. So the
    lookup is made here first; the one that follows finds it in the resolver's cache, or answered again.

    Args:
        host: what a connection is opened to, the server or its proxy.
        transport: what connects.
    """

    def __init__(self, host: str, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self._unknown_host = "" if _is_address(host) else host

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._unknown_host:
            try:
                async with asyncio.timeout(request.extensions.get("timeout", {}).get("connect")):
                    await _looked_up(self._unknown_host)
            except TimeoutError as error:
                raise httpx.ConnectTimeout("", request=request) from error
            self._unknown_host = ""
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        await self._transport.aclose()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _looked_up(host: str) -> None:
    """Wait for an answer of the resolver, whatever it is."""
    loop, is_known = asyncio.get_running_loop(), asyncio.Event()

    def look_up() -> None:
        with contextlib.suppress(OSError, UnicodeError):  # who connects gets the same, and says it
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(is_known.set)

    threading.Thread(target=look_up, name=f"looking up {host}", daemon=True).start()
    await is_known.wait()
