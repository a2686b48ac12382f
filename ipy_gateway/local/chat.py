"""Chat on this machine: which llama.cpp servers run, for whom, and for how long."""

import threading
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core.config import LOCAL_CHAT_MODEL
from ..core.exceptions import ConfigurationError
from ..core.waiting.deadline import clock_stopped
from ..core.waiting.progress import ProgressCallback, current_listener
from .folders import given_path
from .llama_process import SERVER_SCRIPT as SERVER_SCRIPT
from .llama_process import ChatServer
from .pins import SMOLLM2_135M
from .requests import UnknownModelError
from .requirements import import_extra
from .weights import ensure_weights
from .worker import Cancelled, Worker

# How many servers wait for the next question. A server that is answering always stays until it is done.
KEPT_SERVERS = 2


class ChatEngine:
    """Starts a llama.cpp server for each model that is asked for, and keeps the two that were asked last."""

    def __init__(self) -> None:
        self._worker: Worker[Any] = Worker("chat")
        self._lock = threading.Lock()
        self._servers: dict[str, ChatServer] = {}  # by model, the one that was asked last at the end
        self._users: Counter[str] = Counter()

    @asynccontextmanager
    async def server(self, model: str) -> AsyncGenerator[ChatServer, None]:
        """The server of a model, started where that is needed; it is not stopped inside the block.

        Args:
            model: "smollm2-135m-instruct", or the path of a .gguf file.

        Raises:
            ConfigurationError: the engine is not installed, or the model can't be had or loaded.
            UnknownModelError: there is no model of that name.
        """
        listener = current_listener()
        with self._in_use(model):
            with clock_stopped():
                # In a worker of its own: while one model is being fetched, the others answer.
                fetching = Worker[Any]("chat-model")
                path = await fetching.value(lambda cancelled: _model_path(model, listener, cancelled))
                server = await self._worker.value(lambda cancelled: self._running(model, path, cancelled))
            yield server

    def stop(self) -> None:
        """End all servers."""
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.stop()

    def leave_to_parent(self) -> None:
        """After a fork: the servers are the parent's."""
        for server in list(self._servers.values()):  # without the lock, which a thread of the parent may hold
            server.leave_to_parent()
        self._servers.clear()

    @contextmanager
    def _in_use(self, model: str) -> Generator[None, None, None]:
        """Count a request; after the last one the servers that are too many go, the longest unasked first."""
        with self._lock:
            self._users[model] += 1
        try:
            yield
        finally:
            with self._lock:
                self._users[model] -= 1
                idle = [known for known in self._servers if not self._users[known]]
                surplus = [self._servers.pop(known) for known in idle[: max(0, len(idle) - KEPT_SERVERS)]]
            for server in surplus:  # not on the loop: waiting for the end of a large process takes its time
                threading.Thread(target=server.stop, name="ipy_gateway-chat-stop").start()

    def _running(self, model: str, path: Path, cancelled: Cancelled) -> ChatServer:
        with self._lock:
            server = self._servers.pop(model, None)
            if server and server.is_running:
                self._servers[model] = server
                return server
        if server:
            server.stop()
        return self._started(model, path, cancelled)

    def _started(self, model: str, path: Path, cancelled: Cancelled) -> ChatServer:
        with self._lock:  # known before it loads: a fork, or the end of the interpreter, may come meanwhile
            server = self._servers[model] = ChatServer()
        try:
            server.load(path, model, cancelled)
        except BaseException:
            with self._lock:
                self._servers.pop(model, None)
            server.stop()
            raise
        return server


def find_chat_model(name: str) -> Path | None:
    """The file of a chat model, or None for our own, which is fetched when it is first asked.

    Raises:
        UnknownModelError: there is no such file.
    """
    if name == LOCAL_CHAT_MODEL:
        return None
    path = given_path(name, setting="text_model")
    with suppress(OSError):  # a name that is too long for a file
        if path.is_file():
            return path
        if path.is_dir():
            raise UnknownModelError("chat", name, "that is a folder; give the path of a .gguf file in it")
    instead = f"it has {LOCAL_CHAT_MODEL!r}, and takes the path of a .gguf file"
    raise UnknownModelError("chat", name, "there is no such file" if path.suffix == ".gguf" else instead)


def is_chat_model(name: Any) -> bool:
    """Whether a name can only be meant for chat: our own, or that of a file."""
    if not isinstance(name, str):
        return False
    if name.lower().endswith(".gguf"):
        return True
    try:
        find_chat_model(name)
    except (UnknownModelError, ConfigurationError):
        return False
    return True


def _model_path(name: str, listener: ProgressCallback | None, cancelled: Cancelled) -> Path:
    import_extra("xllamacpp")  # before its weights are fetched
    path = find_chat_model(name)
    return path or ensure_weights(SMOLLM2_135M, on_progress=listener, cancelled=cancelled)
