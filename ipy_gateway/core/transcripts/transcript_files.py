"""Transcripts in files, whose suffix says what they are."""

import codecs
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import InvalidRequestError
from ..files.whole_files import check_is_file, check_may_be_written, expanded, explaining, replace_file
from .languages import joined
from .subtitle_formats import srt_of, vtt_of
from .subtitles import are_subtitles, read_subtitles
from .transcript_json import MAX_JSON_BYTES, json_of, values_in
from .transcript_tables import table_of
from .transcript_texts import markdown_of, text_of_transcript

if TYPE_CHECKING:
    from .transcript import Gap, Transcript

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def write_transcript(path: str | Path, transcript: "Transcript") -> Path:
    """What `Transcript.save` does."""
    path = expanded(path)
    with explaining(path, "written"):
        check_may_be_written(path)
    suffix = path.suffix.lower()
    if suffix not in _WRITERS:
        raise InvalidRequestError(
            f"{path.name!r} has no suffix of a transcript.", f"Use one of {', '.join(_WRITERS)}."
        )
    data = _WRITERS[suffix](transcript).encode()
    with explaining(path, "written"):
        path = path.resolve()  # a link stays one
        replace_file(path, data)
    return path


def check_formats(formats: Iterable[str]) -> None:
    """Check that transcripts can be written in these formats, such as "srt".

    Raises:
        InvalidRequestError: one is unknown, or they are no list.
    """
    if isinstance(formats, str):
        raise InvalidRequestError(
            f"formats is the string {formats!r:.40}.", f"Give a list: [{formats!r:.40}]."
        )
    for kind in formats:
        if f".{kind}".lower() not in _WRITERS:
            raise InvalidRequestError(
                f"Transcripts can't be written as {kind!r:.40}.",
                f"Use some of {', '.join(name[1:] for name in _WRITERS)}.",
            )


def values_in_file(path: str | Path, gap_type: type["Gap"]) -> dict[str, Any]:
    """What `Transcript.load` makes a transcript of."""
    path = expanded(path)
    suffix = path.suffix.lower()
    if suffix not in (".json", ".srt", ".vtt"):
        raise InvalidRequestError(f"{path.name!r} can't be read as a transcript.", "Use .json, .srt or .vtt.")
    with explaining(path, "read"):
        check_is_file(path)
        with path.open("rb") as file:
            data = file.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        raise InvalidRequestError(
            f"{path.name!r} has more than {MAX_JSON_BYTES:,} bytes.", "Load a smaller one."
        )
    text = _decoded(data, path)
    return values_in(text, gap_type) if suffix == ".json" else _values_in_subtitles(text, path)


def _decoded(data: bytes, path: Path) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise InvalidRequestError(f"{path.name!r} is no text in UTF-8.", "Save it in UTF-8 first.") from error


def _values_in_subtitles(text: str, path: Path) -> dict[str, Any]:
    if text.strip() and not are_subtitles(text.lstrip("\ufeff")):
        raise InvalidRequestError(f"{path.name!r} holds no subtitles.", "Name a file of SubRip or WebVTT.")
    segments = tuple(sorted(read_subtitles(text), key=lambda segment: segment.start_s))
    return {"text": joined([segment.text for segment in segments]), "segments": segments}


def _text_file(transcript: "Transcript") -> str:
    return text_of_transcript(transcript, times=False) + "\n"


def _csv_file(transcript: "Transcript") -> str:
    return "\ufeff" + table_of(
        transcript, delimiter=","
    )  # without the mark, Excel reads it in an old encoding


def _tsv_file(transcript: "Transcript") -> str:
    return "\ufeff" + table_of(transcript, delimiter="\t")


_WRITERS: dict[str, Callable[["Transcript"], str]] = {
    ".txt": _text_file,
    ".srt": srt_of,
    ".vtt": vtt_of,
    ".json": json_of,
    ".md": markdown_of,
    ".csv": _csv_file,
    ".tsv": _tsv_file,
}
