"""A recording's bytes in, samples out, by the libav that comes with faster-whisper."""

import io
import threading
from collections.abc import Iterator
from itertools import chain, groupby
from typing import Any

from ..core.exceptions import AudioProcessingError
from ..core.recordings.recording_kinds import DEMUXERS, MIN_DURATION_S, no_sound, recognize, too_short
from ..core.recordings.wav import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ
from .requirements import import_extra
from .silence import SAMPLE_RATE_HZ
from .weights import raise_if_cancelled

MAX_DURATION_S = 6 * 3600.0  # as samples 2 GB; a small file can hold days of nothing
_ROUNDING_S = 0.001  # a sum of a million fractions of a second is not exact
_NOTHING_ELSE = {"protocol_whitelist": "none"}  # whatever a recording names is not opened


def decode(audio_bytes: bytes, cancelled: threading.Event, *, max_duration_s: float | None = None) -> Any:
    """The recording as 16 kHz mono samples, float32 between -1 and 1.

    Args:
        audio_bytes: a whole recording, as in its file.
        cancelled: ends the work when it is set.
        max_duration_s: `MAX_DURATION_S` by default; what is decoded counts, not what a header says.

    Raises:
        AudioProcessingError: it can't be read, holds no sound, or is shorter than 0.1 s or longer than 6 h.
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    numpy = import_extra("numpy")
    av = import_extra("av")
    container = recognize(audio_bytes).container
    pieces = [numpy.zeros(0, numpy.int16)]
    try:
        with av.open(
            io.BytesIO(audio_bytes),
            format=DEMUXERS[container],
            options=_NOTHING_ELSE,
            **_lenient_about_titles(av),
        ) as source:
            for piece in _resampled(_frames(source, max_duration_s or MAX_DURATION_S), av):
                raise_if_cancelled(cancelled)
                pieces.append(piece)
    except av.FFmpegError as error:
        raise AudioProcessingError(
            f"The {container} recording can't be read: {error.strerror or type(error).__name__}.",
            "Play the file to check it, or copy it again.",
        ) from error
    samples = numpy.concatenate(pieces, dtype=numpy.float32, casting="unsafe")
    if len(samples) < MIN_DURATION_S * SAMPLE_RATE_HZ:
        raise too_short(len(samples) / SAMPLE_RATE_HZ)
    samples /= 32768  # in place: six hours are 1.4 GB
    return samples


def _lenient_about_titles(av: Any) -> dict[str, str]:
    """A title in Latin-1 is no reason to refuse the sound; PyAV knows that by itself since 19."""
    return {"metadata_errors": "ignore"} if int(av.__version__.partition(".")[0]) < 19 else {}


def _frames(source: Any, max_duration_s: float) -> Iterator[Any]:
    """Decoded frames; one that would be too much is refused before it is resampled."""
    if not source.streams.audio:
        raise no_sound()
    duration_s = 0.0
    for frame in source.decode(audio=0):
        if not MIN_SAMPLE_RATE_HZ <= frame.sample_rate <= MAX_SAMPLE_RATE_HZ:
            raise _no_rate_of_sound(frame.sample_rate)
        duration_s += frame.samples / frame.sample_rate
        if duration_s > max_duration_s + _ROUNDING_S:
            raise _too_long(max_duration_s)
        yield frame


def _resampled(frames: Iterator[Any], av: Any) -> Iterator[Any]:
    """Samples of frames, which may change their kind: MP3 files that were joined hold several rates."""
    kinds = groupby(frames, lambda frame: (frame.sample_rate, frame.format.name, frame.layout.name))
    for _, frames_alike in kinds:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        for frame in chain(frames_alike, [None]):
            if frame is not None:
                frame.pts = None  # gaps in a recorder's clock are no reason to drop sound
            yield from (resampled.to_ndarray()[0] for resampled in resampler.resample(frame))


def _no_rate_of_sound(rate_hz: int) -> AudioProcessingError:
    return AudioProcessingError(
        f"The recording has a sample rate of {rate_hz:,} Hz, and sound has between "
        f"{MIN_SAMPLE_RATE_HZ:,} and {MAX_SAMPLE_RATE_HZ:,} Hz.",
        "Export the recording again, as WAV with 16 bits.",
    )


def _too_long(max_duration_s: float) -> AudioProcessingError:
    return AudioProcessingError(
        f"The recording is over {max_duration_s / 3600:g} hours long, which is the most that is taken.",
        "Cut it into shorter parts.",
        error_type="audio_too_large",
    )
