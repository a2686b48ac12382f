"""Many things worked on, several at once: begun when there is room, and given as soon as they are done."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def as_they_end(
    work: Callable[[Item, int], Coroutine[Any, Any, Result]],
    items: AsyncGenerator[Item, None],
    room: Callable[[], Awaitable[int]],
) -> AsyncGenerator[Result, None]:
    """The results in the order in which they are there.

    None of them waits for the next item, which may be long in coming. No item is taken before there is room
    for it: who is slow to take the results is waited for. Closing the generator cancels what is under way.

    Args:
        work: called with each item and its place.
        items: closed in the end; one task takes them all.
        room: how many may be under way.

    Raises: what `items` or `work` raise.
    """
    under_way: set[asyncio.Task[Result]] = set()
    ended: asyncio.Queue[asyncio.Task[Any]] = asyncio.Queue()
    is_taken = asyncio.Event()

    async def begin_all() -> None:
        async with aclosing(items):
            for place in itertools.count():
                while await room() <= len(under_way):  # in this order: some may end meanwhile
                    is_taken.clear()
                    await is_taken.wait()
                try:
                    item = await anext(items)
                except StopAsyncIteration:
                    return
                task = asyncio.create_task(work(item, place))
                under_way.add(task)
                task.add_done_callback(ended.put_nowait)

    beginning = asyncio.create_task(begin_all())
    beginning.add_done_callback(ended.put_nowait)
    is_begun = False
    try:
        while under_way or not is_begun:
            task = await ended.get()
            result = task.result()
            if task is beginning:
                is_begun = True
                continue
            yield result
            under_way.remove(task)
            is_taken.set()
    finally:
        for task in (beginning, *under_way):
            task.cancel()
        await asyncio.gather(beginning, *under_way, return_exceptions=True)
