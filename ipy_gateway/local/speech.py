"""Speech to text in this process: faster-whisper on the CPU."""

import io
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.config import LOCAL_SPEECH_MODEL
from ..core.deadline import clock_stopped
from ..core.exceptions import AudioProcessingError, ConfigurationError
from ..core.progress import ProgressCallback, current_listener
from ..core.recording import recognize
from .pins import WHISPER_TINY_EN
from .requirements import import_extra
from .weights import ensure_weights
from .worker import Cancelled, Worker

SAMPLE_RATE_HZ = 16_000
MIN_DURATION_S = 0.1
LOADED_MODELS = 2  # those used last stay in memory
# The demuxer is forced: a "recording" that is a playlist would make libav read other files.
DEMUXERS = {"m4a": "mp4", "webm": "matroska", "wma": "asf"}


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What to transcribe, and how.

    Attributes:
        audio_bytes: the recording.
        model: "whisper-tiny.en", a name that faster-whisper knows, or a folder with a CTranslate2 model.
        language: code such as "de", or None to detect it.
        prompt: text that sets style and spelling.
        temperature: of the decoder, or None for faster-whisper's own schedule.
        words: whether each segment carries its words with times.
    """

    audio_bytes: bytes
    model: str = LOCAL_SPEECH_MODEL
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    words: bool = False


@dataclass(frozen=True, slots=True)
class SpeechSegment:
    """A stretch of speech.

    Attributes:
        raw: faster-whisper's segment.
        language: of the recording.
        duration_s: of the recording.
    """

    raw: Any
    language: str
    duration_s: float


class SpeechEngine:
    """Transcribes one recording at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._worker: Worker[Any] = Worker("speech")

    async def segments(self, request: SpeechRequest) -> AsyncGenerator[SpeechSegment, None]:
        """The segments of a recording as they are recognized. Closing the generator stops the work.

        Raises:
            AudioProcessingError: the recording can't be decoded.
            ConfigurationError: the engine is not installed, or the model can't be had.
        """
        listener = current_listener()
        loading = self._worker.items(lambda cancelled: iter([_model(request.model, listener, cancelled)]))
        async with aclosing(loading):
            with clock_stopped():
                model = await anext(loading)
        segments = self._worker.items(lambda cancelled: _transcribe(request, model, cancelled))
        async with aclosing(segments):
            async for segment in segments:
                yield segment


def _model(name: str, listener: ProgressCallback | None, cancelled: Cancelled) -> Any:
    return _load_model(_model_path(name, listener, cancelled))


def _transcribe(request: SpeechRequest, model: Any, cancelled: Cancelled) -> Iterator[SpeechSegment]:
    samples = _decode(request.audio_bytes)
    if cancelled.is_set():  # what follows takes seconds for a long recording before its first segment
        return
    import_extra("ctranslate2").set_random_seed(0)  # the same recording gives the same text
    options = {} if request.temperature is None else {"temperature": request.temperature}
    segments, info = model.transcribe(
        samples,
        language=request.language,
        initial_prompt=request.prompt,
        word_timestamps=request.words,
        **options,
    )
    for segment in segments:
        if cancelled.is_set():
            return
        yield SpeechSegment(segment, info.language, info.duration)


def _model_path(name: str, listener: ProgressCallback | None, cancelled: Cancelled) -> str:
    faster_whisper = import_extra("faster_whisper")
    if name == LOCAL_SPEECH_MODEL:
        return str(ensure_weights(WHISPER_TINY_EN, on_progress=listener, cancelled=cancelled))
    if Path(name).expanduser().is_dir():
        return str(Path(name).expanduser())
    if name not in faster_whisper.available_models() and "/" not in name:
        raise ConfigurationError(
            f"The embedded engine knows no speech model {name!r}.",
            f"Set audio_model to {LOCAL_SPEECH_MODEL!r}, to a folder, or to one of: "
            f"{', '.join(faster_whisper.available_models())}.",
        )
    return name


@lru_cache(maxsize=LOADED_MODELS)
def _load_model(path: str) -> Any:
    faster_whisper = import_extra("faster_whisper")
    try:
        return faster_whisper.WhisperModel(path, device="cpu", compute_type="int8")
    except (RuntimeError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"The speech model {path!r} can't be loaded: {str(error).splitlines()[0]:.200}.",
            "Check the name or the folder; names are fetched from the model hub, which needs a network.",
        ) from error


def _decode(audio_bytes: bytes) -> Any:
    """The recording as 16 kHz mono samples between -1 and 1."""
    numpy = import_extra("numpy")
    av = import_extra("av")
    container = recognize(audio_bytes).container
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    chunks = []
    try:
        with av.open(io.BytesIO(audio_bytes), format=DEMUXERS.get(container, container)) as source:
            for frame in source.decode(audio=0):
                frame.pts = None  # gaps in a recorder's clock are no reason to drop sound
                chunks += [resampled.to_ndarray()[0] for resampled in resampler.resample(frame)]
        chunks += [resampled.to_ndarray()[0] for resampled in resampler.resample(None)]
    except (av.FFmpegError, IndexError) as error:
        raise AudioProcessingError(f"The {container} recording can't be decoded: {error}.") from error
    samples = numpy.concatenate(chunks or [numpy.zeros(0, numpy.int16)]).astype(numpy.float32) / 32768
    if len(samples) < MIN_DURATION_S * SAMPLE_RATE_HZ:
        raise AudioProcessingError("The recording holds less than 0.1 s of sound.", "Record again.")
    return samples
