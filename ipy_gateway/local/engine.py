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
    """The engine of this process; the child processes behind it end with the interpreter."""
    engine = Engine()
    atexit.register(engine.chat.stop)
    return engine


def _leave_to_parent() -> None:
    """After a fork: threads and child processes stay with the parent."""
    if shared_engine.cache_info().currsize:
        shared_engine().chat.leave_to_parent()
        shared_engine.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
