"""What was heard in each window, put together to what was said in the recording."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..transcripts.languages import joined
from ..transcripts.transcript import Gap
from ..transcripts.transcription import Segment, Transcription, Word
from .seams import Seam, without_doubled

# After a sentence; Chinese and Japanese write no blank there.
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*")

# Tags round, and a video may go on for a moment after its sound.
_LEAST_MISSING_S = 5.0
_LEAST_MISSING_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a window.

    Attributes:
        start_s: where the window begins, in seconds from the start of the recording.
        end_s: where it ends.
        overlap_s: how much of its beginning the window before it has, too.
        transcription: what was heard, with times from the start of the window, or None where it failed.
        reason: why it failed, or "".
    """

    start_s: float
    end_s: float
    overlap_s: float = 0.0
    transcription: Transcription | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    heard: Heard
    text: str
    segments: tuple[Segment, ...]
    has_times: bool


def put_together(windows: Sequence[Heard]) -> tuple[Transcription, tuple[Gap, ...]]:
    """The whole of windows in the order of time, and what is missing from it."""
    parts: list[_Part] = []
    before: Heard | None = None
    for heard in windows:
        if heard.transcription:
            part = _part(heard, heard.transcription)
            if parts and parts[-1].heard is before and heard.overlap_s:
                parts[-1], part = _sewn(parts[-1], part)
            parts.append(part)
        before = heard
    whole = Transcription(
        joined([part.text for part in parts if part.text]),
        _in_order([segment for part in parts for segment in part.segments]),
        language=_language(windows),
        duration_s=max((heard.end_s for heard in windows), default=0.0) or None,
        cut_off=any(heard.transcription.cut_off for heard in windows if heard.transcription),
    )
    return whole, _gaps(windows)


def end_that_is_missing(end_s: float, stated_s: float | None) -> tuple[Gap, ...]:
    """The gap at the end of a recording that states to be longer than it is, as one does that was cut short.

    Args:
        end_s: where its sound ends; 0 where nobody knows.
        stated_s: how long it says that it is, or None.
    """
    if (
        not end_s
        or stated_s is None
        or stated_s - end_s < max(_LEAST_MISSING_S, _LEAST_MISSING_SHARE * stated_s)
    ):
        return ()
    return (Gap(end_s, stated_s, "the file has no sound there, and may be cut short"),)


def _part(heard: Heard, transcription: Transcription) -> _Part:
    has_times = any(segment.text for segment in transcription.segments)
    if has_times:
        segments = _placed(transcription.segments, heard)
    else:
        segments = _sentences(transcription.text, heard.start_s, heard.end_s)
    return _Part(heard, transcription.text, segments, has_times)


def _placed(segments: Sequence[Segment], heard: Heard) -> tuple[Segment, ...]:
    """Segments at their times in the recording. Servers pad a window, and find ends behind its end."""

    def place(time_s: float) -> float:
        return min(heard.start_s + time_s, heard.end_s)

    def placed(word: Word) -> Word:
        return Word(place(word.start_s), place(word.end_s), word.text)

    return tuple(
        replace(
            segment,
            start_s=place(segment.start_s),
            end_s=place(segment.end_s),
            words=tuple(placed(word) for word in segment.words),
        )
        for segment in sorted(segments, key=lambda segment: segment.start_s)
    )


def _sentences(text: str, start_s: float, end_s: float) -> tuple[Segment, ...]:
    """A text without times as its sentences, each as long as its share of the characters."""
    sentences = [sentence for sentence in _SENTENCE_END.split(text.strip()) if sentence]
    characters = sum(map(len, sentences))
    segments, done = [], 0
    for sentence in sentences:
        bounds = [start_s + (end_s - start_s) * place / characters for place in (done, done + len(sentence))]
        segments.append(Segment(bounds[0], bounds[1], sentence))
        done += len(sentence)
    return tuple(segments)


def _sewn(before: _Part, after: _Part) -> tuple[_Part, _Part]:
    has_times = before.has_times and after.has_times
    seam = Seam(after.heard.start_s, after.heard.start_s + after.heard.overlap_s, has_times)
    earlier, later = without_doubled(before.segments, after.segments, seam)
    return _with_segments(before, earlier), _with_segments(after, later)


def _with_segments(part: _Part, segments: tuple[Segment, ...]) -> _Part:
    if segments == part.segments:  # the server knows best where it writes a blank
        return part
    return replace(part, segments=segments, text=joined([segment.text for segment in segments]))


def _in_order(segments: list[Segment]) -> tuple[Segment, ...]:
    """Segments in the order of the text, with times that never go back; at a seam they may overlap."""
    ordered: list[Segment] = []
    for segment in segments:
        if ordered and segment.start_s < ordered[-1].end_s:
            start_s = max(segment.start_s, ordered[-1].start_s)
            segment = replace(segment, start_s=start_s, end_s=max(start_s, segment.end_s))
        ordered.append(segment)
    return tuple(ordered)


def _language(windows: Sequence[Heard]) -> str | None:
    """The language that was heard for the longest time."""
    times_s: Counter[str] = Counter()
    for heard in windows:
        if heard.transcription and heard.transcription.language and heard.transcription.text:
            times_s[heard.transcription.language] += round(1000 * (heard.end_s - heard.start_s))
    return times_s.most_common(1)[0][0] if times_s else None


def _gaps(windows: Sequence[Heard]) -> tuple[Gap, ...]:
    gaps: list[Gap] = []
    for place, heard in enumerate(windows):
        if heard.transcription:
            continue
        # What the neighbours heard as well is not missing.
        start_s = heard.start_s + (heard.overlap_s if place and windows[place - 1].transcription else 0.0)
        following = windows[place + 1] if place + 1 < len(windows) else None
        end_s = heard.end_s - (following.overlap_s if following and following.transcription else 0.0)
        if gaps and gaps[-1].end_s >= start_s and gaps[-1].reason == heard.reason:
            gaps[-1] = replace(gaps[-1], end_s=max(end_s, gaps[-1].end_s))
        else:
            gaps.append(Gap(start_s, max(start_s, end_s), heard.reason))
    return tuple(gaps)
