"""Where subtitles and their lines end: at most two lines, which break where a reader would pause.

Follows Netflix's Timed Text Style Guide and the BBC's Subtitle Guidelines: one line where it holds all, line
breaks after punctuation and before conjunctions, prepositions and articles, the lower line the longer one.
"""

import math
from collections.abc import Iterator, Sequence

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
    widths = [columns(unit.text) for unit in units]
    costs = [math.inf] * len(units) + [0.0]
    stops = [len(units)] * len(units)
    for start in range(len(units) - 1, -1, -1):
        for stop, width, crossed in _candidates(units, widths, start):
            cost = _cost(units, start, stop, width) + crossed + costs[stop]
            if cost < costs[start]:
                costs[start], stops[start] = cost, stop
    return list(_followed(units, stops))


def lines(units: Sequence[Unit]) -> list[str]:
    """The lines of a subtitle."""
    whole = text_of(units)
    if columns(whole) <= MAX_LINE_COLUMNS:
        return [whole]
    best = min(range(1, len(units)), key=lambda position: _line_cost(units, position))
    return [text_of(units[:best]), text_of(units[best:])]


def _candidates(units: Sequence[Unit], widths: list[int], start: int) -> Iterator[tuple[int, int, int]]:
    """Where a subtitle may end that begins at a unit, with its width and the cost of the borders in it."""
    line_count, width, total, crossed = 1, 0, 0, 0
    for position in range(start, len(units)):
        unit, before = units[position], units[position - 1]
        if position > start:
            if unit.end_s - units[start].start_s > MAX_CUE_S:
                return
            crossed += _border_cost(before, unit) if unit.begins_segment else 0
        added = widths[position] + (unit.has_blank and width > 0)
        if width + added > MAX_LINE_COLUMNS:
            if line_count == MAX_LINES:
                return
            line_count, width, added = line_count + 1, 0, widths[position]
        width, total = width + added, total + added
        yield position + 1, total, crossed


def _border_cost(before: Unit, unit: Unit) -> int:
    if ends_sentence(before.text):
        return _ACROSS_SENTENCES
    return _ACROSS_CLAUSES if ends_clause(before.text) else _ACROSS_SEGMENTS


def _cost(units: Sequence[Unit], start: int, stop: int, width: int) -> float:
    emptiness = 1 - width / (MAX_LINES * MAX_LINE_COLUMNS)
    cost = _CUE + _UNEVEN * emptiness * emptiness
    if stop == len(units):
        return cost
    is_short = units[stop].start_s - units[start].start_s < MIN_CUE_S
    at_segment = units[stop].begins_segment and units[stop].break_cost > AFTER_CLAUSE
    return cost + (AFTER_CLAUSE if at_segment else units[stop].break_cost) + is_short * _TOO_SHORT


def _followed(units: Sequence[Unit], stops: list[int]) -> Iterator[list[Unit]]:
    start = 0
    while start < len(units):
        yield list(units[start : stops[start]])
        start = stops[start]


def _line_cost(units: Sequence[Unit], position: int) -> float:
    upper, lower = columns(text_of(units[:position])), columns(text_of(units[position:]))
    if max(upper, lower) > MAX_LINE_COLUMNS:
        return math.inf
    return units[position].break_cost + _UNEVEN * abs(upper - lower) / MAX_LINE_COLUMNS + (upper > lower) / 2
