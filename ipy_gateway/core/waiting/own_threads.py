"""What may never return, in a thread that nobody has to wait for.

asyncio calls what blocks in a pool of threads, which are joined when the loop ends and when the interpreter
exits: what never returns holds up both, long after it was given up, and meanwhile keeps others out.
"""

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Result = TypeVar("Result")


async def in_own_thread(function: Callable[[], Result], *, name: str, is_to_end: bool = False) -> Result:
    """What a function returns that is called in a thread; when this is cancelled, the thread is left alone.

    Args:
        function: called in the caller's context.
        name: of the thread, for those who look at a list of threads.
        is_to_end: whether the interpreter waits for it when it exits, and only that.

    Raises: what the function raises.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Result | None] = loop.create_future()
    context = contextvars.copy_context()

    def call() -> None:
        error: Exception | None = None
        result: Result | None = None
        try:
            result = context.run(function)
        except Exception as failure:  # raised again where it is awaited
            error = failure
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_tell, answer, result, error)

    threading.Thread(target=call, name=name, daemon=not is_to_end).start()
    return await answer  # type: ignore[return-value]  # it is what the function returned


def _tell(answer: "asyncio.Future[Result | None]", result: Result | None, error: Exception | None) -> None:
    if answer.done():  # given up
        return
    if error:
        answer.set_exception(error)
    else:
        answer.set_result(result)
