"""Answers that the embedded engine sends as server-sent events while it is at work."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable

import httpx

from .requests import Json

Framing = Callable[[AsyncIterator[str]], AsyncIterator[bytes]]


async def event_response(pieces: AsyncGenerator[str, None], framing: Framing) -> httpx.Response:
    """Answer with pieces of text, each sent when it comes; they are closed with the response.

    The first is awaited here, so that a recording that can't be used is an error and no broken stream.

    Args:
        pieces: what is said.
        framing: turns pieces into events.
    """
    first = [piece async for piece in _first(pieces)]
    stream = _EventStream(framing(_chained(first, pieces)), pieces)
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)


def event(body: Json) -> bytes:
    """One event with a JSON object."""
    return f"data: {json.dumps(body)}\n\n".encode()


async def _first(pieces: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    async for piece in pieces:
        yield piece
        return


async def _chained(first: list[str], others: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    for piece in first:
        yield piece
    async for piece in others:
        yield piece


class _EventStream(httpx.AsyncByteStream):
    """Owns the pieces behind its events: closed unread, it stops the work on them."""

    def __init__(self, events: AsyncIterator[bytes], pieces: AsyncGenerator[str, None]) -> None:
        self._events = events
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            yield event

    async def aclose(self) -> None:
        await self._pieces.aclose()
