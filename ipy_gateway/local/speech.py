"""Speech to text in this process: faster-whisper on the CPU."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from ..core.config import LOCAL_SPEECH_MODEL
from ..core.waiting.deadline import clock_stopped
from ..core.waiting.progress import current_listener
from .decoding import decode
from .listening import CLIPS_AT_ONCE, hear
from .packing import packs
from .requirements import import_extra
from .side_by_side import read_side_by_side
from .silence import SAMPLE_RATE_HZ, speech_spans
from .speech_models import load_model, model_folder, packs_at_once
from .unbroken import in_clips
from .worker import Cancelled, Worker


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What to transcribe, and how.

    Attributes:
        audio_bytes: the recording.
        model: "whisper-tiny.en", a name that faster-whisper knows, a repository of the hub, or a folder with
            a CTranslate2 model.
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
    """A stretch of speech: faster-whisper's segment."""

    raw: Any


@dataclass(frozen=True, slots=True)
class Speech:
    """What was heard.

    Attributes:
        language: code of the language; None where nobody speaks and the model knows several.
        duration_s: of the whole recording.
        segments: in the order of time; () where nobody speaks.
    """

    language: str | None
    duration_s: float
    segments: tuple[SpeechSegment, ...] = ()


class SpeechEngine:
    """Transcribes one recording at a time, in a thread of its own."""

    def __init__(self) -> None:
        self._worker: Worker[Any] = Worker("speech")

    async def segments(self, request: SpeechRequest) -> AsyncGenerator[SpeechSegment, None]:
        """The segments of a recording as they are recognized. Closing the generator stops the work.

        Raises:
            AudioProcessingError: the recording can't be decoded.
            ConfigurationError: the engine is not installed, or the model can't be had.
            UnknownModelError: there is no model of that name.
        """
        async with aclosing(self._listen(request)) as heard:
            async for piece in heard:
                if isinstance(piece, SpeechSegment):
                    yield piece

    async def hear(self, request: SpeechRequest) -> Speech:
        """A whole recording.

        Raises: as `segments`.
        """
        async with aclosing(self._listen(request)) as heard:
            speech = await anext(heard)
            assert isinstance(speech, Speech)
            segments = [piece async for piece in heard if isinstance(piece, SpeechSegment)]
        return replace(speech, segments=tuple(segments))

    async def _listen(self, request: SpeechRequest) -> AsyncGenerator[Speech | SpeechSegment, None]:
        """First what is known of the whole, then its segments."""
        listener = current_listener()
        with clock_stopped():
            # In a worker of its own: while one model is being fetched, the others work.
            fetching = Worker[Any]("speech-model")
            folder = await fetching.value(lambda cancelled: model_folder(request.model, listener, cancelled))
            model = await self._worker.value(lambda _: load_model(folder))
        async with aclosing(
            self._worker.items(lambda cancelled: _transcribe(request, model, cancelled))
        ) as pieces:
            async for piece in pieces:
                yield piece


def _transcribe(request: SpeechRequest, model: Any, cancelled: Cancelled) -> Iterator[Speech | SpeechSegment]:
    samples = decode(request.audio_bytes, cancelled)
    import_extra("ctranslate2").set_random_seed(0)  # the same recording gives the same text
    options: dict[str, Any] = {"language": request.language, "initial_prompt": request.prompt}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    duration_s = len(samples) / SAMPLE_RATE_HZ
    spans = in_clips(speech_spans(samples, cancelled), samples)
    at_once = packs_at_once()
    packed = packs(spans, clips=CLIPS_AT_ONCE, at_once=at_once)
    if (first := next(packed, None)) is None:
        yield Speech(_language_unheard(request, model), duration_s)
        return
    segments, info = hear(first, samples, model, options)
    yield Speech(info.language, duration_s)
    options["language"] = info.language
    others = (hear(pack, samples, model, options)[0] for pack in packed)
    heard = read_side_by_side(chain([segments], others), cancelled, at_once=at_once)
    yield from map(SpeechSegment, heard)


def _language_unheard(request: SpeechRequest, model: Any) -> str | None:
    known = model.supported_languages
    return known[0] if len(known) == 1 else request.language
