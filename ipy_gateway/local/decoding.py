"""A recording's bytes in, samples out, by the libav that comes with faster-whisper."""

import io
import threading
from collections.abc import Iterator
from typing import Any

from ..core.exceptions import AudioProcessingError
from ..core.recording import DEMUXERS, MIN_DURATION_S, no_sound, recognize, too_short
from .requirements import import_extra
from .silence import SAMPLE_RATE_HZ
from .weights import raise_if_cancelled

MAX_DURATION_S = 6 * 3600.0  # as samples 2 GB; a small file can hold days of nothing


def decode(audio_bytes: bytes, cancelled: threading.Event) -> Any:
    """The recording as 16 kHz mono samples, float32 between -1 and 1.

    Raises:
        AudioProcessingError: it can't be read, holds no sound, or is shorter than 0.1 s or longer than 6 h.
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    numpy = import_extra("numpy")
    av = import_extra("av")
    container = recognize(audio_bytes).container
    pieces = [numpy.zeros(0, numpy.int16)]
    count = 0
    try:
        with av.open(io.BytesIO(audio_bytes), format=DEMUXERS[container]) as source:
            for piece in _resampled(source, av):
                raise_if_cancelled(cancelled)
                pieces.append(piece)
                count += len(piece)
                if count > MAX_DURATION_S * SAMPLE_RATE_HZ:
                    raise _too_long()
    except av.FFmpegError as error:
        raise AudioProcessingError(
            f"The {container} recording can't be read: {error.strerror or type(error).__name__}.",
            "Play the file to check it, or copy it again.",
        ) from error
    if count < MIN_DURATION_S * SAMPLE_RATE_HZ:
        raise too_short(count / SAMPLE_RATE_HZ)
    return numpy.concatenate(pieces).astype(numpy.float32) / 32768


def _resampled(source: Any, av: Any) -> Iterator[Any]:
    if not source.streams.audio:
        raise no_sound()
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    for frame in source.decode(audio=0):
        frame.pts = None  # gaps in a recorder's clock are no reason to drop sound
        yield from (resampled.to_ndarray()[0] for resampled in resampler.resample(frame))
    yield from (resampled.to_ndarray()[0] for resampled in resampler.resample(None))


def _too_long() -> AudioProcessingError:
    return AudioProcessingError(
        f"The recording is over {MAX_DURATION_S / 3600:g} hours long, which is the most that is taken.",
        "Cut it into shorter parts.",
        error_type="audio_too_large",
    )
