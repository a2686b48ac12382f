"""What becomes of a value, by its type, when it stands in a text for a model.

| value | what is sent |
|---|---|
| text, number, date, bool, None | as `str` writes it; a text is never taken for the name of a file |
| list, dict, tuple, set | JSON, or the repr where JSON has no word for something in it |
| table (pandas), array (NumPy) | its columns or its shape, and what it starts with |
| picture (Pillow, Matplotlib, IPython) | the picture |
| `Path` | the picture, recording or text in that file |
| bytes, `IPython.display.Audio` | the picture or recording that they are |
| transcript, answer | its text; with times, a line for each segment |
| transcripts of many, or a list of them | each under the name of its recording |
| function, class, module | its source |
| anything else | its repr; a generator is not consumed |

A text ends after 100,000 characters and a repr after 10,000; a mark in the text and a notice say so.
"""

import datetime
import inspect
import json
import numbers
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from ...core.messages import Completion, TranscriptText, answer_text
from ...core.transcripts.transcript import Transcript
from ...core.transcripts.transcription import Segment
from ...core.transcripts.transcripts import Transcripts
from ...core.waiting.clock import clock
from ..libraries import is_a
from .media import filled_with_bytes, filled_with_display_data, filled_with_file
from .parts import Filled, Sound, capped
from .pictures import filled_with_figure, filled_with_image
from .source_code import is_code, source_of
from .tables import array_text, filled_with_table

MAX_REPR_CHARACTERS = 10_000

_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_BUFFERS = (bytes, bytearray, memoryview)
_IN_JSON_BY_STR = (datetime.date, datetime.time, datetime.timedelta, uuid.UUID, PurePath)
_WRITTEN_BY_STR = (str, numbers.Number, *_IN_JSON_BY_STR)


def filled_with(value: object, label: str) -> Filled:
    """What stands for a value in a message.

    Args:
        value: anything.
        label: the placeholder that it is the value of, as a sentence names it.

    Raises:
        InvalidRequestError: it is a file or bytes that can't be sent.
    """
    if transcripts := _several_transcripts(value):
        return _filled_with_transcripts(value, transcripts, label)
    filled = _filled_with(value, label)
    recording = _recording_of(value, filled)
    return replace(filled, recordings=(recording,)) if recording else filled


def _filled_with(value: object, label: str) -> Filled:
    if isinstance(value, Path):
        return filled_with_file(value, label)
    if isinstance(value, _BUFFERS):
        return filled_with_bytes(bytes(value), label)
    drawn = _drawn(value, label)
    if drawn is not None:
        return drawn
    if is_a(value, "pandas", "DataFrame", "Series"):
        return filled_with_table(value, label)
    text = _text_of(value)
    return _described(value, label) if text is None else capped(text, label)


def _recording_of(value: object, filled: Filled) -> str:
    """The name of the recording that a value is, or the transcript of, or ""."""
    if isinstance(value, Transcript | TranscriptText):
        return value.source
    is_sound = any(isinstance(part, Sound) for part in filled.parts)
    return value.name if isinstance(value, Path) and is_sound else ""


def _several_transcripts(value: object) -> list[tuple[str, Transcript]]:
    """Transcripts of many recordings with their names, or [] where the value is something else."""
    if isinstance(value, Transcripts):
        return list(value.transcripts.items())
    pairs: list[tuple[Any, Any]] = []
    if isinstance(value, list | tuple):
        pairs = [(getattr(one, "source", ""), one) for one in value]
    elif isinstance(value, dict):
        pairs = list(value.items())
    are_transcripts = all(isinstance(one, Transcript) for _, one in pairs)
    return [(str(name), one) for name, one in pairs] if are_transcripts else []


def _filled_with_transcripts(value: object, transcripts: list[tuple[str, Transcript]], label: str) -> Filled:
    texts = [
        f"Transcript of {name or 'a recording'}:\n{_speech_text(one) or ''}" for name, one in transcripts
    ]
    filled = capped("\n\n".join(texts), label)
    failed = len(value.errors) if isinstance(value, Transcripts) else 0
    notices = (f"{failed} recordings of {label} have no transcript and are left out.",) if failed else ()
    names = tuple(dict.fromkeys(name for name, _ in transcripts if name))
    return replace(filled, notices=(*filled.notices, *notices), recordings=names)


