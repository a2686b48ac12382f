"""A server on loopback that sends exactly the bytes it is told to, and records what it gets."""

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .listening import listening


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server does about one request.

    Attributes:
        data: bytes to send, as they are.
        delay_s: how long to wait before.
        closes: whether to close the connection then.
    """

    data: bytes
    delay_s: float = 0.0
    closes: bool = False


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request as it came in; names of headers in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def answer(
    status: int = 200, *, body: Any = None, headers: dict[str, str] | None = None, delay_s: float = 0.0
) -> Answer:
    """A complete answer. `body` is sent as it is when it is bytes, and as JSON otherwise."""
    content = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return Answer(f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode() + content, delay_s=delay_s)


def completion(text: Any = "Fine.", *, finish_reason: str = "stop", delay_s: float = 0.0) -> Answer:
    """A chat completion that says `text`."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return answer(body={"object": "chat.completion", "choices": [choice]}, delay_s=delay_s)


@dataclass
class FaultServer:
    """What the server was told, and what it saw.

    Attributes:
        script: what to do, request by request; the last answer is given again and again.
        by_path: what to do about requests to a path, such as "/v1/models", whatever the script says.
        respond: what to do about each request, in place of a script; their bodies are not kept then.
        requests: what came in.
        opened: how many connections were made.
        open: how many of them are open now.
        answering: how many requests wait for their answer now.
        most_at_once: how many waited at once at most.
    """

    script: list[Answer]
    closes_on_accept: bool = False
    by_path: Mapping[str, Answer] = field(default_factory=dict)
    respond: Callable[[RecordedRequest], Answer] | None = None
    url: str = ""
    requests: list[RecordedRequest] = field(default_factory=list)
    opened: int = 0
    open: int = 0
    answering: int = 0
    most_at_once: int = 0

    @property
    def request(self) -> RecordedRequest:
        """The only request that came."""
        (request,) = self.requests
        return request

    def wait_until_all_closed(self, *, timeout_s: float = 5.0) -> None:
        """Wait until no connection is open; after a while give up, for the test to see."""
        self._wait_until(lambda: not self.open, timeout_s)

    def wait_for_requests(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Wait until that many requests came.

        Raises:
            TimeoutError: they did not come.
        """
        self._wait_until(lambda: len(self.requests) >= count, timeout_s)
        if len(self.requests) < count:
            raise TimeoutError(f"{len(self.requests)} of {count} requests came within {timeout_s} s")

    def _wait_until(self, condition: Any, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        self.open += 1
        number = self.opened
        try:
            while not self.closes_on_accept:
                request = await _read_request(reader, number)
                self.requests.append(replace(request, body=b"") if self.respond else request)
                if not await self._answer(writer, self._answer_to(request)):
                    break
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client is gone, or the test is over
        finally:
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()
            self.open -= 1

    def _answer_to(self, request: RecordedRequest) -> Answer:
        if self.respond:
            return self.respond(request)
        if request.target in self.by_path:
            return self.by_path[request.target]
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    async def _answer(self, writer: asyncio.StreamWriter, reply: Answer) -> bool:
        self.answering += 1
        self.most_at_once = max(self.most_at_once, self.answering)
        try:
            await asyncio.sleep(reply.delay_s)
        finally:
            self.answering -= 1
        writer.write(reply.data)
        await writer.drain()
        return not reply.closes


async def _read_request(reader: asyncio.StreamReader, connection: int) -> RecordedRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return RecordedRequest(method, target, headers, body, connection)


@contextlib.contextmanager
def fault_server(
    *script: Answer,
    closes_on_accept: bool = False,
    by_path: Mapping[str, Answer] | None = None,
    respond: Callable[[RecordedRequest], Answer] | None = None,
) -> Iterator[FaultServer]:
    """A running server that gives these answers."""
    server = FaultServer(
        [*script] or [answer()], closes_on_accept=closes_on_accept, by_path=by_path or {}, respond=respond
    )
    with listening(server.serve) as port:
        server.url = f"http://127.0.0.1:{port}"
        yield server
