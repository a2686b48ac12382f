"""A coroutine that is cancelled at one of the places where it waits, each of which can be tried."""

import asyncio
import types
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any


@dataclass
class Cancelled:
    """How a coroutine ended that was cancelled at one of its places.

    Attributes:
        was_asked: whether there was such a place.
        task: which has ended.
    """

    was_asked: bool
    task: asyncio.Task[Any]


async def cancelled_everywhere(work: Callable[[], Awaitable[Any]]) -> list[Cancelled]:
    """What became of a work that was cancelled where it waits for the first time, for the second, and so on.

    Each place is tried twice: while it waits there, and just when what it waits for has come.
    """
    ended: list[Cancelled] = []
    for is_late in (False, True):
        place, one = 0, None
        while one is None or one.was_asked:
            place += 1
            one = await _cancelled_at(place, work, is_late=is_late)
            ended.append(one)
    return [one for one in ended if one.was_asked]


async def _cancelled_at(place: int, work: Callable[[], Awaitable[Any]], *, is_late: bool) -> Cancelled:
    asked: list[bool] = []

    async def stepping() -> Any:
        return await _stepped(work(), place, asked, is_late=is_late)

    task = asyncio.create_task(stepping())
    await asyncio.wait({task}, timeout=30)
    assert task.done(), f"cancelled at place {place}, it goes on"
    return Cancelled(bool(asked), task)


@types.coroutine
def _stepped(
    work: Awaitable[Any], place: int, asked: list[bool], *, is_late: bool
) -> Generator[Any, None, Any]:
    steps, task = work.__await__(), asyncio.current_task()
    assert task is not None
    error: BaseException | None = None
    waits = 0
    while True:
        try:
            future = next(steps) if error is None else steps.throw(error)
        except StopIteration as end:
            return end.value
        error, waits = None, waits + 1
        if waits == place:
            asked.append(True)
            if is_late and future is not None:
                future.add_done_callback(lambda _: task.cancel())  # before the task is woken
            else:
                asyncio.get_running_loop().call_soon(task.cancel)
        try:
            yield future
        except BaseException as thrown:
            error = thrown
