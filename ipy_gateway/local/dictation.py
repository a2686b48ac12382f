"""Recordings in chat messages, as text: what is said in them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from ..core.routing import is_audio_part
from .engine import shared_engine
from .requests import BadRequestError, Json, recording
from .speech import SpeechRequest

# A small model finds the answer more often when the question follows the transcript and is named as such.
ABOUT_TRANSCRIPT = (
    "Read this transcript and answer the question below.\n\n"
    "Transcript: {transcript}\n\nQuestion: {question}\nAnswer:"
)
NO_SPEECH = "(no speech)"


@dataclass(frozen=True, slots=True)
class Dictation:
    """Chat messages without recordings.

    Attributes:
        messages: each recording is replaced by what is said in it, or by "(no speech)".
        asks_about_silence: whether the last question is about recordings in which nobody speaks: a chat model
            would invent what they say.
    """

    messages: list[Json]
    asks_about_silence: bool = False


async def written_down(messages: list[Json], speech_model: str) -> Dictation:
    """Replace each recording in the messages by what is said in it."""
    texts = [await _text_and_transcript(message, speech_model) for message in messages]
    asks = [message for message in messages if message.get("role") == "system"]
    written, is_silent = [], False
    for message, (text, transcript) in zip(messages, texts, strict=True):
        if transcript is None:
            written.append({**message, "content": text})
        else:
            question = text or (str(asks[-1].get("content", "")).strip() if asks else "")
            content = ABOUT_TRANSCRIPT.format(transcript=transcript or NO_SPEECH, question=question)
            written.append({**message, "content": content})
        if message.get("role") == "user":
            is_silent = transcript == ""
    return Dictation(written, asks_about_silence=is_silent)


async def _text_and_transcript(message: Json, speech_model: str) -> tuple[str, str | None]:
    content = message.get("content")
    if not isinstance(content, list):
        return str(content or ""), None
    texts, recordings = [], []
    for part in content:
        if is_audio_part(part):
            recordings.append(SpeechRequest(recording(part), model=speech_model))
        elif isinstance(part, Mapping) and part.get("type") == "text":
            texts.append(str(part.get("text", "")))
        else:
            raise BadRequestError(f"the embedded engine takes text and audio, not {part!r:.80}")
    transcript = None
    if recordings:
        transcript = "".join([piece async for piece in spoken_pieces(recordings)]).strip()
    return "\n\n".join(texts), transcript


async def spoken_pieces(requests: list[SpeechRequest]) -> AsyncGenerator[str, None]:
    """The text of several recordings, segment by segment, each recording on a line of its own."""
    for index, request in enumerate(requests):
        if index:
            yield "\n"
        async with aclosing(shared_engine().speech.segments(request)) as segments:
            async for segment in segments:
                yield segment.raw.text
