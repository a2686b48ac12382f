"""What a transcript looks like: its text with times, and a player that it follows."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from ..core.printable import one_line
from ..core.recordings.preview import Preview
from ..core.transcripts.timeline import timeline
from ..core.transcripts.transcript import Gap, Transcript
from ..core.transcripts.transcription import Segment
from ..core.waiting.clock import clock
from .answers import CUT_OFF
from .bundle import Bundle
from .html import Html, block, element, script, unclosed
from .player import SCRIPTS, STYLE, part_notice, player_data, player_html
from .results import NO_SPEECH
from .text import duration

# Where a notebook is not trusted, style sheets and scripts are taken out, and only styles like these stay.
_LIST_STYLE = "list-style:none;margin:0;max-height:28em;overflow:auto;padding:0"
_SEEN_LINES = 12  # the list shows some more of them, and scrolls
# A notebook has all lines as HTML; with all of them as text, too, an hour would take over 150 kB.
_EXCERPT_LINES = 100


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a transcript; a text without times has none."""

    text: str
    speaker: str = ""
    start_s: float | None = None
    end_s: float = 0.0
    is_gap: bool = False


def transcript_bundle(
    transcript: Transcript,
    *,
    preview: Preview | None = None,
    seconds: float | None = None,
    known: str = "",
    is_deterministic: bool = False,
) -> Bundle:
    """The one output of a transcript.

    Args:
        transcript: what was said.
        preview: what the player plays; without one there is none.
        seconds: how long the transcription took; by default what the transcript says of it.
        known: shown in place of the speed where it was not all heard just now: "known already".
        is_deterministic: whether speed is kept out of all that is shown; the facts have the seconds anyway.
    """
    seconds = transcript.seconds if seconds is None else seconds
    lines = list(_lines(transcript)) or [_Line(NO_SPEECH)]
    unseen_gaps = transcript.gaps if len(lines) > _SEEN_LINES else ()
    notices = [*_notices(transcript, preview), *_missing(unseen_gaps)]
    speed = "" if is_deterministic else known or _speed(transcript, seconds)
    html = block(
        _recording(transcript, preview, lines, notices, speed=speed),
        script(*SCRIPTS),
        styles=(STYLE,),
    )
    shown = list(map(_plain, lines))
    end = [f"[{CUT_OFF}]"] if transcript.cut_off else []
    end += [f"[{one_line(notice)}]" for notice in transcript.notices]
    text = "\n".join([*shown, *end])
    excerpt = "\n".join([*_beginning(shown, transcript.gaps), *end])
    return Bundle(text, html, _facts(transcript, preview, seconds), excerpt=excerpt)


def _beginning(lines: list[str], gaps: tuple[Gap, ...]) -> list[str]:
    if len(lines) <= _EXCERPT_LINES:
        return lines
    left_out = len(lines) - _EXCERPT_LINES
    return [
        *lines[:_EXCERPT_LINES],
        f"[and {left_out:,} more lines, which to_text(times=True) has]",
        *_missing(gaps),
    ]


def _lines(transcript: Transcript) -> Iterator[_Line]:
    """What is said and what is missing, in the order of its times; a text that has none, by its own lines."""
    if not any(segment.text.strip() for segment in transcript.segments):
        yield from (_Line(line) for line in map(one_line, transcript.text.splitlines()) if line)
        yield from map(_line, transcript.gaps)
        return
    yield from (line for line in map(_line, timeline(transcript)) if line.text)


def _line(span: Segment | Gap) -> _Line:
    if isinstance(span, Gap):
        return _Line(one_line(str(span)), "", span.start_s, span.end_s, is_gap=True)
    return _Line(one_line(span.text), one_line(span.speaker or ""), span.start_s, span.end_s)


def _plain(line: _Line) -> str:
    time = "" if line.start_s is None or line.is_gap else f"[{clock(line.start_s)}] "
    return time + (f"{line.speaker}: " if line.speaker else "") + line.text


def _recording(
    transcript: Transcript, preview: Preview | None, lines: list[_Line], notices: list[str], *, speed: str
) -> Html:
    header = [transcript.source, _length(transcript, preview), transcript.model, transcript.server, speed]
    is_timed = all(line.start_s is not None for line in lines)
    times = _times(lines) if is_timed else ""
    duration_s = _duration_s(transcript, preview)
    return element(
        "div",
        element("p", " · ".join(filter(None, header)), class_="ipg-facts"),
        *(player_html(preview) if preview else []),
        *(element("p", notice, class_="ipg-notice") for notice in notices),
        element("ol", *map(_item, lines), class_="ipg-segments" + " ipg-timed" * is_timed, style=_LIST_STYLE),
        **player_data(preview, source=transcript.source, duration_s=duration_s, times=times),
    )


def _item(line: _Line) -> Html:
    """A line, with as little as possible around it: there are thousands."""
    if line.start_s is None:
        return unclosed("li", line.text)
    time = element("b", clock(line.start_s))
    speaker = [" ", element("i", f"{line.speaker}:")] if line.speaker else []
    attributes = {"class_": "ipg-gap"} if line.is_gap else {}
    return unclosed("li", time, *speaker, f" {line.text}", **attributes)


def _times(lines: list[_Line]) -> str:
    """For each line the milliseconds from the end of the one before it, and how long it takes, in letters."""
    starts_ms = [round((line.start_s or 0) * 1000) for line in lines]
    ends_ms = [round(line.end_s * 1000) for line in lines]
    spans = zip([0, *ends_ms], starts_ms, ends_ms, strict=False)
    return "".join(_in_letters(start - before) + _in_letters(end - start) for before, start, end in spans)


def _in_letters(number: int) -> str:
    """To base 26, the last digit in upper case: numbers in a row need nothing between them."""
    rest, last = divmod(abs(number), 26)
    before = _in_letters(rest).lower() if rest else ""
    return "-" * (number < 0) + before + ascii_uppercase[last]


def _notices(transcript: Transcript, preview: Preview | None) -> list[str]:
    cut_off = [CUT_OFF] if transcript.cut_off else []
    return [*map(one_line, transcript.notices), *(part_notice(preview) if preview else []), *cut_off]


def _missing(gaps: tuple[Gap, ...]) -> list[str]:
    """What is said above the text of its gaps, which may stand far below."""
    if not gaps:
        return []
    parts = "1 part is missing" if len(gaps) == 1 else f"{len(gaps)} parts are missing, the first of them"
    return [one_line(f"{parts}: {gaps[0]}")]


def _length(transcript: Transcript, preview: Preview | None) -> str:
    length_s = _duration_s(transcript, preview)
    return "" if length_s is None else duration(length_s)


def _duration_s(transcript: Transcript, preview: Preview | None) -> float | None:
    return preview.duration_s if preview else transcript.duration_s


def _speed(transcript: Transcript, seconds: float | None) -> str:
    """How many times faster than speech it went: "12x real time"."""
    if not seconds or not transcript.duration_s:
        return ""
    times = transcript.duration_s / seconds
    return f"{times:.0f}x real time" if times >= 9.95 else f"{times:.1f}x real time"


def _facts(transcript: Transcript, preview: Preview | None, seconds: float | None) -> dict[str, Any]:
    return {
        "source": transcript.source,
        "server": transcript.server,
        "model": transcript.model,
        "language": transcript.language,
        "duration_s": transcript.duration_s,
        "segments": len(transcript.segments),
        "gaps": len(transcript.gaps),
        "cut_off": transcript.cut_off,
        "preview_s": preview.covered_s if preview else None,
        "seconds": seconds,
    }
