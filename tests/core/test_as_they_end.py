"""Many things worked on, several at once."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from ipy_gateway.core.waiting.as_they_end import as_they_end


async def numbers(count: int) -> AsyncGenerator[int, None]:
    for number in range(count):
        yield number


@pytest.mark.parametrize("steps", range(5))
@pytest.mark.parametrize("at_once", [1, 2, 10])
async def test_none_is_forgotten_however_long_it_takes_to_know_what_room_there_is(
    steps: int, at_once: int
) -> None:
    async def work(number: int, place: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        return number, place

    async def room() -> int:
        for _ in range(steps):
            await asyncio.sleep(0)
        return at_once

    async with asyncio.timeout(10), aclosing(as_they_end(work, numbers(20), room)) as results:
        assert sorted([result async for result in results]) == [(number, number) for number in range(20)]
