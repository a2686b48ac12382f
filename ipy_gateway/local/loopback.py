"""Requests to our own llama.cpp servers over loopback, with their errors told as what they are."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx

from ..core.exceptions import UpstreamUnreachableError
from ..core.wire.connections import ConnectionStack
from ..core.wire.direct_transport import DirectTransport
from .chat import ChatEngine
from .llama_process import ChatServer
from .requests import Json


class Loopback:
    """The way to the chat engine's servers, with connections that are kept."""

    def __init__(self) -> None:
        self._connections = ConnectionStack(DirectTransport)

    async def chat_completion(self, engine: ChatEngine, model: str, body: Json) -> httpx.Response:
        """Let a model answer; its server stays until the response is closed.

        Raises:
            UpstreamUnreachableError: the server ended; so does reading the response.
        """
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(engine.server(model))
            request = httpx.Request(
                "POST",
                f"{server.address}/v1/chat/completions",
                headers={"Authorization": f"Bearer {server.api_key}"},
                json=body,
            )
            try:
                response = await self._connections.handle_async_request(request)
            except httpx.TransportError as error:
                raise await _explained(server, error) from error
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _Answer(response.stream, server, stack.pop_all())
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._connections.aclose()


class _Answer(httpx.AsyncByteStream):
    """The body of an answer, which lets go of its server when it is closed."""

    def __init__(self, body: httpx.AsyncByteStream, server: ChatServer, use: AsyncExitStack) -> None:
        self._body = body
        self._server = server
        self._use = use

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._body:
                yield piece
        except httpx.TransportError as error:
            raise await _explained(self._server, error) from error

    async def aclose(self) -> None:
        async with self._use:
            await self._body.aclose()


async def _explained(server: ChatServer, error: httpx.TransportError) -> UpstreamUnreachableError:
    return await asyncio.to_thread(server.explain_lost_connection, str(error) or type(error).__name__)
