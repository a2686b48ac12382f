"""One llama.cpp server in a child process: started, reached over loopback, and ended with us."""

import json
import secrets
import signal
import threading
from pathlib import Path

from ..core.exceptions import ConfigurationError, UpstreamUnreachableError
from .children import Lines, SilenceError, Tail, has_ended, kill, start
from .spinning import spinning_as_wanted

SERVER_SCRIPT = Path(__file__).with_name("llama_server.py")
LOADING_PATIENCE_S = 600.0  # 40 GB from a slow disk
LAST_WORDS_CHARACTERS = 200
_END_S = 0.5  # between a lost connection and the end of the process that held it


class ChatServer:
    """A llama.cpp server.

    Attributes:
        process: the child.
        address: its base URL, once its model is loaded.
        api_key: what requests have to carry, so that no other user of this machine can ask it.
    """

    def __init__(self) -> None:
        self.process = start(SERVER_SCRIPT, environment=spinning_as_wanted())
        self.address = ""
        self.api_key = secrets.token_urlsafe()
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self._stdin = self.process.stdin
        self._pipes = (self._stdin, self.process.stdout, self.process.stderr)
        self._lines = Lines(self.process.stdout)
        self._last_words = Tail(self.process.stderr)

    def load(self, path: Path, name: str, cancelled: threading.Event) -> None:
        """Load a model and listen; blocks for as long as that takes.

        Raises:
            ConfigurationError: it can't be loaded.
            concurrent.futures.CancelledError: `cancelled` was set.
        """
        order = {"model": str(path), "name": name, "api_key": self.api_key}
        try:
            self._stdin.write(json.dumps(order).encode() + b"\n")
            answer = json.loads(self._lines.next(cancelled, patience_s=LOADING_PATIENCE_S) or b"{}")
        except BrokenPipeError:
            answer = {}
        except SilenceError:
            answer = {"error": f"llama.cpp was silent for {LOADING_PATIENCE_S:g} s"}
        if "address" not in answer:
            kill(self.process)
            reason = str(answer.get("error") or f"llama.cpp ended while loading it{self._how_it_ended()}")
            raise ConfigurationError(
                f"The chat model {str(path)!r} can't be loaded: {reason[:300].rstrip('. ')}.",
                "Check that the file is a complete .gguf model.",
            )
        self.address = answer["address"]

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process.poll() is None

    def stop(self) -> None:
        """End the process, which has nothing to save."""
        kill(self.process)
        self._stdin.close()

    def leave_to_parent(self) -> None:
        """After a fork: let go of the pipes, so that the server ends with the process that started it."""
        self.process.returncode = (
            0  # it is no child of this process, which can neither wait for it nor end it
        )
        for pipe in self._pipes:
            pipe.close()

    def explain_lost_connection(self, reason: str) -> UpstreamUnreachableError:
        """The error for a request that it did not answer to the end; blocks for half a second at most."""
        if not has_ended(self.process, _END_S):
            return _lost(f"The embedded chat engine broke off its answer: {reason.rstrip('.')}.")
        return _lost(f"The embedded chat engine ended before its answer was complete{self._how_it_ended()}.")

    def _how_it_ended(self) -> str:
        last_words = self._last_words.line(LAST_WORDS_CHARACTERS)
        code = self.process.returncode
        way = f"signal {_signal_name(-code)}" if code < 0 else f"exit code {code}"
        return f" ({way}; its last words: {last_words})" if last_words else f" ({way})"


def _lost(message: str) -> UpstreamUnreachableError:
    hint = "Ask again: it is started anew. Where it ends each time, ask for less, or take another text_model."
    return UpstreamUnreachableError(message, hint, upstream="local://engine")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)
