"""Whether to ask a server again, and when: pure decisions, no waiting.

The habits are those of openai-python (https://github.com/openai/openai-python, `_base_client.py`), because
servers are tuned to them: 408, 409, 429 and 5xx are asked again, after 0.5 s doubling to 8 s with jitter, and
what the server says of it comes first.
"""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ..exceptions import UpstreamError, UpstreamResponseError, UpstreamUnreachableError

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
LONGEST_RETRY_AFTER_S = 120.0
RETRIED_STATUSES = frozenset({408, 409, 429})
# What a 5xx says when it is the request that is wrong: asking again would only fail again.
CALLERS_MISTAKES = (
    "not supported",
    "not support",
    "unsupported",
    "invalid",
    "exceed",
    "too large",
    "too long",
    "no such model",
    "not found",
    "not implemented",
    "api key",
    "failed to parse",
    "failed to load",
    "must be",
)


def is_worth_retrying(error: UpstreamError, *, answered_before: bool) -> bool:
    """Whether the same request may well succeed when it is sent again.

    Args:
        error: what happened.
        answered_before: whether this server has ever answered. A server that never did, and refuses the
            connection, is not there: waiting for it would only delay the news.
    """
    if isinstance(error, UpstreamUnreachableError):
        return answered_before
    if not isinstance(error, UpstreamResponseError) or error.status_code is None:
        return False
    if error.should_retry is not None:
        return error.should_retry
    if (error.retry_after_s or 0) > LONGEST_RETRY_AFTER_S:
        return False
    if error.status_code >= 500:
        return not _is_callers_mistake(error)
    return error.status_code in RETRIED_STATUSES


def is_loading(error: UpstreamError) -> bool:
    """Whether the server says that it is still loading its model (llama.cpp does on every route)."""
    return (
        isinstance(error, UpstreamResponseError)
        and error.status_code == 503
        and "loading model" in error.message.lower()
    )


def wait_s(error: UpstreamError, retry: int) -> float:
    """Seconds to wait before retry number `retry`, counted from 0."""
    if isinstance(error, UpstreamResponseError) and error.retry_after_s is not None:
        return min(error.retry_after_s, LONGEST_RETRY_AFTER_S)
    # Jitter only shortens: many clients that failed together must not come back together.
    return float(min(FIRST_WAIT_S * 2**retry, LONGEST_WAIT_S)) * (1 - 0.25 * random.random())  # noqa: S311 - no secret


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Seconds that a response asks to wait: `retry-after-ms`, or `Retry-After`, a number or a date."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    seconds = _number(value)
    return seconds if seconds is not None else _seconds_until(value, now or datetime.now(UTC))


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """What the header `x-should-retry` says, if it is there."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def _is_callers_mistake(error: UpstreamError) -> bool:
    said = error.message.lower()
    return any(words in said for words in CALLERS_MISTAKES)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
