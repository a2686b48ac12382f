"""The kernel's own event loop, for work that must run there, nested in the cell that is waiting for it.

Opt-in (`%gateway loop kernel`), for coroutines that belong to objects of the kernel's loop. Nesting changes
asyncio for the whole process, and a message that the kernel gets meanwhile may be lost: `notebook/loop.py` is
the rule.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..core.exceptions import ConfigurationError
from .loop import CLEAN_UP_S, POLL_S, Interrupted, interruptible

Result = TypeVar("Result")


class KernelLoop:
    """Runs coroutines on the loop of the cell that asks.

    Raises:
        ConfigurationError: made where no loop is running, or one that can't be nested.
    """

    def __init__(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise ConfigurationError(
                "This shell runs no event loop of its own, as a terminal does not.",
                "Keep %gateway loop own.",
            ) from None
        # Before nest_asyncio2 finds out, which has changed asyncio by then.
        if not isinstance(loop, asyncio.BaseEventLoop):
            kind = f"{type(loop).__module__}.{type(loop).__qualname__}"
            raise ConfigurationError(
                f"The kernel's loop is {kind}, which can't be nested.",
                "Keep %gateway loop own, or start the kernel with asyncio's own loop.",
            )
        self._loop = loop
        import nest_asyncio2  # here, because almost nobody asks for it

        nest_asyncio2.apply(loop)

    def run(
        self, work: Coroutine[Any, Any, Result], *, while_waiting: Callable[[], None] | None = None
    ) -> Result:
        """Run a coroutine and wait for its result; on an interrupt it is cancelled, and may clean up.

        Args:
            work: the coroutine.
            while_waiting: called every now and then.

        Raises:
            RuntimeError: called from another thread.
        """
        if threading.current_thread() is not threading.main_thread():
            work.close()
            raise RuntimeError("The kernel's loop runs in the main thread: await the coroutine instead.")
        task = self._loop.create_task(work)
        with interruptible():
            try:
                self._loop.run_until_complete(_watched(task, while_waiting))
            except BaseException as error:
                task.cancel()
                self._loop.run_until_complete(asyncio.wait([task], timeout=CLEAN_UP_S))
                if type(error) is KeyboardInterrupt:
                    raise Interrupted from None
                raise
        return task.result()


async def _watched(task: "asyncio.Task[Any]", while_waiting: Callable[[], None] | None) -> None:
    while not task.done():
        await asyncio.wait([task], timeout=POLL_S)
        if while_waiting:
            while_waiting()
