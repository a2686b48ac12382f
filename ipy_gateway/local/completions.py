"""Chat completions that the embedded engine writes itself: in one piece, or as server-sent events."""

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from .requests import Json


async def completion_response(
    model: str, pieces: AsyncGenerator[str, None], *, stream: bool
) -> httpx.Response:
    """Answer with pieces of text; they are closed with the response.

    Args:
        stream: whether each piece is sent when it comes. The first is awaited either way, so that a
            recording that can't be used is an error and no broken stream.
    """
    if not stream:
        text = "".join([piece async for piece in pieces]).strip()
        return httpx.Response(200, json=_completion(model, text))
    first = [piece async for piece in _first(pieces)]
    headers = {"Content-Type": "text/event-stream"}
    return httpx.Response(200, headers=headers, stream=_EventStream(model, first, pieces))


async def _first(pieces: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    async for piece in pieces:
        yield piece
        return


class _EventStream(httpx.AsyncByteStream):
    """Server-sent events of the pieces, which it owns: closed unread, it stops the work behind them."""

    def __init__(self, model: str, first: list[str], rest: AsyncGenerator[str, None]) -> None:
        self._head = _head("chat.completion.chunk", model)
        self._first = first
        self._rest = rest

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._event({"role": "assistant", "content": ""})
        for piece in self._first:
            yield self._event({"content": piece.lstrip()})
        async for piece in self._rest:
            yield self._event({"content": piece})
        yield self._event({}, finish_reason="stop")
        yield b"data: [DONE]\n\n"

    async def aclose(self) -> None:
        await self._rest.aclose()

    def _event(self, delta: Json, finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return f"data: {json.dumps({**self._head, 'choices': [choice]})}\n\n".encode()


def _completion(model: str, text: str) -> Json:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {**_head("chat.completion", model), "choices": [choice]}


def _head(kind: str, model: str) -> Json:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }
