"""%gateway budget: the limits that its line sets."""

import re
from collections.abc import Sequence
from typing import Any, Final

from ...core.exceptions import InvalidRequestError
from ...core.requests.budget import SECONDS_PER_MINUTE, Budget

EXAMPLE: Final = "Write %gateway budget 200k tokens, or 50 requests, or 30 audio minutes."
_LIMIT = re.compile(
    r"(?P<number>\d[\d_,]*(?:\.\d+)?)\s*(?P<unit>[kKM]?)\s*"
    r"(?:(?P<kind>tokens?|requests?)|(?:audio\s+)?minutes?(?:\s+of\s+audio)?)(?:\s+and)?[,;]?\s*"
)
_UNITS: Final = {"": 1, "k": 1_000, "K": 1_000, "M": 1_000_000}


def budget_after(words: Sequence[str], budget: Budget | None) -> Budget | None:
    """The budget after `%gateway budget WORDS`; what is spent stays counted until it is taken back.

    Raises:
        InvalidRequestError: the words are no limits.
    """
    if not words:
        return budget
    if list(words) == ["off"]:
        return None
    limits = _limits_in(" ".join(words))
    if budget is None:
        return Budget(**limits)
    budget.limit(**limits)
    return budget


def _limits_in(text: str) -> dict[str, Any]:
    limits: dict[str, Any] = {}
    position = 0
    while position < len(text):
        found = _LIMIT.match(text, position)
        if not found:
            raise InvalidRequestError(f"{text!r:.80} is no budget.", EXAMPLE)
        position = found.end()
        number = float(re.sub("[_,]", "", found["number"])) * _UNITS[found["unit"]]
        if found["kind"]:
            limits[found["kind"].removesuffix("s") + "s"] = int(number)
        else:
            limits["audio_s"] = number * SECONDS_PER_MINUTE
    return limits
