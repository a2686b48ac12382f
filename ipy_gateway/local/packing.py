"""Speech packed for Whisper, which takes in half a minute at a time, without the silence in between."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, islice
from math import ceil
from typing import Any

from .requirements import import_extra
from .silence import SAMPLE_RATE_HZ, Span

CLIP_S = 30  # what Whisper takes in at once, whether or not that much is said in it


@dataclass(frozen=True)
class Pack:
    """Clips of at most half a minute that a model takes in together.

    Attributes:
        clips: the spans of speech in each, which follow each other without what was between them.
    """

    clips: tuple[tuple[Span, ...], ...]

    def samples(self, recording: Any) -> Any:
        """The samples of all clips in a row."""
        numpy = import_extra("numpy")
        return numpy.concatenate([recording[span.start : span.end] for span in self._spans])

    @cached_property
    def bounds_s(self) -> list[tuple[float, float]]:
        """Where each clip begins and ends in the pack."""
        ends = list(accumulate(map(_length, self.clips)))
        return [
            (start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)
            for start, end in zip([0, *ends[:-1]], ends, strict=True)
        ]

    def in_recording(self, start_s: float, end_s: float) -> tuple[float, float]:
        """Where a word of the pack is in the recording.

        Models are wrong by a tenth of a second or two: a word is in the span that holds its middle.
        """
        place = max(0, bisect_right(self._starts_s, (start_s + end_s) / 2) - 1)
        span = self._spans[place]
        offset_s = span.start / SAMPLE_RATE_HZ - self._starts_s[place]
        last_s = span.end / SAMPLE_RATE_HZ
        first_s = span.start / SAMPLE_RATE_HZ
        start_s = min(max(start_s + offset_s, first_s), last_s)
        return start_s, min(max(end_s + offset_s, start_s), last_s)

    @cached_property
    def _spans(self) -> list[Span]:
        return [span for clip in self.clips for span in clip]

    @cached_property
    def _starts_s(self) -> list[float]:
        lengths = [span.length for span in self._spans]
        return [start / SAMPLE_RATE_HZ for start in [0, *accumulate(lengths[:-1])]]


def packs(spans: Iterable[Span], *, clips: int, at_once: int) -> Iterator[Pack]:
    """The speech of a recording in packs; those that are heard at once have equal shares of the clips.

    Args:
        spans: where somebody speaks, none of it longer than a clip.
        clips: at most so many of them make a pack.
        at_once: how many packs are heard at once.
    """
    all_clips = _clips(spans)
    while together := list(islice(all_clips, clips * at_once)):
        each = ceil(len(together) / at_once)
        for start in range(0, len(together), each):
            yield Pack(tuple(together[start : start + each]))


def _clips(spans: Iterable[Span]) -> Iterator[tuple[Span, ...]]:
    clip: tuple[Span, ...] = ()
    for span in spans:
        if clip and _length((*clip, span)) > CLIP_S * SAMPLE_RATE_HZ:
            yield clip
            clip = ()
        clip = (*clip, span)
    if clip:
        yield clip


def _length(clip: tuple[Span, ...]) -> int:
    return sum(span.length for span in clip)
