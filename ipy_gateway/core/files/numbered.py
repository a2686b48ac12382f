"""Names that are told apart by numbers where they are alike."""

from collections.abc import Sequence


def numbered_apart(names: Sequence[str]) -> list[str]:
    """The names, of which those that were there before, in whatever case, get a number: a, b, a (2)."""
    taken: set[str] = set()
    return [_not_in(taken, name) for name in names]


def _not_in(taken: set[str], name: str) -> str:
    number, free = 1, name
    while free.casefold() in taken:
        number += 1
        free = f"{name} ({number})"
    taken.add(free.casefold())
    return free
