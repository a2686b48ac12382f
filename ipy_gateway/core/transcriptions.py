"""What to ask of /v1/audio/transcriptions, and what its many dialects answer.

Servers differ in what they make of a request: read is what came, never what was asked for.
"""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx

from .answers import answer_error, parse_object
from .config import GatewayConfig
from .languages import joined, language_code, starts_unspaced

# Whisper writes down silence. Only whisper.cpp's own mark is never speech; the others (seen in whisper.cpp's
# issue 2363 and pull request 473) may be asked for in a prompt, and go only where nothing else is said.
# "[MUSIC]", "[inaudible]" and the like tell something about the recording, and stay.
_BLANK_AUDIO = re.compile(r" ?\[ ?BLANK[_ ]AUDIO ?\]", re.IGNORECASE)
_ONLY_SILENCE = re.compile(r"(?i)(?:[\[(]\s*(?:silence|silent|no audio|no speech|無音)\s*[\])]\s*)+")

_HTML_PAGE = re.compile(r"\s*<(?:!doctype|!--|\?xml|html|head|body)", re.IGNORECASE)
_EVENTS = re.compile(r"\s*(?:(?:event|id|retry)?:[^\r\n]*[\r\n]+)*data: ?[{\[]")


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it is said, in seconds from the start of the recording."""

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class TimedText:
    """Some words that are said in one go.

    Attributes:
        start_s: where they begin, in seconds from the start of the recording.
        end_s: where they end; never before `start_s`.
        text: what is said, without blanks around it.
        words: the single words, where the server gives them.
        speaker: who speaks, in the server's words, or None.
    """

    start_s: float
    end_s: float
    text: str
    words: tuple[TimedWord, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a server heard in a recording.

    Attributes:
        text: all that is said; "" for silence.
        segments: the same with times; () where the server gives none.
        language: ISO 639 code where the name is one of Whisper's, else the server's own word, or None.
        duration_s: length of the recording as the server gives it, or None.
    """

    text: str
    segments: tuple[TimedText, ...] = ()
    language: str | None = None
    duration_s: float | None = None

    @property
    def words(self) -> tuple[TimedWord, ...]:
        """The words of all segments."""
        return tuple(word for segment in self.segments for word in segment.words)


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


