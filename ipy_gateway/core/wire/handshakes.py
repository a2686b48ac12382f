"""TLS handshakes that leave no socket behind when they are given up."""

from typing import Any

import httpx


class HandshakeGuard(httpx.AsyncBaseTransport):
    """A transport that closes the sockets of a request which is cancelled while it is being connected.

    httpcore 1.0.9 closes a socket whose handshake fails, but not one whose handshake is cancelled, by our
    deadline or by the user: it would stay open for as long as the other end keeps silent.

    Args:
        transport: httpx's own, with one connection.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        sockets: list[Any] = []

        async def note(event: str, info: dict[str, Any]) -> None:
            if event == "connection.connect_tcp.complete":
                sockets.append(info["return_value"])

        # https://www.encode.io/httpcore/extensions/#trace
        request.extensions = {**request.extensions, "trace": note}
        try:
            return await self._transport.handle_async_request(request)
        except BaseException:
            for socket in sockets:
                await socket.aclose()
            raise

    async def aclose(self) -> None:
        await self._transport.aclose()
