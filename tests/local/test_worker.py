"""Blocking work in a thread that can be told to stop."""

import asyncio
import gc
import threading
from collections.abc import Iterator

import pytest

from ipy_gateway.local.worker import Cancelled, Worker


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::RuntimeWarning")
def test_work_for_a_loop_that_was_closed_is_stopped() -> None:
    has_begun, may_go_on, has_ended = threading.Event(), threading.Event(), threading.Event()
    done: list[int] = []

    def work(_: Cancelled) -> Iterator[int]:
        try:
            for number in range(1000):
                done.append(number)
                yield number
                has_begun.set()
                may_go_on.wait(20)
        finally:
            has_ended.set()

    async def use() -> None:
        async for _ in Worker[int]("test").items(work):
            pass

    loop = asyncio.new_event_loop()
    waiting = loop.create_task(use())
    loop.run_until_complete(asyncio.sleep(0))
    assert has_begun.wait(20)
    loop.close()
    may_go_on.set()

    assert has_ended.wait(20)
    assert len(done) < 1000
    waiting._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left on purpose
    del waiting
    gc.collect()
