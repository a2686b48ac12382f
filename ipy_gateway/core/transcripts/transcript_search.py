"""Where something is said in a transcript."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from ..exceptions import InvalidRequestError
from ..printable import one_line
from ..waiting.clock import clock
from .languages import spacing
from .spoken_times import SpokenTimes
from .transcription import Segment

if TYPE_CHECKING:
    from .transcript import Transcript

_CONTEXT_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Match:
    """A place where something is said.

    Attributes:
        segment_index: the segment that it begins in, or None where the transcript has no segments.
        start_s: when it begins: its word's time, or an estimate where words have none; None without segments.
        text: what was found, as it is written there.
        where: the same with some words around it, on one line.
    """

    segment_index: int | None
    start_s: float | None
    text: str
    where: str

    def __str__(self) -> str:
        return self.where if self.start_s is None else f"[{clock(self.start_s)}] {self.where}"


def matches_in(transcript: "Transcript", query: str, *, ignore_case: bool, regex: bool) -> tuple[Match, ...]:
    """Every place where a query is said, also across the borders of segments; they don't overlap.

    Raises:
        InvalidRequestError: the query is empty, or no regular expression.
    """
    pattern = _pattern(query, ignore_case=ignore_case, regex=regex)
    return tuple(_matches(transcript, pattern))


def _pattern(query: str, *, ignore_case: bool, regex: bool) -> re.Pattern[str]:
    if not isinstance(query, str) or not query.strip():
        raise InvalidRequestError("There is nothing to search for.", "Give some words.")
    source = query if regex else r"\s+".join(map(re.escape, query.split()))
    try:
        return re.compile(source, re.IGNORECASE if ignore_case else 0)
    except (re.error, OverflowError, RecursionError) as error:
        raise InvalidRequestError(
            f"{query!r:.80} is no regular expression: {error}.", "Correct it, or leave out regex=True."
        ) from error


def _matches(transcript: "Transcript", pattern: re.Pattern[str]) -> Iterator[Match]:
    segments = transcript.segments
    text, starts = _whole(segments) if segments else (transcript.text, [])
    times_of = lru_cache(maxsize=1)(SpokenTimes)  # most segments hold several matches, or none
    for found in pattern.finditer(text):
        index = bisect_right(starts, found.start()) - 1 if starts else None
        start_s = None
        if index is not None:
            offset = min(found.start() - starts[index], len(segments[index].text))
            start_s = times_of(segments[index]).starts_at(offset)
        if found[0]:
            yield Match(index, start_s, found[0], _around(text, found))


def _whole(segments: tuple[Segment, ...]) -> tuple[str, list[int]]:
    """The texts of all segments as one, and where each begins."""
    parts: list[str] = []
    for segment in segments:
        if parts:
            parts[-1] += spacing(parts[-1], segment.text)
        parts.append(segment.text)
    return "".join(parts), [0, *accumulate(map(len, parts))][:-1]


def _around(text: str, found: re.Match[str]) -> str:
    start = max(0, found.start() - _CONTEXT_CHARACTERS)
    stop = min(len(text), found.end() + _CONTEXT_CHARACTERS)
    before, after = "…" if start else "", "…" if stop < len(text) else ""
    return f"{before}{one_line(text[start:stop])}{after}"
