"""Several iterators read at once, each in a thread of its own, and what they gave in their order."""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from .worker import Cancelled

Item = TypeVar("Item")


def read_side_by_side(
    iterators: Iterator[Iterator[Item]], cancelled: Cancelled, *, at_once: int
) -> Iterator[Item]:
    """The items of all iterators in their order, while the next ones are being read.

    Args:
        iterators: asked for the next one when one of those under way has ended.
        cancelled: once it is set, no further item is read. Those who stop early wait for what is under way.
        at_once: how many of them are read at once.

    Raises: what an iterator raised, after the items that came before it.
    """
    under_way: deque[_Reading[Item]] = deque()
    try:
        for iterator in iterators:
            if cancelled.is_set():
                return
            under_way.append(_Reading(iterator, cancelled))
            if len(under_way) == at_once:
                yield from under_way.popleft().items()
        while under_way:
            yield from under_way.popleft().items()
    finally:
        for reading in under_way:
            reading.join()


class _Reading(threading.Thread, Generic[Item]):
    """One iterator, read to its end.

    Not a daemon: native code has to be done when the interpreter is torn down.
    """

    def __init__(self, iterator: Iterator[Item], cancelled: Cancelled) -> None:
        super().__init__(name=threading.current_thread().name, daemon=False)
        self._iterator = iterator
        self._cancelled = cancelled
        self._items: list[Item] = []
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            while not self._cancelled.is_set():
                self._items.append(next(self._iterator))
        except StopIteration:
            pass
        except BaseException as error:  # raised again where the items are wanted
            self._error = error

    def items(self) -> Iterator[Item]:
        self.join()
        yield from self._items
        if self._error:
            raise self._error
