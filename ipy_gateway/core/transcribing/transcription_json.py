"""JSON of a transcription in, our values out; all but the text may be missing, null or nonsense."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..transcripts.languages import language_code, starts_unspaced
from ..transcripts.transcription import (
    MAX_TIME_S,
    Segment,
    Transcription,
    Word,
    assembled,
    clean_text,
    joined_texts,
    well_formed,
)


def transcription_in(body: Mapping[str, Any]) -> Transcription | None:
    """The transcription in a JSON object, or None where there is none."""
    segments, has_times = segments_in(body.get("segments"))
    text = body.get("text")
    if not isinstance(text, str) and not segments:
        return None
    words = _words_in(body.get("words"))
    text = clean_text(text) if isinstance(text, str) else ""
    text = text or clean_text(joined_texts([segment.text for segment in segments]))
    return replace(
        assembled(text, _with_words(segments if has_times else [], words, text)),
        language=language_in(body.get("language")),
        duration_s=_seconds(body.get("duration")),
    )


def language_in(name: Any) -> str | None:
    """The code of a language that a server names, or None where it names none."""
    return well_formed(language_code(name) or "") or None if isinstance(name, str) else None


def segments_in(items: Any) -> tuple[list[Segment], bool]:
    """Segments as they are written, and whether any has a time. One without goes after its predecessor."""
    segments: list[Segment] = []
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
        segments.append(Segment(start_s, end_s, well_formed(item["text"]), words, _speaker(item)))
    return segments, has_times


def _speaker(item: Mapping[str, Any]) -> str | None:
    name = item.get("speaker")
    name = item.get("speaker_id") if name is None else name  # Mistral
    if isinstance(name, bool) or not isinstance(name, str | int):
        return None
    return well_formed(str(name)).strip() or None


def _words_in(items: Any) -> list[Word]:
    """The words of a list; whisper.cpp's are parts of words, of which the first has a blank before it."""
    parts: list[Word] = []
    for item in items if isinstance(items, list) else []:
        text = (item.get("word") or item.get("text")) if isinstance(item, Mapping) else None
        start_s = _seconds(item.get("start")) if isinstance(text, str) else None
        if start_s is not None and isinstance(text, str):
            end_s = _seconds(item.get("end"))
            parts.append(Word(start_s, max(start_s, end_s or 0.0), well_formed(text)))
    words = _whole_words(parts) if any(part.text[:1].isspace() for part in parts[1:]) else parts
    cleaned = [replace(word, text=clean_text(word.text)) for word in words]
    return [word for word in cleaned if word.text]


def _whole_words(parts: list[Word]) -> list[Word]:
    groups: list[list[Word]] = []
    for part in parts:
        if groups and not part.text[:1].isspace() and not starts_unspaced(part.text):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [
        Word(group[0].start_s, max(part.end_s for part in group), "".join(part.text for part in group))
        for group in groups
    ]


def _with_words(segments: list[Segment], words: list[Word], text: str) -> list[Segment]:
    """Give the words from the top of an answer to the segments in which their middle is."""
    if not words or any(segment.words for segment in segments):
        return segments
    if not segments:
        return [Segment(words[0].start_s, max(word.end_s for word in words), text, tuple(words))]
    starts_s = [segment.start_s for segment in segments]
    shares: list[list[Word]] = [[] for _ in segments]
    for word in words:
        shares[max(bisect_right(starts_s, (word.start_s + word.end_s) / 2) - 1, 0)].append(word)
    return [replace(segment, words=tuple(share)) for segment, share in zip(segments, shares, strict=True)]


def _seconds(value: Any) -> float | None:
    """A time; vLLM gives the duration as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= MAX_TIME_S else None


def json_of(text: str) -> Any:
    """The value of a JSON text, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
