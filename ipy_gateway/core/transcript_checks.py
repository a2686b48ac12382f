"""What the values of a transcript have to be, each with the sentence for what they are not."""

from collections.abc import Iterable
from typing import Any, TypeVar

from .exceptions import InvalidRequestError

# 31 years: longer than any recording, and short enough for the clocks of every subtitle format.
MAX_TIME_S = 1e9

Kind = TypeVar("Kind")


def check_kinds(name: str, values: Iterable[Any], kind: type[Kind]) -> tuple[Kind, ...]:
    """The values as a tuple.

    Raises:
        InvalidRequestError: they are no such values.
    """
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise InvalidRequestError(
            f"The {name} are no list but {_kind_of(values)}.", f"Give a list of {kind.__name__}."
        )
    checked = tuple(values)
    for value in checked:
        if not isinstance(value, kind):
            raise InvalidRequestError(
                f"The {name} hold {_kind_of(value)}.", f"Give values of {kind.__name__} alone."
            )
    return checked


def check_texts(what: str, **values: object) -> None:
    """Check that values are texts that a file can hold.

    Raises:
        InvalidRequestError: one of them is none.
    """
    for name, value in values.items():
        if not isinstance(value, str):
            raise InvalidRequestError(f"The {name} of the {what} is {_kind_of(value)}.", "Give a text.")
        if not _is_well_formed(value):
            raise InvalidRequestError(
                f"The {name} of the {what} holds half of a surrogate pair, which no file can hold.",
                "Decode the text anew, with errors='replace'.",
            )


def check_number(what: str, name: str, value: object) -> None:
    """Check that a value is a number of seconds.

    Raises:
        InvalidRequestError: it is none, or negative, or not finite.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (is_number and 0 <= value <= MAX_TIME_S):  # type: ignore[operator]  # a number here
        raise InvalidRequestError(
            f"The {name} of the {what} is {value!r:.40}, which is no time.",
            f"Give seconds, from 0 to {MAX_TIME_S:.0e}.",
        )


def check_span(what: str, start_s: object, end_s: object) -> None:
    """Check that a start and an end are times, and in this order.

    Raises:
        InvalidRequestError: they are not.
    """
    check_number(what, "start_s", start_s)
    check_number(what, "end_s", end_s)
    if end_s < start_s:  # type: ignore[operator]  # numbers, checked above
        raise InvalidRequestError(
            f"The end_s of the {what} is {end_s!r}, before its start_s, {start_s!r}.", "Exchange them."
        )


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _is_well_formed(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
