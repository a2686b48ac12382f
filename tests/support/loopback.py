"""Small real servers on loopback: one that never answers, one that gives a prepared answer, and any other."""

import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SilentServer:
    """Takes connections, reads what comes, and never says anything.

    Attributes:
        url: its base URL.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._requests: queue.Queue[None] = queue.Queue()
        self._hang_ups: queue.Queue[None] = queue.Queue()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def wait_for_request(self, timeout_s: float = 30.0) -> None:
        """Wait until somebody has sent something on a new connection."""
        self._requests.get(timeout=timeout_s)

    def wait_for_hang_up(self, timeout_s: float = 5.0) -> None:
        """Wait until somebody has closed a connection."""
        self._hang_ups.get(timeout=timeout_s)

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._read, args=[connection], daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(ConnectionError):
            if connection.recv(65536):
                self._requests.put(None)
            while connection.recv(65536):
                pass
        self._hang_ups.put(None)


@contextmanager
def silent_server() -> Generator[SilentServer, None, None]:
    """A server that never answers."""
    server = SilentServer()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def answering_server(
    text: str, *, delay_s: float = 0.0, finish_reason: str = "stop"
) -> Generator[str, None, None]:
    """The base URL of a server whose every chat completion is this text."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    answer = json.dumps({"model": "prepared", "choices": [choice]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(delay_s)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as url:
        yield url


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Generator[str, None, None]:
    """The base URL of a server with this handler; it is not troubled by clients that leave early."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing."""

    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def streaming_server(
    *pieces: str | threading.Event,
    field: str = "content",
    finish_reason: str = "stop",
    pause_s: float = 0.0,
) -> Generator[str, None, None]:
    """The base URL of a server that streams every answer piece by piece.

    Args:
        pieces: what it says; at an event it waits until that is set.
        field: where in a delta the pieces stand.
        finish_reason: why it ends.
        pause_s: how long it waits before each piece, counted from the beginning.
    """

    def events() -> Generator[bytes, None, None]:
        started = time.monotonic()
        for number, piece in enumerate(pieces):
            if isinstance(piece, threading.Event):
                piece.wait(60)
                continue
            time.sleep(max(0.0, started + number * pause_s - time.monotonic()))
            yield _event({"index": 0, "delta": {field: piece}, "finish_reason": None})
        yield _event({"index": 0, "delta": {}, "finish_reason": finish_reason})
        yield b"data: [DONE]\n\n"

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for event in events():
                    self.wfile.write(event)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http_server(Handler) as url:
        yield url


def _event(choice: dict[str, object]) -> bytes:
    chunk = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": "scripted",
        "choices": [choice],
    }
    return f"data: {json.dumps(chunk)}\n\n".encode()
