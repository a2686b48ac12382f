"""A loop that waits wakes now and again, by one timer for all that wait on it."""

import asyncio
import gc
import weakref

import pytest

from ipy_gateway.core.waiting import signals
from ipy_gateway.core.waiting.signals import waking_for_signals


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts its timers."""

    timers = 0

    def call_later(self, *given: object, **named: object) -> asyncio.TimerHandle:
        self.timers += 1
        return super().call_later(*given, **named)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SIGNAL_CHECK_S", 0.01)


def run(work: object) -> CountingLoop:
    with asyncio.Runner(loop_factory=CountingLoop) as runner:
        runner.run(work)  # type: ignore[arg-type]
        loop = runner.get_loop()
    assert isinstance(loop, CountingLoop)
    return loop


async def until_it_has_woken(loop: CountingLoop, times: int) -> None:
    woken = asyncio.Event()

    def look() -> None:
        if loop.timers >= times:
            woken.set()
        else:
            loop.call_soon(look)

    look()
    async with asyncio.timeout(10):
        await woken.wait()


def test_a_loop_wakes_again_and_again_while_somebody_waits() -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        with waking_for_signals():
            await until_it_has_woken(loop, 5)

    assert run(work()).timers >= 5


def test_many_that_wait_on_a_loop_share_a_timer_and_so_do_those_after_them() -> None:
    async def wait_shortly() -> None:
        with waking_for_signals(), waking_for_signals():
            await asyncio.sleep(0)

    async def work() -> None:
        await asyncio.gather(*(wait_shortly() for _ in range(50)))
        for _ in range(50):
            await wait_shortly()

    signals.SIGNAL_CHECK_S = 60

    assert run(work()).timers == 1


def test_nobody_is_woken_who_does_not_wait() -> None:
    async def work() -> int:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        with waking_for_signals():
            pass
        await asyncio.sleep(0.1)
        return loop.timers

    assert run(work()).timers <= 2


def test_a_loop_is_forgotten() -> None:
    async def work() -> None:
        with waking_for_signals():
            await asyncio.sleep(0)

    gone = weakref.ref(run(work()))
    gc.collect()

    assert gone() is None
