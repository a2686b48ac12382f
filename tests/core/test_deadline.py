"""A deadline whose clock can be stopped."""

import asyncio

import pytest

from ipy_gateway.core.waiting.deadline import clock_stopped, deadline


async def test_what_takes_too_long_is_cancelled() -> None:
    with pytest.raises(TimeoutError):
        async with deadline(0.05):
            await asyncio.sleep(5)


async def test_fetching_a_model_does_not_count() -> None:
    async with deadline(0.2):
        with clock_stopped():
            await asyncio.sleep(0.3)
        await asyncio.sleep(0.05)


async def test_after_a_stop_the_rest_of_the_time_counts() -> None:
    async def work() -> None:
        async with deadline(0.2):
            with clock_stopped():
                await asyncio.sleep(0.3)
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError):
        await work()


async def test_deadlines_nest() -> None:
    async with deadline(0.3), deadline(0.2):
        with clock_stopped():
            await asyncio.sleep(0.4)


async def test_without_a_deadline_nothing_is_stopped() -> None:
    with clock_stopped():
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("outer_s", "inner_s"), [(0.05, 5), (5, 0.05), (0.05, 0.05), (0.05, None), (None, 0.05)]
)
async def test_of_two_deadlines_the_earlier_one_counts(outer_s: float | None, inner_s: float | None) -> None:
    with pytest.raises(TimeoutError):
        async with deadline(outer_s), deadline(inner_s):
            await asyncio.sleep(5)


async def test_the_deadline_of_a_task_is_its_own_whatever_is_around_the_one_that_started_it() -> None:
    async def work() -> None:
        async with deadline(0.05):
            await asyncio.sleep(5)

    async with deadline(0.05):
        task = asyncio.ensure_future(work())
    await asyncio.wait([task])

    assert isinstance(task.exception(), TimeoutError)


async def test_a_clock_that_has_run_out_is_not_stopped() -> None:
    async def work() -> None:
        async with deadline(0.05):
            try:
                await asyncio.sleep(5)
            finally:
                with clock_stopped():
                    await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await work()


async def test_who_outlives_a_deadline_stops_its_clock_no_more() -> None:
    is_over = asyncio.Event()

    async def fetch_later() -> str:
        await is_over.wait()
        with clock_stopped():
            return "fetched"

    async with deadline(5):
        fetching = asyncio.create_task(fetch_later())
    is_over.set()

    assert await fetching == "fetched"
