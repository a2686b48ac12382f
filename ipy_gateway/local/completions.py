"""Chat completions that the embedded engine writes itself: in one piece, or as server-sent events."""

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator

import httpx

from .event_streams import event, event_response
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
    return await event_response(pieces, lambda texts: _chunks(model, texts))


async def _chunks(model: str, texts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    head = _head("chat.completion.chunk", model)

    def chunk(delta: Json, finish_reason: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})

    yield chunk({"role": "assistant", "content": ""})
    is_first = True
    async for text in texts:
        yield chunk({"content": text.lstrip() if is_first else text})
        is_first = False
    yield chunk({}, finish_reason="stop")
    yield b"data: [DONE]\n\n"


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
