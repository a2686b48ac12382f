"""Speech without a pause, in stretches that Whisper takes in at once."""

from collections.abc import Iterable, Iterator
from typing import Any

from .packing import CLIP_S
from .requirements import import_extra
from .silence import SAMPLE_RATE_HZ, Span

_SEARCHED_S = 10  # in as long there is always a place between two words that is quieter than words are
_FRAME = SAMPLE_RATE_HZ // 100
# 0.15 s, of which the middle counts most: found by the loudness of 0.3 s, more cuts go through words.
_SMOOTHED_FRAMES = 15


def in_clips(spans: Iterable[Span], samples: Any) -> Iterator[Span]:
    """Spans of at most half a minute: what is longer is cut where it is quietest.

    In faster-whisper's own way, each half minute begins at the last time that the one before wrote. It takes
    longer and makes more errors: small models leave out sentences where they write times, and what they once
    went wrong with misleads them in what follows.

    Args:
        spans: where somebody speaks.
        samples: those of the recording.
    """
    longest = CLIP_S * SAMPLE_RATE_HZ
    for span in spans:
        rest = span
        while rest.length > longest:
            searched = rest.start + longest - _SEARCHED_S * SAMPLE_RATE_HZ
            cut = searched + _quietest(samples[searched : rest.start + longest])
            yield Span(rest.start, cut)
            rest = Span(cut, rest.end)
        yield rest


def _quietest(samples: Any) -> int:
    """The sample around which it is quietest."""
    numpy = import_extra("numpy")
    levels = numpy.sqrt((samples.reshape(-1, _FRAME) ** 2).mean(axis=1))
    weights = numpy.hanning(_SMOOTHED_FRAMES + 2)[1:-1]
    smooth = numpy.convolve(levels, weights, mode="valid")
    return int(numpy.argmin(smooth) * _FRAME + _SMOOTHED_FRAMES * _FRAME // 2)
