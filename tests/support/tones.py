"""Recordings whose words are tones, and an ear for them: what is doubled or dropped can be counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ipy_gateway.core.recordings.wav import plain_header

RATE_HZ = 16_000
WORDS = 40  # different ones; each is a square wave with another half-period
WORD_S = 0.4
HEARD_SHARE, MUMBLED_SHARE = 0.7, 0.3  # of a word that is cut off at the edge of a window
_LOUD, _AUDIBLE = 8000, 500
_SHORTEST_HALF_PERIOD = 20


@dataclass(frozen=True)
class HeardWord:
    """A word in a window."""

    text: str
    start_s: float
    end_s: float


def word(number: int) -> str:
    """How a word is written."""
    return f"w{number % WORDS}"


def spoken(numbers: Iterable[int], *, pause_s: float = 0.0, pause_every: int = 1) -> bytes:
    """Samples of words, with a pause after every so many of them."""
    pause = bytes(2 * round(pause_s * RATE_HZ))
    pieces = [
        _TONES[number % WORDS] + (pause if place % pause_every == 0 else b"")
        for place, number in enumerate(numbers, start=1)
    ]
    return b"".join(pieces)


def wav(samples: bytes) -> bytes:
    """The samples as a recording."""
    return plain_header(len(samples), RATE_HZ, 1) + samples


def write_long_wav(path: Path, block: bytes, times: int) -> None:
    """A recording that is a block, over and over, written without holding it."""
    with path.open("wb") as file:
        file.write(plain_header(len(block) * times, RATE_HZ, 1))
        for _ in range(times):
            file.write(block)


def heard(samples: bytes) -> list[HeardWord]:
    """The words in samples; one that is cut off may be mumbled, or not heard."""
    values = np.frombuffer(samples[: len(samples) // 2 * 2], np.int16)
    signs = (np.sign(values) * (np.abs(values.astype(np.int32)) > _AUDIBLE)).astype(np.int8)
    starts = np.flatnonzero(np.diff(signs, prepend=2))
    lengths = np.diff(starts, append=len(signs))
    is_tone = signs[starts] != 0
    keys = np.where(is_tone, lengths, 0)
    group_starts = np.flatnonzero(np.diff(keys, prepend=-1))
    group_ends = np.append(group_starts[1:], len(keys))
    words: list[HeardWord] = []
    for first, last in zip(group_starts, group_ends, strict=True):
        number = int(keys[first]) - _SHORTEST_HALF_PERIOD
        start, end = int(starts[first]), int(starts[last - 1] + lengths[last - 1])
        if is_tone[first] and 0 <= number < WORDS:
            words += _perceived(number, start / RATE_HZ, end / RATE_HZ)
    return words


def _perceived(number: int, start_s: float, end_s: float) -> Sequence[HeardWord]:
    """A tone that lasts for several words is that word several times."""
    count, rest = divmod((end_s - start_s) / _durations_s[number], 1)
    texts = [word(number)] * int(count + (rest >= HEARD_SHARE))
    cut_off = ["mumble"] if MUMBLED_SHARE <= rest < HEARD_SHARE else []
    texts = [*texts, *cut_off] if start_s > 0.01 else [*cut_off, *texts]
    step_s = (end_s - start_s) / max(1, len(texts))
    return [HeardWord(text, start_s + i * step_s, start_s + (i + 1) * step_s) for i, text in enumerate(texts)]


def _tone(number: int) -> NDArray[np.int16]:
    half_period = _SHORTEST_HALF_PERIOD + number
    period = np.repeat(np.array([_LOUD, -_LOUD], np.int16), half_period)
    return np.tile(period, round(WORD_S * RATE_HZ / len(period)))


_TONES = [_tone(number).tobytes() for number in range(WORDS)]
_durations_s = [len(tone) / 2 / RATE_HZ for tone in _TONES]
