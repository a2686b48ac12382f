"""Transcripts as JSON: written so that they are read back exactly, read without trust."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NoReturn

from ..exceptions import InvalidRequestError
from .transcription import Segment, Word

if TYPE_CHECKING:
    from .transcript import Gap, Transcript

FORMAT = "ipy_gateway transcript"
VERSION = 1
MAX_JSON_BYTES = 100_000_000  # a thousand hours with words
_MAX_ITEMS = 1_000_000
_WORD_KEYS = _SEGMENT_KEYS = ("start_s", "end_s", "text")
_MORE_SEGMENT_KEYS = ("speaker", "words")
_GAP_KEYS = ("start_s", "end_s", "reason")
_TEXTS = ("source", "model", "server")


def json_of(transcript: "Transcript") -> str:
    """What `Transcript.to_json` gives."""
    content = {
        "format": FORMAT,
        "version": VERSION,
        "text": transcript.text,
        "language": transcript.language,
        "duration_s": transcript.duration_s,
        "source": transcript.source,
        "model": transcript.model,
        "server": transcript.server,
        "seconds": transcript.seconds,
        "cut_off": transcript.cut_off,
        "segments": [_segment_json(segment) for segment in transcript.segments],
        "gaps": [_plain(gap) for gap in transcript.gaps],
        "notices": list(transcript.notices),
    }
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"


def _plain(value: "Word | Gap") -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _segment_json(segment: Segment) -> dict[str, Any]:
    content: dict[str, Any] = {"start_s": segment.start_s, "end_s": segment.end_s, "text": segment.text}
    if segment.speaker is not None:
        content["speaker"] = segment.speaker
    if segment.words:
        content["words"] = [_plain(word) for word in segment.words]
    return content


def values_in(text: str | bytes, gap_type: type["Gap"]) -> dict[str, Any]:
    """The values of the transcript that a JSON text holds; whoever makes it of them checks texts and times.

    Raises:
        InvalidRequestError: it is not JSON, or something else.
    """
    content = _json_in(text)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        _refuse("is no transcript that was saved as JSON")
    if content.get("version") != VERSION:
        raise InvalidRequestError(
            f"The JSON is a transcript of version {content.get('version')!r:.40}; this reads {VERSION}.",
            "Read it with the version of ipy_gateway that wrote it.",
        )
    values = {name: value for name, value in content.items() if name not in ("format", "version")}
    _check_keys(values, "transcript", ("text",), tuple(_KINDS))
    for name, value in values.items():
        if not isinstance(value, _KINDS[name]):
            _refuse(f"holds {_kind(value)} as {name}")
    segments = _objects(values.get("segments", []), "segment", _SEGMENT_KEYS, _MORE_SEGMENT_KEYS)
    gaps = _objects(values.get("gaps", []), "gap", _GAP_KEYS)
    return {
        **values,
        "segments": tuple(map(_segment, segments)),
        "gaps": tuple(gap_type(**item) for item in gaps),
    }


_NUMBER = (int, float, type(None))
_KINDS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "language": (str, type(None)),
    "duration_s": _NUMBER,
    **dict.fromkeys(_TEXTS, str),
    "seconds": _NUMBER,
    "cut_off": bool,
    "segments": list,
    "gaps": list,
    "notices": list,
}


def _json_in(text: str | bytes) -> Any:
    if not isinstance(text, str | bytes):
        _refuse(f"is a value of type {type(text).__name__}")
    if len(text) > MAX_JSON_BYTES:
        _refuse(f"has more than {MAX_JSON_BYTES:,} bytes")
    try:
        return json.loads(text, parse_constant=_no_number)
    except UnicodeDecodeError:
        _refuse("is no text in UTF-8")
    except ValueError as error:
        _refuse(f"can't be read: {str(error).rstrip('.')}")
    except RecursionError:
        _refuse("is nested too deeply")


def _segment(item: Mapping[str, Any]) -> Segment:
    words = _objects(item.get("words", []), "word", _WORD_KEYS)
    return Segment(**{**item, "words": tuple(Word(**word) for word in words)})


def _objects(
    items: Any, what: str, needed: Sequence[str], optional: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The items of a list, which have to be objects with these keys."""
    if not isinstance(items, list):
        _refuse(f"holds {_kind(items)} as {what}s")
    if len(items) > _MAX_ITEMS:
        _refuse(f"holds more than {_MAX_ITEMS:,} {what}s")
    for item in items:
        if not isinstance(item, dict):
            _refuse(f"holds {_kind(item)} as a {what}")
        _check_keys(item, what, needed, optional)
    return items


def _check_keys(item: Mapping[str, Any], what: str, needed: Sequence[str], optional: Sequence[str]) -> None:
    for name in needed:
        if name not in item:
            _refuse(f"holds a {what} without {name}")
    for name in item:
        if name not in needed and name not in optional:
            _refuse(f"holds {name!r:.40}, which no {what} has")


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _kind(value: Any) -> str:
    """What JSON calls a value."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds = ((str, "a text"), (dict, "an object"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a number")


def _refuse(wrong: str) -> NoReturn:
    raise InvalidRequestError(f"The JSON {wrong}.", "Give what to_json() or save('name.json') wrote.")
