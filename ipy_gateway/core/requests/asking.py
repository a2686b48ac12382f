"""Ask until there is an answer: other servers, retries, and a server that is still loading."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ..answers.retries import is_loading, is_worth_retrying, wait_s
from ..cassettes.tape import is_replaying
from ..client import errors_of_ours
from ..config import GatewayConfig
from ..exceptions import UpstreamError, UpstreamTimeoutError
from ..waiting.deadline import deadline
from ..waiting.progress import Progress, report
from ..waiting.signals import waking_for_signals
from .servers import board

Answer = TypeVar("Answer")

LOADING_POLL_S = 1.0


async def ask(
    attempt: Callable[[str], Awaitable[Answer]], urls: Sequence[str], config: GatewayConfig
) -> Answer:
    """The first good answer of any of the servers, within `config.timeout_s` in all.

    A server that fails is rested, and the next one is asked at once; when all have failed, they are asked
    again after a wait, `config.max_retries` times. A server that is loading its model is waited for, up to
    `config.loading_timeout_s`, which counts as no retry.

    Args:
        attempt: sends the request to a base URL; raises UpstreamError where that fails.
        urls: base URLs, in the order of preference.

    Raises:
        UpstreamError: what the last server said, where asking again makes no sense or has not helped.
    """
    asking = _Asking(urls, config)
    try:
        with waking_for_signals():
            async with deadline(config.timeout_s):
                return await asking.until_answered(attempt)
    except TimeoutError as error:
        raise asking.out_of_time() from error


class _Asking:
    """One request on its way through servers and retries."""

    def __init__(self, urls: Sequence[str], config: GatewayConfig) -> None:
        self._urls = urls
        self._config = config
        self._tried: frozenset[str] = frozenset()
        self._retries = 0
        self._loading_waits = 0
        self._last_error: UpstreamError | None = None

    async def until_answered(self, attempt: Callable[[str], Awaitable[Answer]]) -> Answer:
        while True:
            url = self._next_server()
            try:
                with board.busy(url), errors_of_ours(url, self._config):
                    answer = await attempt(url)
            except UpstreamError as error:
                pause_s = self._wait_after(error, url)
                await asyncio.sleep(0 if is_replaying() else pause_s)
            else:
                board.answered(url)
                return answer

    def out_of_time(self) -> UpstreamTimeoutError:
        """The error for a deadline that came while waiting to ask again."""
        last = f" The last answer: {self._last_error.message}" if self._last_error else ""
        return UpstreamTimeoutError(
            f"{' and '.join(self._urls)} gave no complete answer within {self._config.timeout_s:g} s.{last}",
            "Raise timeout_s, or ask for less at a time.",
            upstream=self._urls[0],
        )

    def _next_server(self) -> str:
        in_order = self._config.server_order == "as_given"
        return board.pick(self._urls, passed_over=self._tried, in_order=in_order)

    def _wait_after(self, error: UpstreamError, url: str) -> float:
        """Seconds to wait before the next attempt; raises the error where there is to be none."""
        self._last_error = error
        loading = is_loading(error)
        if not loading and not is_worth_retrying(error, answered_before=self._is_known(url)):
            raise error
        if len(self._urls) > 1:
            board.failed(url, rest_s=getattr(error, "retry_after_s", None) or 0.0)
            self._tried |= {url}
            if len(self._tried) < len(set(self._urls)):
                return 0.0
            self._tried = frozenset()
        return self._wait_for_loading(error, url) if loading else self._wait_for_retry(error)

    def _is_known(self, url: str) -> bool:
        """Of several servers one may be gone for good: that is what the others are for."""
        return len(self._urls) > 1 or board.has_answered(url)

    def _wait_for_loading(self, error: UpstreamError, url: str) -> float:
        if self._loading_waits * LOADING_POLL_S >= self._config.loading_timeout_s:
            raise error
        self._loading_waits += 1
        report(Progress(f"{url} is loading its model"))
        return LOADING_POLL_S

    def _wait_for_retry(self, error: UpstreamError) -> float:
        if self._retries >= self._config.max_retries:
            raise error
        self._retries += 1
        return wait_s(error, self._retries - 1)
