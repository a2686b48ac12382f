"""Letting an interrupt reach a cell that awaits us."""

import asyncio
from weakref import WeakKeyDictionary

# A loop in the main thread sees a Ctrl-C only when it wakes (ipykernel #881).
SIGNAL_CHECK_S = 0.2


class waking_for_signals:  # noqa: N801 - used like a function
    """A context in which the running loop wakes a few times a second, so that it sees an interrupt.

    All that wait on a loop share one timer, and a request that is soon answered starts no further one.
    """

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        known = _alarms.get(loop)
        if known is None:
            known = _alarms[loop] = _Alarm()
        self._alarm = known
        known.waiting += 1
        if not known.is_set:
            known.set(loop)

    def __exit__(self, *_: object) -> None:
        self._alarm.waiting -= 1


class _Alarm:
    """Wakes one loop as long as anybody waits; it holds no loop, or neither would ever be forgotten."""

    waiting = 0
    is_set = False

    def set(self, loop: asyncio.AbstractEventLoop) -> None:
        self.is_set = True
        loop.call_later(SIGNAL_CHECK_S, self._ring)

    def _ring(self) -> None:
        self.is_set = False
        if self.waiting:
            self.set(asyncio.get_running_loop())


_alarms: WeakKeyDictionary[asyncio.AbstractEventLoop, _Alarm] = WeakKeyDictionary()
