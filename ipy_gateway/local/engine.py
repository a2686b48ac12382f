"""The one embedded engine of this process, shared by every configuration."""

import atexit
import os
from functools import cache

from .chat import ChatEngine
from .speech import SpeechEngine


class Engine:
    """Speech and chat. Nothing is loaded before it is first asked for."""

    def __init__(self) -> None:
        self.speech = SpeechEngine()
        self.chat = ChatEngine()


@cache
def shared_engine() -> Engine:
    """The engine of this process; the child process behind it ends with the interpreter."""
    engine = Engine()
    atexit.register(engine.chat.stop)
    return engine


if hasattr(os, "register_at_fork"):  # threads and child processes stay with the parent
    os.register_at_fork(after_in_child=shared_engine.cache_clear)
