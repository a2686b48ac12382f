"""Chat on this machine: llama.cpp's server in a child process, reached over loopback."""

import json
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from ..core.config import LOCAL_CHAT_MODEL
from ..core.deadline import clock_stopped
from ..core.exceptions import ConfigurationError
from ..core.progress import ProgressCallback, current_listener
from .pins import SMOLLM2_135M
from .requirements import import_extra
from .weights import ensure_weights
from .worker import Cancelled, Worker

STOP_S = 2.0
SERVER_SCRIPT = Path(__file__).with_name("llama_server.py")


@dataclass(frozen=True, slots=True)
class ChatServer:
    """A running llama.cpp server: its process, where it listens, and the key that it asks for."""

    process: "subprocess.Popen[str]"
    address: str
    api_key: str

    def stop(self) -> None:
        """End the process; it has nothing to save."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


class ChatEngine:
    """Starts llama.cpp when it is first asked for, one model at a time."""

    def __init__(self) -> None:
        self._worker: Worker[ChatServer] = Worker("chat")
        self._lock = threading.Lock()
        self._model = ""
        self._server: ChatServer | None = None

    async def server(self, model: str) -> ChatServer:
        """The server of a model, started or restarted where that is needed.

        Args:
            model: "smollm2-135m-instruct", or the path of a .gguf file.

        Raises:
            ConfigurationError: the engine is not installed, or the model can't be had or loaded.
        """
        listener = current_listener()
        servers = self._worker.items(lambda cancelled: iter([self._running(model, listener, cancelled)]))
        try:
            with clock_stopped():
                return await anext(servers)
        finally:
            await servers.aclose()

    def stop(self) -> None:
        """End the child process, if there is one."""
        with self._lock:
            server, self._server = self._server, None
        if server:
            server.stop()

    def _running(self, model: str, listener: ProgressCallback | None, cancelled: Cancelled) -> ChatServer:
        if self._server and self._model == model and self._server.process.poll() is None:
            return self._server
        import_extra("xllamacpp")
        path = _model_path(model, listener, cancelled)
        self.stop()
        server = _start(path, model)
        with self._lock:
            self._model, self._server = model, server
        return server


def _model_path(name: str, listener: ProgressCallback | None, cancelled: Cancelled) -> Path:
    if name == LOCAL_CHAT_MODEL:
        return ensure_weights(SMOLLM2_135M, on_progress=listener, cancelled=cancelled)
    path = Path(name).expanduser()
    if not path.is_file():
        raise ConfigurationError(
            f"The embedded engine knows no chat model {name!r}.",
            f"Set text_model to {LOCAL_CHAT_MODEL!r} or to the path of a .gguf file.",
        )
    return path


def _start(path: Path, name: str) -> ChatServer:
    api_key = secrets.token_urlsafe()
    process = subprocess.Popen(
        # -P: nothing is imported from the folder that the notebook happens to lie in
        [sys.executable, "-P", str(SERVER_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # an interrupt of the notebook is not meant for it
    )
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps({"model": str(path), "name": name, "api_key": api_key}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline() or '{"error": "llama.cpp ended while loading it"}')
    if "address" in answer:
        return ChatServer(process, answer["address"], api_key)
    process.kill()
    process.communicate()
    raise ConfigurationError(
        f"The chat model {str(path)!r} can't be loaded: {answer['error']:.200}.",
        "Check that the file is a complete .gguf model.",
    )
