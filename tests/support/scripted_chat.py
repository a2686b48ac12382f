"""A chat server that streams what a test tells it, when the test tells it."""

import contextlib
import json
import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "scripted"
PATIENCE_S = 60.0


class Answering:
    """An answer that is being written, step by step.

    Attributes:
        question: the text that was asked.
    """

    def __init__(self, question: str) -> None:
        self.question = question
        self._steps: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def think(self, text: str) -> None:
        """Stream some reasoning."""
        self._steps.put(_event({"reasoning_content": text}))

    def say(self, text: str) -> None:
        """Stream some text."""
        self._steps.put(_event({"content": text}))

    def end(self) -> None:
        """Say that the answer is complete."""
        self._steps.put(_event({}, finish_reason="stop"))
        self._steps.put(None)

    def break_off(self) -> None:
        """Close the connection in the middle of the answer."""
        self._steps.put(None)

    def events(self) -> Iterator[dict[str, Any]]:
        """What to send, as soon as it is there."""
        while event := self._steps.get():
            yield event


class ScriptedChat:
    """The server's side of a conversation.

    Attributes:
        url: its base URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._asked: queue.Queue[Answering] = queue.Queue()
        self._answerings: list[Answering] = []

    def next_question(self) -> Answering:
        """Wait until something is asked; the answer begins when the test says something."""
        return self._asked.get(timeout=PATIENCE_S)

    def ask(self, question: str) -> Answering:
        """A question has come in."""
        answering = Answering(question)
        self._answerings.append(answering)
        self._asked.put(answering)
        return answering

    def close(self) -> None:
        """End what is still being answered."""
        for answering in self._answerings:
            answering.break_off()


@contextmanager
def scripted_chat() -> Generator[ScriptedChat, None, None]:
    """A running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answering = chat.ask(str(request["messages"][-1]["content"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with contextlib.suppress(OSError):  # an interrupted notebook hangs up
                for event in answering.events():
                    self.wfile.write(f"data: {json.dumps(event)}\n\n".encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        chat = ScriptedChat(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=[0.05])
        thread.start()
        try:
            yield chat
        finally:
            chat.close()
            server.shutdown()
            thread.join()


def _event(delta: dict[str, str], *, finish_reason: str | None = None) -> dict[str, Any]:
    return {"model": MODEL, "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
