"""Streamed chat answers, byte by byte as a fault server sends them."""

import json
from typing import Any

from .fault_server import Answer

USAGE = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}}
DONE = b"data: [DONE]\n\n"


def delta(text: str | None = None, **fields: Any) -> dict[str, Any]:
    """A chunk that adds text, or something else."""
    said = {"content": text} if text is not None else {}
    return {"id": "answer-1", "model": "scripted", "choices": [{"index": 0, "delta": {**said, **fields}}]}


def finish(reason: str = "stop") -> dict[str, Any]:
    """The chunk that says why an answer ends."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def streamed(*chunks: dict[str, Any] | str, finish_reason: str = "stop") -> Answer:
    """A whole answer of these chunks, or texts."""
    return Answer(_head() + _body(chunks, finish(finish_reason)) + _framed(DONE) + _framed(b""))


def broken(*chunks: dict[str, Any] | str) -> Answer:
    """An answer that breaks off behind these chunks."""
    return Answer(_head() + _body(chunks), closes=True)


def unfinished(*chunks: dict[str, Any] | str) -> Answer:
    """An answer that says no more behind these chunks, and stays open."""
    return Answer(_head() + _body(chunks))


def _head() -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _body(chunks: tuple[dict[str, Any] | str, ...], *more: dict[str, Any]) -> bytes:
    whole = [delta(chunk) if isinstance(chunk, str) else chunk for chunk in (*chunks, *more)]
    return b"".join(_framed(f"data: {json.dumps(chunk)}\n\n".encode()) for chunk in whole)


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
