"""An engine's blocking work, one piece at a time, in a thread that can be told to stop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Generic, TypeVar

Item = TypeVar("Item")

QUEUE_POLL_S = 0.1


class Cancelled(threading.Event):
    """Set when nobody waits for the work any more, or the interpreter is exiting."""

    def is_set(self) -> bool:
        return super().is_set() or not threading.main_thread().is_alive()


class Worker(Generic[Item]):
    """Runs blocking generators one after the other, each in a thread of its own.

    Not a ThreadPoolExecutor: at interpreter exit that waits for its work before the work can know of it.

    Args:
        name: of the threads, for those who look at a list of threads.
    """

    def __init__(self, name: str) -> None:
        self._name = f"ipy_gateway-{name}"
        self._turn = threading.Lock()

    async def value(self, work: Callable[[Cancelled], Item]) -> Item:
        """What `work` returns, which is not None. Cancelling this sets its `cancelled`."""
        async with aclosing(self.items(lambda cancelled: iter([work(cancelled)]))) as items:
            return await anext(items)

    async def items(self, work: Callable[[Cancelled], Iterator[Item]]) -> AsyncGenerator[Item, None]:
        """The items that `work` yields, as they come. Closing this generator stops it at the next one."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[tuple[Item | None, BaseException | None]] = asyncio.Queue()
        cancelled = Cancelled()

        def tell(item: Item | None, error: BaseException | None = None) -> None:
            try:
                loop.call_soon_threadsafe(queue.put_nowait, (item, error))
            except RuntimeError:  # the loop was closed, and nobody waits
                cancelled.set()

        # Not a daemon, whoever starts it: native code has to be done when the interpreter is torn down.
        thread = threading.Thread(
            target=self._produce, args=(work, cancelled, tell), name=self._name, daemon=False
        )
        thread.start()
        try:
            while True:
                item, error = await queue.get()
                if error:
                    raise error
                if item is None:
                    return
                yield item
        finally:
            cancelled.set()

    def _produce(
        self, work: Callable[[Cancelled], Iterator[Item]], cancelled: Cancelled, tell: Callable[..., None]
    ) -> None:
        while not self._turn.acquire(timeout=QUEUE_POLL_S):
            if cancelled.is_set():
                return
        try:
            for item in work(cancelled):
                if cancelled.is_set():
                    return
                tell(item)
            tell(None)
        except BaseException as error:  # handed over to whoever waits
            tell(None, error)
        finally:
            self._turn.release()
