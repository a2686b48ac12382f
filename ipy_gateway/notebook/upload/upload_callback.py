"""What a user wants done with each transcript: a function, or a coroutine function."""

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from ...core.exceptions import GatewayError, InvalidRequestError
from ...core.transcripts.transcript import Transcript
from ...core.waiting.own_threads import in_own_thread

OnTranscript: TypeAlias = Callable[[Transcript], object]


class Callback:
    """A callback that is called in the context of the cell which made it: what it prints appears there."""

    def __init__(self, function: OnTranscript) -> None:
        if not callable(function):
            raise InvalidRequestError(
                f"on_transcript is no function but {type(function).__name__}.", "Give one, or leave it out."
            )
        self._function = function
        self._context = contextvars.copy_context()
        self._under_way: set[asyncio.Task[None]] = set()

    def start(self, transcript: Transcript, tell: Callable[[str], None]) -> None:
        """Call it on the running loop, or in a thread of its own when it is no coroutine function.

        Args:
            transcript: what it is called with.
            tell: called with a sentence when it fails.
        """
        task = asyncio.get_running_loop().create_task(self._call(transcript, tell), context=self._context)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _call(self, transcript: Transcript, tell: Callable[[str], None]) -> None:
        try:
            if inspect.iscoroutinefunction(self._function):
                await self._function(transcript)
            else:
                # Not one of asyncio's few threads, which the next recordings need.
                await in_own_thread(
                    partial(self._function, transcript), name="ipy_gateway-on-transcript", is_to_end=True
                )
        except Exception as error:  # of the user's code, whatever it is
            tell(f"on_transcript failed: {in_words(error)}")


def in_words(error: Exception) -> str:
    """An error as a sentence."""
    return str(error) if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}"
