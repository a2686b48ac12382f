"""Whether anybody speaks in a recording: asked to write down silence, Whisper writes "You"."""

import threading
from typing import Any

from .requirements import import_extra
from .weights import raise_if_cancelled

SAMPLE_RATE_HZ = 16_000
# Looked at one after the other up to the first with speech, which is mostly the first: about 20 ms.
WINDOW_S = 10
# Speech at -60 dB, which Whisper writes down, is too quiet for Silero: quiet windows are made this loud.
LOUD_PEAK = 0.3


def has_speech(samples: Any, cancelled: threading.Event) -> bool:
    """Whether Silero's voice detection, which comes with faster-whisper, finds speech anywhere.

    Args:
        samples: 16 kHz mono, float32, between -1 and 1.

    Raises:
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    vad = import_extra("faster_whisper.vad")
    window = WINDOW_S * SAMPLE_RATE_HZ
    for start in range(0, len(samples), window):
        raise_if_cancelled(cancelled)
        piece = samples[start : start + window]
        peak = float(abs(piece).max())
        if peak and vad.get_speech_timestamps(piece * max(1.0, LOUD_PEAK / peak)):
            return True
    return False
