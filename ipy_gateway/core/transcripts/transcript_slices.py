"""A part of a transcript: what is said between two times."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..exceptions import InvalidRequestError
from .spoken_times import Piece, SpokenTimes
from .transcription import Segment, Word

if TYPE_CHECKING:
    from .transcript import Gap, Transcript


def times_of_slice(times: object, transcript: "Transcript") -> tuple[float, float | None]:
    """Start and end of what stands in `transcript[...]`; negative times count from the end.

    Raises:
        InvalidRequestError: it is no slice of times.
    """
    if not isinstance(times, slice) or times.step is not None:
        raise InvalidRequestError(
            "A transcript is sliced by two times, in seconds.", "Write transcript[60:120]."
        )
    total_s = end_of(transcript)
    start_s, end_s = (_from_end(time_s, total_s) for time_s in (times.start, times.stop))
    return (0.0 if start_s is None else start_s), end_s


def end_of(transcript: "Transcript") -> float:
    """Where a transcript ends, in seconds."""
    ends_s = [segment.end_s for segment in transcript.segments] + [gap.end_s for gap in transcript.gaps]
    return max([transcript.duration_s or 0.0, *ends_s])


def segments_between(segments: Iterable[Segment], start_s: float, end_s: float) -> tuple[Segment, ...]:
    """The segments from one time to the other, cut between words; each word is in the part of its middle."""
    parts = [_part(segment, start_s, end_s) for segment in segments]
    return tuple(sorted((part for part in parts if part), key=lambda part: part.start_s))


def gaps_between(gaps: Iterable["Gap"], start_s: float, end_s: float) -> tuple["Gap", ...]:
    """The gaps from one time to the other, cut there."""
    return tuple(
        replace(gap, start_s=max(gap.start_s, start_s), end_s=min(gap.end_s, end_s))
        for gap in gaps
        if max(gap.start_s, start_s) < min(gap.end_s, end_s) or start_s <= gap.start_s == gap.end_s < end_s
    )


def _from_end(time_s: object, total_s: float) -> float | None:
    if time_s is None:
        return None
    if not isinstance(time_s, int | float):
        raise InvalidRequestError(
            f"A transcript can't be sliced by {time_s!r:.40}.", "Give seconds: transcript[60:120]."
        )
    return max(0.0, total_s + time_s) if time_s < 0 else time_s


def _part(segment: Segment, start_s: float, end_s: float) -> Segment | None:
    if start_s <= segment.start_s and segment.end_s <= end_s and segment.start_s < end_s:
        return segment
    if segment.end_s <= start_s or segment.start_s >= end_s:
        return None
    # The last part has what is said at the very end of the segment, too.
    before_s = math.inf if segment.end_s <= end_s else end_s
    pieces = list(SpokenTimes(segment).pieces())
    kept = [number for number, piece in enumerate(pieces) if _is_inside(piece, start_s, before_s)]
    if not kept:
        return None
    first, last = kept[0], kept[-1]
    is_first, is_last = first == 0, last == len(pieces) - 1
    start = 0 if is_first else pieces[first].start
    stop = len(segment.text) if is_last else pieces[last + 1].start
    return Segment(
        max(start_s, segment.start_s if is_first else pieces[first].start_s),
        min(end_s, segment.end_s if is_last else pieces[last].end_s),
        segment.text[start:stop].strip(),
        tuple(
            _clipped(word, start_s, end_s) for word in segment.words if _is_inside(word, start_s, before_s)
        ),
        segment.speaker,
    )


def _is_inside(span: Piece | Word, start_s: float, before_s: float) -> bool:
    return start_s <= (span.start_s + span.end_s) / 2 < before_s


def _clipped(word: Word, start_s: float, end_s: float) -> Word:
    return Word(max(word.start_s, start_s), min(word.end_s, end_s), word.text)
