"""A second of sound like speech: two vowels in four syllables, for servers that are tried out."""

import math
import struct
from functools import cache

from ..audio import UploadAudio
from ..recordings.wav import plain_header

RATE_HZ = 16_000
LENGTH_S = 1.0  # a WAV of one sample was seen to end a llama.cpp process, an empty one to be refused
PITCH_HZ = 125  # of a man's voice; a period is a whole number of samples
PERIOD = RATE_HZ // PITCH_HZ
SYLLABLE = RATE_HZ // 4
LOUDEST = 8_000
# Centres of the formants of "ah" and "ee" in Hz (Peterson and Barney, 1952), all about 100 Hz wide.
VOWELS = ((730, 1090, 2440), (270, 2290, 3010))
WIDTH_HZ = 100.0


@cache
def sample_sound() -> UploadAudio:
    """The second, as a WAV with 16 bits, 16 kHz and one channel: what every server of speech takes."""
    samples = b"".join(struct.pack("<h", value) for value in _samples())
    return UploadAudio(plain_header(len(samples), RATE_HZ, 1) + samples, "wav", LENGTH_S)


def _samples() -> list[int]:
    vowels = [_period(formants) for formants in VOWELS]
    return [
        int(LOUDEST * _loudness(n) * vowels[n // SYLLABLE % len(vowels)][n % PERIOD])
        for n in range(int(RATE_HZ * LENGTH_S))
    ]


def _period(formants: tuple[int, ...]) -> list[float]:
    """One period of a voice that says this vowel, with 1 for its loudest sample."""
    harmonics = range(PITCH_HZ, RATE_HZ // 2, PITCH_HZ)
    strengths = {
        hz: sum(1 / (1 + ((hz - centre) / WIDTH_HZ) ** 2) for centre in formants) for hz in harmonics
    }
    wave = [
        sum(strength * math.sin(2 * math.pi * hz * n / RATE_HZ) for hz, strength in strengths.items())
        for n in range(PERIOD)
    ]
    peak = max(map(abs, wave))
    return [value / peak for value in wave]


def _loudness(n: int) -> float:
    """Each syllable swells and fades."""
    return math.sin(math.pi * (n % SYLLABLE) / SYLLABLE) ** 2
