"""Where nobody speaks: the places at which sound can be cut."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

_FRAME_S = 0.02
_SMOOTHED_FRAMES = 15  # 0.3 s: a pause between words, not one within a word
# A pause is not much louder than the quietest tenth, and far from what is loud: at -12 dB some speak softly.
# Where a pause is taken for speech, windows overlap, which costs little; the other way round a word is lost.
_ABOVE_FLOOR = 2.0
_BELOW_SPEECH = 0.1  # -20 dB
_SILENCE = 20.0  # of 32768: a quiet room, recorded well
_SHORTEST_RUN = 10  # 0.2 s: a shorter one, smoothed, may be a word that is said softly
_STRIDE = 2  # every other sample tells as much of the loudness


@dataclass(frozen=True, slots=True)
class Cut:
    """Where to cut.

    Attributes:
        frame: how many samples (of all channels) come before.
        is_pause: whether nobody speaks there; otherwise it is only the quietest place.
    """

    frame: int
    is_pause: bool


def find_cut(samples: bytes, sample_rate_hz: int, channels: int, *, start_s: float, end_s: float) -> Cut:
    """The best place to cut between two times.

    It is the middle of the longest pause there. What is loud and what is quiet is told by all of the samples,
    by their energy in frames of 20 ms, smoothed over 0.3 s.

    Args:
        samples: 16-bit samples, little-endian as the machine is.
        sample_rate_hz: samples in a second.
        channels: samples at a time.
        start_s: from where on to look, in seconds from the first sample.
        end_s: up to where to look.
    """
    frame_samples = max(1, round(_FRAME_S * sample_rate_hz))
    levels = _smoothed(_levels(samples, frame_samples * channels))
    first = min(int(start_s / _FRAME_S), len(levels) - 1)
    region = levels[first : max(first + 1, int(end_s / _FRAME_S))]
    quiet = _quiet_level(levels)
    pause = _longest_run([level <= quiet for level in region])
    best = (pause.start + pause.stop) // 2 if pause else region.index(min(region))
    return Cut((first + best) * frame_samples + frame_samples // 2, is_pause=len(pause) >= _SHORTEST_RUN)


def _levels(samples: bytes, frame_values: int) -> list[float]:
    """The loudness of each frame, around the level of rest, which is not 0 on every sound card."""
    values = memoryview(samples).cast("h")
    sparse = values[::64].tolist()
    rest = [sum(sparse) / max(1, len(sparse))] * len(range(0, frame_values, _STRIDE))
    whole = len(values) - len(values) % frame_values
    frames = (
        values[start : start + frame_values : _STRIDE].tolist() for start in range(0, whole, frame_values)
    )
    # Among all that goes over numbers in C without a copy of its own, this takes the least time.
    scale = 1 / math.sqrt(len(rest))
    return [math.dist(frame, rest) * scale for frame in frames] or [0.0]


def _smoothed(levels: Sequence[float]) -> list[float]:
    sums = [0.0, *accumulate(levels)]
    half = _SMOOTHED_FRAMES // 2
    spans = ((max(0, i - half), min(len(levels), i + half + 1)) for i in range(len(levels)))
    return [(sums[stop] - sums[start]) / (stop - start) for start, stop in spans]


def _quiet_level(levels: Sequence[float]) -> float:
    in_order = sorted(levels)
    floor, speech = in_order[len(in_order) // 10], in_order[len(in_order) * 97 // 100]
    return max(_SILENCE, min(floor * _ABOVE_FLOOR, speech * _BELOW_SPEECH))


def _longest_run(flags: Sequence[bool]) -> range:
    """Where the longest run of true ones is; an empty range where there is none."""
    longest, start = range(0), 0
    for place, flag in enumerate([*flags, False]):
        if not flag:
            if place - start > len(longest):
                longest = range(start, place)
            start = place + 1
    return longest