def parse_transcription(response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    """The transcription in a complete response, in whichever of the formats it came.

    An empty body is silence where its type is that of text or subtitles, as servers answer it to
    response_format=text, and an error as JSON, as an HTML page or without a type.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, or no transcription.
    """
    body = response.content.decode("utf-8", "replace").removeprefix("\ufeff")
    if response.is_success:
        text = _text_in(body, _media_type(response))
        if text is not None:
            return _read_text(text, response, base_url, config)
    answer = parse_object(response, base_url, config)
    if _has_a_format_of_its_own(answer.get("text")):
        return _read_text(answer["text"], response, base_url, config)
    found = transcription_in(answer)
    if found is None:
        raise answer_error(f"{base_url} answered without a transcript", answer, response, base_url, config)
    return found


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip().lower()


def _text_in(body: str, media_type: str) -> str | None:
    """The text that is the answer, or None where it is JSON or no answer at all."""
    if media_type == "text/event-stream":
        return body
    value = json_of(body)
    if isinstance(value, dict) or _HTML_PAGE.match(body):
        return None
    if isinstance(value, str) and "json" in media_type:  # FastAPI's way to return a text
        return value
    if _has_a_format_of_its_own(body):
        return body
    if media_type == "text/html":  # whisper.cpp's type for plain text
        return body if body.strip() and not re.match(r"\s*</?[a-z]", body, re.IGNORECASE) else None
    return body if media_type.startswith("text/") or media_type == "application/x-subrip" else None


def _has_a_format_of_its_own(text: object) -> bool:
    """LiteLLM wraps subtitles, and even a stream of events, in the text of a JSON object."""
    from .subtitles import are_subtitles  # at the top each would need the other, for our values

    return isinstance(text, str) and (are_subtitles(text) or bool(_EVENTS.match(text)))


def _read_text(text: str, response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    from .subtitles import are_subtitles, cues_in  # here for the same reason
    from .transcription_stream import read_events

    if _media_type(response) == "text/event-stream" or _EVENTS.match(text):
        return read_events(text, response, base_url, config)
    if are_subtitles(text):
        return assembled(None, cues_in(text))
    return Transcription(clean_text(text))


def transcription_in(body: Mapping[str, Any]) -> Transcription | None:
    """The transcription in a JSON object: all but the text may be missing, null or beyond understanding."""
    segments, has_times = segments_in(body.get("segments"))
    text = body.get("text")
    if not isinstance(text, str) and not segments:
        return None
    words = _words_in(body.get("words"))
    text = clean_text(text) if isinstance(text, str) else ""
    text = text or clean_text(_said_in([segment.text for segment in segments]))
    return replace(
        assembled(text, _with_words(segments if has_times else [], words, text)),
        language=language_in(body.get("language")),
        duration_s=_seconds(body.get("duration")),
    )


def language_in(name: Any) -> str | None:
    """The code of a language that a server names, or None where it names none."""
    return well_formed(language_code(name) or "") or None if isinstance(name, str) else None


def segments_in(items: Any) -> tuple[list[TimedText], bool]:
    """Segments as they are written, and whether any has a time. One without goes after its predecessor."""
    segments: list[TimedText] = []
    has_times = False
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, Mapping) or not isinstance(item.get("text"), str):
            continue
        start_s, end_s = _seconds(item.get("start")), _seconds(item.get("end"))
        has_times = has_times or start_s is not None
        if start_s is None:
            start_s = segments[-1].end_s if segments else 0.0
        end_s = start_s if end_s is None else max(start_s, end_s)
        words = tuple(_words_in(item.get("words")))
        segments.append(TimedText(start_s, end_s, well_formed(item["text"]), words, _speaker(item)))
    return segments, has_times


def _speaker(item: Mapping[str, Any]) -> str | None:
    name = item.get("speaker")
    name = item.get("speaker_id") if name is None else name  # Mistral
    if isinstance(name, bool) or not isinstance(name, str | int):
        return None
    return well_formed(str(name)).strip() or None


def _words_in(items: Any) -> list[TimedWord]:
    """The words of a list; whisper.cpp's are parts of words, of which the first has a blank before it."""
    parts: list[TimedWord] = []
    for item in items if isinstance(items, list) else []:
        text = (item.get("word") or item.get("text")) if isinstance(item, Mapping) else None
        start_s = _seconds(item.get("start")) if isinstance(text, str) else None
        if start_s is not None and isinstance(text, str):
            end_s = _seconds(item.get("end"))
            parts.append(TimedWord(start_s, max(start_s, end_s or 0.0), well_formed(text)))
    words = _whole_words(parts) if any(part.text[:1].isspace() for part in parts[1:]) else parts
    cleaned = [replace(word, text=clean_text(word.text)) for word in words]
    return [word for word in cleaned if word.text]


def _whole_words(parts: list[TimedWord]) -> list[TimedWord]:
    groups: list[list[TimedWord]] = []
    for part in parts:
        if groups and not part.text[:1].isspace() and not starts_unspaced(part.text):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [
        TimedWord(group[0].start_s, max(part.end_s for part in group), "".join(part.text for part in group))
        for group in groups
    ]


def _with_words(segments: list[TimedText], words: list[TimedWord], text: str) -> list[TimedText]:
    """Give the words from the top of an answer to the segments in which their middle is."""
    if not words or any(segment.words for segment in segments):
        return segments
    if not segments:
        return [TimedText(words[0].start_s, max(word.end_s for word in words), text, tuple(words))]
    starts_s = [segment.start_s for segment in segments]
    shares: list[list[TimedWord]] = [[] for _ in segments]
    for word in words:
        shares[max(bisect_right(starts_s, (word.start_s + word.end_s) / 2) - 1, 0)].append(word)
    return [replace(segment, words=tuple(share)) for segment, share in zip(segments, shares, strict=True)]


def assembled(text: str | None, segments: list[TimedText]) -> Transcription:
    """A transcription of raw segments, whose texts make up the whole where there is none."""
    text = clean_text(_said_in([segment.text for segment in segments])) if text is None else text
    cleaned = [replace(segment, text=clean_text(segment.text)) for segment in segments]
    return Transcription(text, tuple(segment for segment in cleaned if segment.text))


def _said_in(texts: list[str]) -> str:
    return joined([text for text in texts if text.strip() and not _ONLY_SILENCE.fullmatch(text.strip())])


def clean_text(text: str) -> str:
    """A text without the marks of silence, blanks around it and breaks within its words."""
    text = well_formed(text)
    if text.startswith(" ") and text.endswith("\n"):  # whisper.cpp: a line a segment, even within a word
        text = _said_in(text.split("\n"))
    text = _BLANK_AUDIO.sub("", text).strip()
    return "" if _ONLY_SILENCE.fullmatch(text) else text


def well_formed(text: str) -> str:
    """JSON can hold half a surrogate pair, which can't be written to any file."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _seconds(value: Any) -> float | None:
    """A time; vLLM gives the duration as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def json_of(text: str) -> Any:
    """The value of a JSON text, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
