"""Long recordings of speech whose every sentence and its time are known."""

import random
import re
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .tones import RATE_HZ, wav

_FRAME = RATE_HZ // 50
_SPOKEN_LEVEL = 400.0  # of 32768; breath and room of the recordings at hand are below
_QUIET_FRAMES = 4  # as long may sound be quiet within a word
_SENTENCE_GAP_S = 0.3  # of digital silence between the sentences of the interview
_ROOM_NOISE = 60.0


@dataclass(frozen=True)
class Sentence:
    """A sentence that somebody speaks, without the silence around it."""

    text: str
    samples: NDArray[np.int16]


@dataclass(frozen=True)
class Spoken:
    """A sentence in a recording.

    Attributes:
        text: what is said.
        start_s: when it begins.
        end_s: when it has been said.
    """

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class LongSpeech:
    """A recording, and what is said in it in the order of time."""

    samples: NDArray[np.int16]
    spoken: tuple[Spoken, ...]

    @property
    def wav(self) -> bytes:
        """The recording as a file."""
        return wav(self.samples.tobytes())

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(sentence.text for sentence in self.spoken)

    @property
    def duration_s(self) -> float:
        return len(self.samples) / RATE_HZ


def sentence_of(path: Path, text: str) -> Sentence:
    """A recording of one sentence."""
    return Sentence(text, _trimmed(_samples_of(path)))


def interview_sentences(path: Path) -> list[Sentence]:
    """The sentences of the quickstart's interview, which lie between stretches of digital silence."""
    lines = path.with_suffix(".txt").read_text().splitlines()
    texts = re.split(r"(?<=[.?!])\s+", " ".join(line.partition(": ")[2] for line in lines))
    samples = _samples_of(path)
    loud = np.flatnonzero(samples)
    breaks = np.flatnonzero(np.diff(loud) > _SENTENCE_GAP_S * RATE_HZ)
    bounds = zip([loud[0], *loud[breaks + 1]], [*loud[breaks], loud[-1]], strict=True)
    return [
        Sentence(text, _trimmed(samples[start:end])) for text, (start, end) in zip(texts, bounds, strict=True)
    ]


def with_pauses(sentences: Sequence[Sentence], length_s: float) -> LongSpeech:
    """Speech of that length, with a pause of 0.3 to 1.5 s after each sentence."""
    choose = random.Random(5)
    return _joined(sentences, length_s, lambda: round(choose.uniform(0.3, 1.5) * RATE_HZ))


def without_a_pause(sentences: Sequence[Sentence], length_s: float) -> LongSpeech:
    """Speech of that length with its silence taken out, in the steady noise of a room."""
    tight = [replace(sentence, samples=_without_silence(sentence.samples)) for sentence in sentences]
    speech = _joined(tight, length_s, lambda: 0)
    steady = np.random.default_rng(5).normal(0.0, _ROOM_NOISE, len(speech.samples))
    noisy = np.clip(speech.samples + steady, -32768, 32767).astype(np.int16)
    return replace(speech, samples=noisy)


def _joined(sentences: Sequence[Sentence], length_s: float, next_pause: Callable[[], int]) -> LongSpeech:
    choose = random.Random(5)
    parts: list[NDArray[np.int16]] = []
    spoken: list[Spoken] = []
    position = 0
    order: list[Sentence] = []
    while position < length_s * RATE_HZ:
        order = order or choose.sample(sentences, len(sentences))
        sentence, pause = order.pop(), np.zeros(next_pause(), np.int16)
        end = position + len(sentence.samples)
        spoken.append(Spoken(sentence.text, position / RATE_HZ, end / RATE_HZ))
        parts += [sentence.samples, pause]
        position = end + len(pause)
    return LongSpeech(np.concatenate(parts), tuple(spoken))


def _samples_of(path: Path) -> NDArray[np.int16]:
    with wave.open(str(path)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def _levels(samples: NDArray[np.int16]) -> NDArray[np.float64]:
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME).astype(float)
    levels: NDArray[np.float64] = np.sqrt((frames**2).mean(axis=1))
    return levels


def _trimmed(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    loud = np.flatnonzero(_levels(samples) > _SPOKEN_LEVEL)
    return samples[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]


def _without_silence(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    quiet = _levels(samples) <= _SPOKEN_LEVEL
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    gone = [
        np.arange(a + _QUIET_FRAMES // 2, b - _QUIET_FRAMES // 2) for a, b in edges if b - a > _QUIET_FRAMES
    ]
    frames = samples[: len(quiet) * _FRAME].reshape(-1, _FRAME)
    return np.delete(frames, np.concatenate([*gone, np.array([], int)]), axis=0).ravel()
