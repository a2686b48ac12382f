"""What to ask of /v1/audio/transcriptions, and what its many dialects answer.

Servers differ in what they make of a request: read is what came, never what was asked for.
"""

import re

import httpx

from ..answers.answers import answer_error, parse_object
from ..config import GatewayConfig
from ..transcripts.subtitles import are_subtitles, cues_in
from ..transcripts.transcription import Transcription, assembled, clean_text
from ..wire.bodies import media_type_of
from ..wire.web_pages import begins_web_page, decoded, is_web_page
from .transcription_json import json_of, transcription_in
from .transcription_stream import read_events

_EVENTS = re.compile(r"\s*(?:(?:event|id|retry)?:[^\r\n]*[\r\n]+)*data: ?[{\[]")


def transcription_fields(
    *,
    model: str | None = None,
    language: str | None = None,
    prompt: str | None = None,
    response_format: str | None = None,
    temperature: float | None = None,
    words: bool = False,
    stream: bool = False,
) -> dict[str, str | list[str]]:
    """The fields of the form beside its file, ready for httpx's `data`; nothing that is unset is among them.

    Args:
        model: its name; most servers insist on one.
        language: ISO 639-1 code of what is spoken.
        prompt: words that may occur. llama.cpp takes it in place of its built-in instruction.
        words: ask for the times of words, and so for "verbose_json" where no other format is given.
        stream: ask for the text as it is recognized; whether it comes so is up to the server.
    """
    fields: dict[str, str | list[str] | None] = {
        "model": model,
        "language": language,
        "prompt": prompt,
        "response_format": response_format or ("verbose_json" if words else None),
        "temperature": None if temperature is None else f"{temperature:g}",
        "timestamp_granularities[]": ["word", "segment"] if words else None,
        "stream": "true" if stream else None,  # llama.cpp knows no other word for it
    }
    return {name: value for name, value in fields.items() if value}


def parse_transcription(
    response: httpx.Response, base_url: str, config: GatewayConfig, *, takes_plain_text: bool = True
) -> Transcription:
    """The transcription in a complete response, in whichever of the formats it came.

    An empty body is silence where its type is that of text or subtitles, as servers answer it to
    response_format=text, and an error as JSON, as an HTML page or without a type.

    Args:
        response: as it came.
        base_url: the server.
        config: with the key, which is not shown.
        takes_plain_text: whether a text without any form is a transcript. It is none of a server that
            answers everything with the same words.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, or no transcription.
    """
    if response.is_success:
        text = _text_in(decoded(response.content), media_type_of(response), takes_plain_text=takes_plain_text)
        if text is not None:
            return _read_text(text, response, base_url, config)
    answer = parse_object(response, base_url, config)
    text = answer.get("text")
    if _has_a_format_of_its_own(text):
        return _read_text(answer["text"], response, base_url, config)
    is_page = isinstance(text, str) and begins_web_page(text)
    found = None if is_page else transcription_in(answer)
    if found is None:
        said = "its text is an HTML page" if is_page else answer
        raise answer_error(f"{base_url} answered without a transcript", said, response, base_url, config)
    return found


def _text_in(body: str, media_type: str, *, takes_plain_text: bool) -> str | None:
    """The text that is the answer, or None where it is JSON or no answer at all."""
    if media_type == "text/event-stream":
        return body
    value = json_of(body)
    if isinstance(value, dict) or is_web_page(body, media_type):
        return None
    if isinstance(value, str) and "json" in media_type:  # FastAPI's way to return a text
        return None if begins_web_page(value) else value
    if _has_a_format_of_its_own(body):
        return body
    if media_type == "text/html" and not body.strip():  # whisper.cpp's type for plain text
        return None
    is_text = media_type == "application/x-subrip" or (media_type.startswith("text/") and takes_plain_text)
    return body if is_text else None


def _has_a_format_of_its_own(text: object) -> bool:
    """LiteLLM wraps subtitles, and even a stream of events, in the text of a JSON object."""
    return isinstance(text, str) and (are_subtitles(text) or bool(_EVENTS.match(text)))


def _read_text(text: str, response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    if media_type_of(response) == "text/event-stream" or _EVENTS.match(text):
        return read_events(text, response, base_url, config)
    if are_subtitles(text):
        return assembled(None, cues_in(text))
    return Transcription(clean_text(text))
