"""What the values of a transcript have to be, each with the sentence for what they are not."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..exceptions import InvalidRequestError
from .transcription import MAX_TIME_S, Segment, Word

if TYPE_CHECKING:
    from .transcript import Gap

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


def check_segments(segments: Sequence[Segment]) -> None:
    """Check the times and texts of segments and their words.

    Raises:
        InvalidRequestError: one of them is wrong.
    """
    _check_spans("segment", segments)
    for number, segment in enumerate(segments, start=1):
        what = f"segment {number}"
        check_texts(what, text=segment.text)
        if segment.speaker is not None:
            check_texts(what, speaker=segment.speaker)
        for word in check_kinds(f"words of {what}", segment.words, Word):
            check_span(f"word {word.text!r:.40} of {what}", word.start_s, word.end_s)
            check_texts(f"word of {what}", text=word.text)


def check_gaps(gaps: "Sequence[Gap]") -> None:
    """Check the times and reasons of gaps.

    Raises:
        InvalidRequestError: one of them is wrong.
    """
    _check_spans("gap", gaps)
    for number, gap in enumerate(gaps, start=1):
        check_texts(f"gap {number}", reason=gap.reason)


def _check_spans(kind: str, spans: "Sequence[Segment | Gap]") -> None:
    before_s = 0.0
    for number, span in enumerate(spans, start=1):
        check_span(f"{kind} {number}", span.start_s, span.end_s)
        if span.start_s < before_s:
            raise InvalidRequestError(
                f"The {kind}s are out of order: {kind} {number} begins at {span.start_s} s, "
                f"the one before it at {before_s} s.",
                "Sort them by start_s.",
            )
        before_s = span.start_s


def _kind_of(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _is_well_formed(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
