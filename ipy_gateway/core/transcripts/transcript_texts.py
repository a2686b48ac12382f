"""Transcripts as plain text and as Markdown."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ..printable import one_line
from ..waiting.clock import clock
from .languages import joined
from .timeline import timeline
from .transcription import Segment

if TYPE_CHECKING:
    from .transcript import Gap, Transcript

# What may begin or end markup anywhere in a line, become a link, or begin a formula in Jupyter. They become
# entities, because behind a backslash a bracket begins a formula there, too.
_SPECIAL = re.compile(r"[\\`*_~|^=<>&\[\]{}$@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
_LINE_START = re.compile(r"^(?:[#+-]|\d(?=\d{0,8}[.)]))", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """What one speaker says between two others or gaps, or the mark of a gap."""

    start_s: float
    text: str
    speaker: str = ""
    is_gap: bool = False


def text_of_transcript(transcript: "Transcript", *, times: bool) -> str:
    """What `Transcript.to_text` gives."""
    if times and (transcript.segments or not transcript.text):
        return "\n".join(timed_line(span) for span in timeline(transcript))
    if not transcript.gaps and not any(segment.speaker for segment in transcript.segments):
        return transcript.text
    said = "" if transcript.segments else transcript.text
    return "\n\n".join(filter(None, [said, *map(_plain, _paragraphs(transcript))]))


def markdown_of(transcript: "Transcript") -> str:
    """What `Transcript.to_markdown` gives."""
    title = f"Transcript of {one_line(transcript.source)}" if transcript.source.strip() else "Transcript"
    said = [] if transcript.segments else [_escaped_lines(transcript.text)]
    parts = [f"# {_escaped(title)}", _origin(transcript), *said, *map(_marked_up, _paragraphs(transcript))]
    return "\n\n".join(filter(None, parts)) + "\n"


def timed_line(span: "Segment | Gap") -> str:
    """A segment with its times and speaker, or a gap, on one line."""
    if not isinstance(span, Segment):
        return one_line(str(span))
    speaker = f"{span.speaker}: " if span.speaker else ""
    return f"[{clock(span.start_s)} - {clock(span.end_s)}] {one_line(speaker + span.text)}"


def _paragraphs(transcript: "Transcript") -> Iterator[_Paragraph]:
    for speaker, group in groupby(timeline(transcript), key=_speaker_of):
        spans = list(group)
        if speaker is None:
            yield from (_Paragraph(gap.start_s, one_line(str(gap)), is_gap=True) for gap in spans)
            continue
        text = one_line(joined([span.text for span in spans if isinstance(span, Segment)]))
        if text:
            yield _Paragraph(spans[0].start_s, text, speaker)


def _speaker_of(span: "Segment | Gap") -> str | None:
    """The speaker's name, "" for nobody in particular, and None for a gap."""
    return one_line(span.speaker or "") if isinstance(span, Segment) else None


def _plain(paragraph: _Paragraph) -> str:
    return f"{paragraph.speaker}: {paragraph.text}" if paragraph.speaker else paragraph.text


def _origin(transcript: "Transcript") -> str:
    length = f"length {clock(transcript.duration_s)}" if transcript.duration_s is not None else ""
    language = f"language {transcript.language}" if transcript.language else ""
    model = f"model {transcript.model}" if transcript.model else ""
    cut_off = "ended too early at a length limit" if transcript.cut_off else ""
    facts = ", ".join(filter(None, [length, language, model, cut_off]))
    lines = [facts, *transcript.notices]
    return "\n\n".join(f"*{_escaped(one_line(line))}*" for line in lines if line)


def _marked_up(paragraph: _Paragraph) -> str:
    if paragraph.is_gap:
        return f"*{_escaped(paragraph.text)}*"
    speaker = f"**{_escaped(paragraph.speaker)}:** " if paragraph.speaker else ""
    return f"**{clock(paragraph.start_s)}** {speaker}{_escaped(paragraph.text)}"


def _escaped_lines(text: str) -> str:
    """A text that begins lines of its own, where a dash or number would begin a list."""
    lines = [_escaped(one_line(line)) for line in text.splitlines()]
    return _LINE_START.sub(_entity, "\n".join(lines)).strip("\n")


def _escaped(text: str) -> str:
    """A line that Markdown shows as it is, without markup, formulas and links."""
    return _SPECIAL.sub(_entity, text)


def _entity(special: re.Match[str]) -> str:
    return f"&#{ord(special[0])};"
