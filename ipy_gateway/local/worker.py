"""One thread that does an engine's blocking work, item by item, and can be told to stop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Cancelled:
    """Whether the work is still wanted: nobody waits for it any more, or the interpreter is exiting."""

    def __init__(self) -> None:
        self.event = threading.Event()

    def __bool__(self) -> bool:
        return self.event.is_set() or not threading.main_thread().is_alive()


class Worker(Generic[Item]):
    """Runs blocking generators, one after the other, in a thread of its own.

    Args:
        name: of the thread, for those who look at a list of threads.
    """

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=f"ipy_gateway-{name}")

    async def items(self, work: Callable[[Cancelled], Iterator[Item]]) -> AsyncGenerator[Item, None]:
        """The items that `work` yields, as they come. Closing this generator makes the work stop at its next item."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Item | None] = asyncio.Queue()
        cancelled = Cancelled()

        def produce() -> None:
            try:
                for item in work(cancelled):
                    if cancelled:
                        return
                    _tell(loop, queue, item)
            finally:
                _tell(loop, queue, None)

        future = self._executor.submit(produce)
        try:
            while (item := await queue.get()) is not None:
                yield item
            await asyncio.wrap_future(future)
        finally:
            cancelled.event.set()
            future.cancel()


def _tell(loop: asyncio.AbstractEventLoop, queue: "asyncio.Queue[Item | None]", item: Item | None) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(queue.put_nowait, item)