def _drawn(value: Any, label: str) -> Filled | None:
    """The picture or sound of a library's object, or None."""
    if is_a(value, "PIL.Image", "Image"):
        return filled_with_image(value, label)
    if is_a(value, "matplotlib.figure", "Figure"):
        return filled_with_figure(value, label)
    if is_a(value, "matplotlib.axes", "Axes"):  # what the plot() of a table returns
        return filled_with_figure(value.get_figure(), label)
    if is_a(value, "IPython.display", "Image", "Audio"):
        return filled_with_display_data(value.data, label)
    return None


def _text_of(value: Any) -> str | None:
    """The text that a value is or that describes it well, or None where its repr has to."""
    if isinstance(value, TranscriptText) and value.source:
        return f"Transcript of {value.source}:\n{value}"
    if value is None or isinstance(value, _WRITTEN_BY_STR) or is_a(value, "numpy", "generic"):
        return str(value)
    if isinstance(value, Completion):
        return answer_text(value)
    if is_a(value, "numpy", "ndarray"):
        return array_text(value)
    texts = (text_of(value) for text_of in (_speech_text, _reply_text, _json_text, source_of))
    return next((text for text in texts if text is not None), None)


def _described(value: object, label: str) -> Filled:
    filled = capped(repr(value), label, max_characters=MAX_REPR_CHARACTERS)
    if is_code(value):
        notice = f"The source of {label} can't be had: only its name is sent."
    elif isinstance(value, Iterator | AsyncIterator | Awaitable):
        advice = "await it first" if isinstance(value, Awaitable) else "make a list of it first"
        notice = f"{label} is a {type(value).__name__}, whose values are not read: {advice} to send them."
    else:
        return filled
    return Filled(filled.parts, (*filled.notices, notice))


def _speech_text(value: object) -> str | None:
    """A line for each segment of what was said, e.g. "[0:05 - 0:09] Anna: Good morning."."""
    if isinstance(value, Transcript):
        return value.to_text(times=True)
    segments = _attribute(value, "segments")
    if not isinstance(segments, list | tuple) or not all(isinstance(part, Segment) for part in segments):
        return None
    text = _attribute(value, "text")
    if not segments:
        return text if isinstance(text, str) else None
    return "\n".join(map(_segment_line, segments))


def _segment_line(segment: Segment) -> str:
    speaker = f"{segment.speaker}: " if segment.speaker else ""
    return f"[{clock(segment.start_s)} - {clock(segment.end_s)}] {speaker}{segment.text}"


def _reply_text(value: object) -> str | None:
    """The text of an answer to a chat, which also holds the message that it came in."""
    text, message = _attribute(value, "text"), _attribute(value, "message")
    return text if isinstance(text, str) and isinstance(message, dict) else None


def _json_text(value: object) -> str | None:
    is_named_tuple = isinstance(value, tuple) and hasattr(value, "_fields")  # its repr has the names
    if not isinstance(value, _CONTAINERS) or is_named_tuple:
        return None
    try:
        return json.dumps(_listed(value), ensure_ascii=False, default=_json_value)
    except (TypeError, ValueError, RecursionError):  # no JSON: an object, a key that is a tuple, a circle
        return None


def _json_value(value: Any) -> object:
    """What stands in JSON for something that it does not know."""
    if isinstance(value, _IN_JSON_BY_STR):
        return str(value)
    if is_a(value, "numpy", "generic"):
        return value.item()
    listed = _listed(value)
    if listed is value:
        raise TypeError(f"JSON has no word for {type(value).__name__}")
    return listed


def _listed(value: object) -> object:
    """A list of what json takes for no list; sets in an order that does not change from run to run."""
    if isinstance(value, deque):
        return list(value)
    if not isinstance(value, set | frozenset):
        return value
    try:
        return sorted(value)
    except TypeError:
        return sorted(value, key=repr)


def _attribute(value: object, name: str) -> object:
    """An attribute that is really there: a stand-in for some service may make one up, and ask it for that."""
    static = inspect.getattr_static(value, name, None)
    return None if static is None else getattr(value, name)
