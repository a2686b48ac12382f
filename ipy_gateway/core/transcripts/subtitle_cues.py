"""Subtitles of a transcript: which lines are shown when."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..exceptions import InvalidRequestError
from ..printable import one_line
from .subtitle_lines import MAX_CUE_S, MIN_CUE_S, lines, split
from .subtitle_units import Unit, append_units, units_of
from .text_units import columns
from .timeline import timeline
from .transcription import Segment

if TYPE_CHECKING:
    from .transcript import Gap, Transcript

_MIN_CUE_MS, _MAX_CUE_MS = round(MIN_CUE_S * 1000), round(MAX_CUE_S * 1000)
_GAP_MS = 83  # Netflix: two frames between subtitles
_CHAINED_MS = 500  # and where there would be less than half a second, no more than those
_COLUMNS_PER_S = 17  # read with ease by adults
_MAX_DELAY_MS = 1000  # of words that are said while others are still to be read
_PAUSE_S = 1.0  # after which words of the next segment get a subtitle of their own

_OVERLAP_S = 0.1  # of segments whose times are rounded
_GAP_TRACK = "\n"  # no speaker has this name


@dataclass(frozen=True, slots=True)
class Cue:
    """A subtitle.

    Attributes:
        start_ms: when it appears.
        end_ms: when it disappears, after `start_ms`.
        lines: one or two.
        speaker: who says it, or None.
    """

    start_ms: int
    end_ms: int
    lines: tuple[str, ...]
    speaker: str | None = None


def cues_of(transcript: "Transcript", *, has_labels: bool) -> list[Cue]:
    """The subtitles of a transcript, one after the other.

    Args:
        transcript: with segments, or with a length at least.
        has_labels: whether a name stands before the first words of each speaker.

    Raises:
        InvalidRequestError: the transcript has no times.
    """
    cues: list[Cue] = []
    shown_until_ms: dict[str, int] = {}
    for run in _runs(_spans(transcript), has_labels=has_labels):
        for units in split(run.units):
            start_ms = max(_ms(units[0].start_s), shown_until_ms.get(run.track, 0))  # words keep their order
            shown_until_ms[run.track] = start_ms
            cues.append(Cue(start_ms, _ms(units[-1].end_s), tuple(lines(units)), run.speaker))
    return _apart(sorted(cues, key=lambda cue: cue.start_ms))


@dataclass(frozen=True, slots=True)
class _Run:
    """What is said in one go, by one speaker: what may stand in one subtitle."""

    units: list[Unit]
    speaker: str | None
    track: str


def _spans(transcript: "Transcript") -> "list[Segment | Gap]":
    if not transcript.text.strip() or transcript.segments:
        return timeline(transcript)
    if transcript.duration_s is None:
        raise InvalidRequestError(
            "The transcript has no times, which subtitles need.",
            "Transcribe with a server that gives segments.",
        )
    return timeline(replace(transcript, segments=(Segment(0.0, transcript.duration_s, transcript.text),)))


def _runs(spans: "list[Segment | Gap]", *, has_labels: bool) -> Iterator[_Run]:
    run, end_s, named = _Run([], None, ""), 0.0, ""
    for span in spans:
        is_gap = not isinstance(span, Segment)
        segment = span if isinstance(span, Segment) else _mark_of(span)
        speaker = one_line(segment.speaker or "")
        track = _GAP_TRACK if is_gap else speaker
        label = f"{speaker}:" if has_labels and speaker and speaker != named else ""
        units = units_of(segment, label)
        if not units:
            continue
        named = named if is_gap else speaker
        if is_gap or track != run.track or not -_OVERLAP_S <= segment.start_s - end_s <= _PAUSE_S:
            yield run
            run = _Run([], speaker or None, track)
        append_units(run.units, units)
        end_s = segment.end_s
    yield run


def _mark_of(gap: "Gap") -> Segment:
    """The mark of a gap, which is there to be read at its start, however long the gap."""
    reading_s = columns(str(gap)) / _COLUMNS_PER_S
    return Segment(gap.start_s, min(gap.end_s, gap.start_s + reading_s), str(gap))


def _apart(cues: list[Cue]) -> list[Cue]:
    """The subtitles one after the other, each for as long as it may and has to be read."""
    starts_ms: list[int] = []
    for cue in cues:
        before_ms = starts_ms[-1] if starts_ms else -_MIN_CUE_MS
        wanted_ms = min(before_ms + _MIN_CUE_MS, cue.start_ms + _MAX_DELAY_MS)
        starts_ms.append(max(cue.start_ms, wanted_ms, before_ms + 1))
    following_ms = [*starts_ms, None][1:]
    return [
        replace(cue, start_ms=start_ms, end_ms=_end_ms(cue, start_ms, next_ms))
        for cue, start_ms, next_ms in zip(cues, starts_ms, following_ms, strict=True)
    ]


def _end_ms(cue: Cue, start_ms: int, next_ms: int | None) -> int:
    reading_ms = sum(map(columns, cue.lines)) * 1000 // _COLUMNS_PER_S
    end_ms = max(cue.end_ms, start_ms + _MIN_CUE_MS, start_ms + reading_ms)
    if next_ms is not None and next_ms - end_ms < _CHAINED_MS:
        end_ms = next_ms - _GAP_MS if next_ms - _GAP_MS - start_ms >= _MIN_CUE_MS else next_ms
    return min(end_ms, start_ms + _MAX_CUE_MS)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
