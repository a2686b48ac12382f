"""What a message is made of, texts, pictures and sounds, and how it travels."""

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ...core.config import GatewayConfig
from ...core.exceptions import AudioProcessingError
from ...core.messages import audio_part
from ...core.recordings.uploads import upload_of
from ...core.transcripts.transcription import well_formed

MAX_TEXT_CHARACTERS = 100_000  # about two hours of speech, or 25,000 tokens


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as its file's bytes.

    Attributes:
        data: a whole PNG, JPEG, GIF or WebP file.
        media_type: which of them, e.g. "image/png".
        label: the placeholder that it comes from.
    """

    data: bytes = field(repr=False)
    media_type: str
    label: str


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording as its file's bytes, and the placeholder that it comes from."""

    data: bytes = field(repr=False)
    label: str


Part = str | Picture | Sound


@dataclass(frozen=True, slots=True)
class Inserted:
    """What became of a value.

    Attributes:
        label: the placeholder that it is the value of.
        type_name: its type.
        parts: what is sent of it.
    """

    label: str
    type_name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Filled:
    """A text whose placeholders have become values.

    Attributes:
        parts: texts, pictures and sounds in their order; never two texts in a row.
        notices: sentences for the user about what was left out.
        recordings: names of the recordings that are spoken of, each once.
        inserted: what became of each placeholder.
    """

    parts: tuple[Part, ...]
    notices: tuple[str, ...] = ()
    recordings: tuple[str, ...] = ()
    inserted: tuple[Inserted, ...] = field(default=(), compare=False)


def capped(text: str, label: str, *, max_characters: int = MAX_TEXT_CHARACTERS) -> Filled:
    """A text, or as much of it as may be sent, with a mark where it was cut."""
    if len(text) <= max_characters:
        return Filled((well_formed(text),))
    left_out = f"{len(text) - max_characters:,} of {len(text):,} characters left out"
    notice = f"{label} is too long: {left_out}."
    return Filled((f"{well_formed(text[:max_characters])}\n[... {left_out}]",), (notice,))


def joined(fillings: Iterable[Filled]) -> Filled:
    """One after the other, with neighbouring texts merged."""
    parts: list[Part] = []
    notices: list[str] = []
    recordings: list[str] = []
    inserted: list[Inserted] = []
    for filled in fillings:
        notices += filled.notices
        recordings += filled.recordings
        inserted += filled.inserted
        for part in filled.parts:
            if parts and isinstance(part, str) and isinstance(parts[-1], str):
                parts[-1] += part
            else:
                parts.append(part)
    notices, recordings = list(dict.fromkeys(notices)), list(dict.fromkeys(recordings))
    return Filled(tuple(parts), tuple(notices), tuple(recordings), tuple(inserted))


async def content_of(filled: Filled, config: GatewayConfig) -> str | list[dict[str, Any]]:
    """The content of a chat message: a string where all is text, else a list of content parts.

    Several servers refuse a list of one text part, and some an empty text beside a picture.

    Raises:
        AudioProcessingError: a recording can't be used; the sentence names its placeholder.
    """
    texts = [part for part in filled.parts if isinstance(part, str)]
    if len(texts) == len(filled.parts):
        return "".join(texts)
    kept = [part for part in filled.parts if not isinstance(part, str) or part.strip()]
    return [await _content_part(part, config) for part in kept]


async def _content_part(part: Part, config: GatewayConfig) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Sound):
        return await _sound_part(part, config)
    data = base64.b64encode(part.data).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{data}"}}


async def _sound_part(sound: Sound, config: GatewayConfig) -> dict[str, Any]:
    try:
        upload = await upload_of(sound.data, config)
    except AudioProcessingError as error:
        message = f"{sound.label}: {error.message[:1].lower()}{error.message[1:]}"
        raise AudioProcessingError(message, error.hint, error_type=error.error_type) from error
    return audio_part(upload.data, upload.format)
