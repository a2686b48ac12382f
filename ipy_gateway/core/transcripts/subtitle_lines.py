"""Where subtitles and their lines end: at most two lines, which break where a reader would pause.

Follows Netflix's Timed Text Style Guide and the BBC's Subtitle Guidelines: one line where it holds all, line
breaks after punctuation and before conjunctions, prepositions and articles, the lower line the longer one.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import accumulate

from .subtitle_units import AFTER_CLAUSE, MAX_LINE_COLUMNS, Unit, ends_clause, ends_sentence, text_of
from .text_units import columns

MIN_CUE_S = 5 / 6  # Netflix: 20 frames of 24 a second
MAX_CUE_S = 7.0
MAX_LINES = 2
# What a subtitle costs: many are worse than few, one that nobody can read in its time is worse than one with
# words of two segments, and that is worse than two where a sentence ends between them.
_CUE, _TOO_SHORT, _UNEVEN = 6, 10, 3
_ACROSS_SENTENCES, _ACROSS_CLAUSES, _ACROSS_SEGMENTS = 12, 4, 1


def split(units: Sequence[Unit]) -> list[list[Unit]]:
    """The units of each subtitle, so that all together cost least; every unit is in one of them."""
    splitting = _Splitting(units)
    costs = [math.inf] * len(units) + [0.0]
    stops = [len(units)] * len(units)
    for start in range(len(units) - 1, -1, -1):
        for stop, cost in splitting.candidates(start):
            if cost + costs[stop] < costs[start]:
                costs[start], stops[start] = cost + costs[stop], stop
    return list(_followed(units, stops))


def lines(units: Sequence[Unit]) -> list[str]:
    """The lines of a subtitle."""
    whole = text_of(units)
    if columns(whole) <= MAX_LINE_COLUMNS:
        return [whole]
    ends = list(accumulate(columns(unit.text) + unit.has_blank for unit in units))
    best = min(range(1, len(units)), key=lambda position: _line_cost(units, ends, position))
    return [text_of(units[:best]), text_of(units[best:])]


class _Splitting:
    """What the subtitles of units cost; all that is known of a unit alone is found out once."""

    def __init__(self, units: Sequence[Unit]) -> None:
        self._widths = [columns(unit.text) for unit in units]
        self._blanks = [int(unit.has_blank) for unit in units]
        self._starts_s = [unit.start_s for unit in units]
        self._ends_s = [unit.end_s for unit in units]
        self._crossed = [0, *map(_border_cost, units, units[1:])]
        self._break_costs = [*map(_end_cost, units), 0]

    def candidates(self, start: int) -> Iterator[tuple[int, float]]:
        """Where a subtitle may end that begins at a unit, and what it then costs."""
        count, start_s = len(self._widths), self._starts_s[start]
        line_count, width, total, crossed = 1, 0, 0, 0
        for position in range(start, count):
            added = self._widths[position] + (self._blanks[position] if width else 0)
            if position > start:
                if self._ends_s[position] - start_s > MAX_CUE_S:
                    return
                crossed += self._crossed[position]
            if width + added > MAX_LINE_COLUMNS:
                if line_count == MAX_LINES:
                    return
                line_count, width, added = line_count + 1, 0, self._widths[position]
            width, total = width + added, total + added
            stop = position + 1
            is_short = stop < count and self._starts_s[stop] - start_s < MIN_CUE_S
            yield stop, _SIZE_COSTS[total] + self._break_costs[stop] + crossed + is_short * _TOO_SHORT


# What a subtitle of so many columns costs: full ones are best.
_SIZE_COSTS = [
    _CUE + _UNEVEN * (1 - width / (MAX_LINES * MAX_LINE_COLUMNS)) ** 2
    for width in range(MAX_LINES * MAX_LINE_COLUMNS + 1)
]


def _border_cost(before: Unit, unit: Unit) -> int:
    """What it costs to have both in one subtitle."""
    if not unit.begins_segment:
        return 0
    if ends_sentence(before.text):
        return _ACROSS_SENTENCES
    return _ACROSS_CLAUSES if ends_clause(before.text) else _ACROSS_SEGMENTS


def _end_cost(following: Unit) -> int:
    """What it costs to end a subtitle before a unit."""
    return min(following.break_cost, AFTER_CLAUSE) if following.begins_segment else following.break_cost


def _followed(units: Sequence[Unit], stops: list[int]) -> Iterator[list[Unit]]:
    start = 0
    while start < len(units):
        yield list(units[start : stops[start]])
        start = stops[start]


def _line_cost(units: Sequence[Unit], ends: list[int], position: int) -> float:
    upper = ends[position - 1] - units[0].has_blank
    lower = ends[-1] - ends[position - 1] - units[position].has_blank
    if max(upper, lower) > MAX_LINE_COLUMNS:
        return math.inf
    return units[position].break_cost + _UNEVEN * abs(upper - lower) / MAX_LINE_COLUMNS + (upper > lower) / 2
