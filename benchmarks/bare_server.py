"""A server that costs next to nothing: it reads a request to its end and sends what it has ready.

Run `python -m benchmarks.bare_server`; it prints its port, and ends with its standard input.
"""

import asyncio
import json
import sys

TOKENS_PER_PIECE = 20  # as a fast server's tokens arrive while a client is busy with those before
MAX_HEAD_BYTES = 1 << 16

_FACTS = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "scripted"}
_MESSAGE = {"role": "assistant", "content": "An answer of a few words, as most of them are. " * 5}
COMPLETION = json.dumps(
    {
        **_FACTS,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 60, "total_tokens": 80},
    }
).encode()


def chat_events(token_count: int) -> list[bytes]:
    """The events of a streamed answer, as OpenAI sends them."""
    texts = [f" word{number % 100}" for number in range(token_count)]
    return [*(_event({"content": text}) for text in texts), _event({}, "stop"), b"data: [DONE]\n\n"]


def _event(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    body = {**_FACTS, "object": "chat.completion.chunk", "system_fingerprint": "fp_1", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


class BareServer(asyncio.Protocol):
    """One connection: as many requests as the client sends, one after the other."""

    _streams: dict[int, list[bytes]] = {}  # noqa: RUF012 - made once for all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._head = b""
        self._tail = b""  # of a body, as much as tells how many tokens are wanted and where it ends
        self._missing: int | None = 0

    def data_received(self, data: bytes) -> None:
        if self._missing == 0:
            self._head += data
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            self._head, self._tail = b"", b""
            length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0].strip()
            self._missing = int(length) if length else None
            data = body
        self._take(data)

    def _take(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-512:] if len(data) < 512 else data[-512:]
        if self._missing is not None:
            self._missing -= len(data)
            if self._missing:
                return
        elif not self._tail.endswith(b"0\r\n\r\n"):
            return
        self._missing = 0
        self._answer()

    def _answer(self) -> None:
        if b'"stream":true' not in self._tail.replace(b" ", b""):
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self._transport.write(head % len(COMPLETION) + COMPLETION)
            return
        wanted = self._tail.partition(b'"max_tokens":')[2].partition(b",")[0].strip(b" }")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        self._transport.write(head)
        for piece in self._pieces(int(wanted)):
            self._transport.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self._transport.write(b"0\r\n\r\n")

    def _pieces(self, token_count: int) -> list[bytes]:
        if token_count not in self._streams:
            events = chat_events(token_count)
            starts = range(0, len(events), TOKENS_PER_PIECE)
            self._streams[token_count] = [b"".join(events[at : at + TOKENS_PER_PIECE]) for at in starts]
        return self._streams[token_count]


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(BareServer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
