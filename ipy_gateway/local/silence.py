"""Where anybody speaks in a recording: asked to write down silence, Whisper writes "You"."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .requirements import import_extra
from .weights import raise_if_cancelled

SAMPLE_RATE_HZ = 16_000
# Looked at in one go, as few as can be: where one begins, Silero hears less.
STRETCH_S = 300
WINDOW_S = 10
# Speech at -60 dB, which Whisper writes down, is too quiet for Silero: quiet windows are made this loud.
LOUD_PEAK = 0.3
_PAUSE_MS = 300  # what is shorter belongs to the speech around it
_EDGE_MS = 200  # breath, and consonants that Silero does not take for speech


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a recording, from one sample up to another."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many samples it has."""
        return self.end - self.start


def speech_spans(samples: Any, cancelled: threading.Event) -> Iterator[Span]:
    """Where Silero's voice detection, which comes with faster-whisper, finds speech, in the order of time.

    Args:
        samples: 16 kHz mono, float32, between -1 and 1.

    Raises:
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    last: Span | None = None
    for span in _found(samples, cancelled):
        if last and span.start <= last.end:  # it goes on in the next window
            last = Span(last.start, span.end)
            continue
        if last:
            yield last
        last = span
    if last:
        yield last


def _found(samples: Any, cancelled: threading.Event) -> Iterator[Span]:
    vad = import_extra("faster_whisper.vad")
    stretch = STRETCH_S * SAMPLE_RATE_HZ
    for start in range(0, len(samples), stretch):
        raise_if_cancelled(cancelled)
        loud = _made_loud(samples[start : start + stretch])
        for found in vad.get_speech_timestamps(
            loud, min_silence_duration_ms=_PAUSE_MS, speech_pad_ms=_EDGE_MS
        ):
            yield Span(start + found["start"], start + min(found["end"], len(loud)))


def _made_loud(samples: Any) -> Any:
    loud, window = samples.copy(), WINDOW_S * SAMPLE_RATE_HZ
    for start in range(0, len(loud), window):
        piece = loud[start : start + window]
        if peak := float(abs(piece).max()):
            piece *= max(1.0, LOUD_PEAK / peak)
    return loud
