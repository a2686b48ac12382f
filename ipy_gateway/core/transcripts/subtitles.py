"""Cues of SubRip and WebVTT subtitles, however carelessly written."""

import html
import re

from .transcription import MAX_TIME_S, Segment, assembled

_LINE_END = re.compile(r"\r\n|\r|\n")
_CLOCK = r"(?:([0-9]{1,6}):)?([0-9]{1,3}):([0-9]{1,2}(?:[.,][0-9]{1,9})?)"
_TIMING = re.compile(rf"[ \t]*{_CLOCK}[ \t]*-->[ \t]*{_CLOCK}(?:[ \t].*)?$")
_SUBTITLES = re.compile(rf"WEBVTT(?!\S)|(?:[0-9]+[ \t]*[\r\n]+[ \t]*)?{_CLOCK}[ \t]*-->")
_VTT_BLOCK = re.compile(r"NOTE(?!\S)|STYLE[ \t]*$|REGION[ \t]*$")
_VOICE = re.compile(r"<v(?:\.[^ \t<>]*)?[ \t]([^<>]*)>")
_TAG = re.compile(r"</?(?:c|i|b|u|v|ruby|rt|lang|font)(?:\.[^ \t<>]*)?(?:[ \t][^<>]*)?>|<[0-9:.]+>")
_ENTITY = re.compile(r"&[#0-9A-Za-z]{1,10};")


def read_subtitles(text: str) -> tuple[Segment, ...]:
    """The cues of SubRip or WebVTT subtitles, however carelessly written.

    Numbers, hours and blank lines may be missing, the decimal mark be a comma or a point, and line ends
    be of any kind. Markup is removed, and a voice (`<v Anna>`) becomes the speaker.
    """
    return assembled("", cues_in(text)).segments


def are_subtitles(text: str) -> bool:
    """Whether a text begins as SubRip or WebVTT subtitles do."""
    return bool(_SUBTITLES.match(text.lstrip()))


def cues_in(text: str) -> list[Segment]:
    """The cues with their texts as they are written: blanks at an end tell whether a word goes on."""
    text = text.lstrip("\ufeff \t\r\n")
    is_vtt = text.startswith("WEBVTT")
    found: list[tuple[re.Match[str], list[str]]] = []
    in_block = False
    before = ""
    for line in _LINE_END.split(text):
        timing = _TIMING.match(line)
        in_block = not timing and bool(line.strip()) and (in_block or _starts_block(line, before, is_vtt))
        if timing:
            _drop_name_of_next(found)
            found.append((timing, []))
        elif found and not in_block:
            found[-1][1].append(line)
        before = line.strip()
    return [_cue(timing, lines, is_vtt=is_vtt) for timing, lines in found]


def _starts_block(line: str, before: str, is_vtt: bool) -> bool:
    return is_vtt and not before and bool(_VTT_BLOCK.match(line))


def _drop_name_of_next(found: list[tuple[re.Match[str], list[str]]]) -> None:
    """The number or name of a cue stands on the line before its times."""
    lines = found[-1][1] if found else []
    if lines and lines[-1].strip() and (lines[-1].strip().isdigit() or (lines[1:] and not lines[-2].strip())):
        lines.pop()


def _cue(timing: re.Match[str], lines: list[str], *, is_vtt: bool) -> Segment:
    text = " ".join(line.rstrip() for line in lines if line.strip())
    voice = _VOICE.search(text) if is_vtt else None
    text = _TAG.sub("", text)
    if is_vtt:
        text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    start_s, end_s = _clock_s(*timing.groups()[:3]), _clock_s(*timing.groups()[3:])
    return Segment(
        start_s, max(start_s, end_s), text, speaker=html.unescape(voice[1]).strip() or None if voice else None
    )


def _clock_s(hours: str | None, minutes: str, seconds: str) -> float:
    clock_s = int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    return round(min(clock_s, MAX_TIME_S), 9)
