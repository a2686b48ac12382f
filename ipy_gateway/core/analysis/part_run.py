"""The parts of a recording asked about: several at once, in their order, with a name for each failure."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from ..exceptions import UpstreamError, UpstreamResponseError
from ..transcribing.audio_api import NO_ROUTE
from ..transcribing.window_run import GIVE_UP_AFTER, is_same_for_all
from .analysis_parts import Finding, missing

Part = TypeVar("Part")


class PartRun(Generic[Part]):
    """Has all parts asked about.

    Args:
        ask: what is found in a part, or in the parts that it had to be cut into; raises UpstreamError.
        name_of: what a part is called.
        at_once: how many parts may be under way.
        on_done: called with the number of parts that are through, before the first and after each.
    """

    def __init__(
        self,
        ask: Callable[[Part], Awaitable[list[Finding]]],
        *,
        name_of: Callable[[Part], str],
        at_once: int,
        on_done: Callable[[int], None],
    ) -> None:
        self._ask = ask
        self._name_of = name_of
        self._slots = asyncio.Semaphore(at_once)
        self._on_done = on_done
        self._done = 0
        self._has_answered = False
        self._failures_in_a_row = 0
        self._first_error: UpstreamError | None = None
        self._last_error: UpstreamError | None = None
        self._findings: dict[int, list[Finding]] = {}

    async def findings_in(
        self, parts: AsyncGenerator[Part, None], *, first_alone: bool = False
    ) -> list[Finding]:
        """What is found in each part, in their order.

        Args:
            parts: each is taken when there is a slot for it.
            first_alone: whether the first shows whether the server can be asked like this at all.

        Raises:
            UpstreamError: nothing was found at all; what was said of the first.
        """
        self._on_done(0)
        error: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                await self._start_all(parts, group, first_alone=first_alone)
        except BaseExceptionGroup as failures:
            error = failures.exceptions[0]
        if error:
            raise error
        if self._first_error and not self._has_answered:
            raise self._first_error
        return [finding for _, found in sorted(self._findings.items()) for finding in found]

    async def _start_all(
        self, parts: AsyncGenerator[Part, None], group: asyncio.TaskGroup, *, first_alone: bool
    ) -> None:
        number = 0
        while True:
            await self._slots.acquire()
            try:
                part = await anext(parts)
            except StopAsyncIteration:
                return
            asking = group.create_task(self._asked(number, part))
            # A task that is cancelled before it starts would not give it back by itself.
            asking.add_done_callback(lambda _: self._slots.release())
            del part
            if first_alone and number == 0:
                await asyncio.wait({asking})
            number += 1

    async def _asked(self, number: int, part: Part) -> None:
        if self._failures_in_a_row >= GIVE_UP_AFTER and self._last_error:
            self._findings[number] = [missing(self._name_of(part), self._last_error.message)]
        else:
            self._findings[number] = await self._found(part)
        self._done += 1
        self._on_done(self._done)

    async def _found(self, part: Part) -> list[Finding]:
        try:
            found = await self._ask(part)
        except UpstreamError as error:
            self._failed(error)
            return [missing(self._name_of(part), error.message)]
        self._has_answered = True
        self._failures_in_a_row = 0
        return found

    def _failed(self, error: UpstreamError) -> None:
        """Take note of a failure; raise it where every other part would fail alike."""
        self._failures_in_a_row += 1
        self._first_error, self._last_error = self._first_error or error, error
        has_no_route = isinstance(error, UpstreamResponseError) and error.status_code in NO_ROUTE
        gives_up = self._failures_in_a_row >= GIVE_UP_AFTER
        if not self._has_answered and (has_no_route or gives_up or is_same_for_all(error)):
            raise self._first_error


async def one_by_one(parts: Iterable[Part]) -> AsyncGenerator[Part, None]:
    """Parts that are all there, as `findings_in` takes them."""
    for part in parts:
        yield part
