"""What tells a request from another one, in a few readable lines."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .canonical_request import CanonicalRequest

MAX_LINES = 5
SHOWN_CHARACTERS = 60
BEFORE_CHARACTERS = 15  # that are the same, shown before the first that is not
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where two requests differ.

    Attributes:
        place: such as "messages[1].content".
        line: it, with what stands there in the one and in the other.
    """

    place: str
    line: str


@dataclass(frozen=True, slots=True)
class Differences:
    """The first places where two requests differ.

    Attributes:
        shown: those that are shown.
        count: how many there are in all.
    """

    shown: tuple[Difference, ...]
    count: int

    @property
    def lines(self) -> list[str]:
        """A line for each that is shown, and one for the others."""
        left = self.count - len(self.shown)
        more = [f"  and {left} more"] if left else []
        return [*(f"  {difference.line}" for difference in self.shown), *more]


def nearest_of(asked: CanonicalRequest, known: Sequence[CanonicalRequest]) -> CanonicalRequest | None:
    """The request to the same route that differs in the fewest places, begun most alike of those; or None."""
    candidates = [one for one in known if (one.method, one.route) == (asked.method, asked.route)]
    return min(candidates, key=lambda one: _distance(one, asked), default=None)


def differences(recorded: CanonicalRequest, asked: CanonicalRequest) -> Differences:
    """Where a request differs from a recorded one."""
    found = list(_places(recorded, asked))
    shown = tuple(Difference(place, f"{place}: {_values(*values)}") for place, *values in found[:MAX_LINES])
    return Differences(shown, len(found))


def _distance(recorded: CanonicalRequest, asked: CanonicalRequest) -> tuple[int, int]:
    return len(list(_places(recorded, asked))), -_same_beginning(recorded.key[2], asked.key[2])


def _places(recorded: CanonicalRequest, asked: CanonicalRequest) -> Iterator[tuple[str, Any, Any]]:
    for name in dict.fromkeys([*recorded.body, *asked.body]):
        body = name in ("json", "form")
        yield from _differing(
            "" if body else name, recorded.body.get(name, _NOTHING), asked.body.get(name, _NOTHING)
        )


def _differing(place: str, recorded: Any, asked: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(recorded, dict) and isinstance(asked, dict):
        for name in dict.fromkeys([*recorded, *asked]):
            inner = f"{place}.{name}" if place else str(name)
            yield from _differing(inner, recorded.get(name, _NOTHING), asked.get(name, _NOTHING))
    elif isinstance(recorded, list) and isinstance(asked, list):
        for number in range(max(len(recorded), len(asked))):
            old, new = (one[number] if number < len(one) else _NOTHING for one in (recorded, asked))
            yield from _differing(f"{place}[{number}]", old, new)
    elif _written(recorded) != _written(asked):
        yield place or "the body", recorded, asked


def _values(recorded: Any, asked: Any) -> str:
    old, new = _written(recorded), _written(asked)
    start = max(0, _same_beginning(old, new) - BEFORE_CHARACTERS)
    if max(len(old), len(new)) <= SHOWN_CHARACTERS:
        start = 0
    return f"recorded {_cut(old, start)}, now {_cut(new, start)}"


def _written(value: Any) -> str:
    return "nothing" if value is _NOTHING else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _cut(text: str, start: int) -> str:
    end = start + SHOWN_CHARACTERS
    return f"{'…' if start else ''}{text[start:end]}{'…' if len(text) > end else ''}"


def _same_beginning(one: str, other: str) -> int:
    length = min(len(one), len(other))
    return next((n for n in range(length) if one[n] != other[n]), length)
