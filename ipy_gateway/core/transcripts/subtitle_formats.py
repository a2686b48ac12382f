"""Transcripts as SubRip and WebVTT subtitles."""

import re
from typing import TYPE_CHECKING

from .subtitle_cues import Cue, cues_of

if TYPE_CHECKING:
    from .transcript import Transcript

# SubRip has no escapes. Players read tags, "{\an8}" and "\N" as commands, and "-->" as times: a character
# without width, which no font shows and no line ends at, makes plain text of them.
_COMMAND_IN_SRT = re.compile(r"<(?=[a-z/!?])|\{(?=[\\a-z])|\\(?=[nh{}])|--(?=>)", re.IGNORECASE)
_WORD_JOINER = "\u2060"


def srt_of(transcript: "Transcript") -> str:
    """SubRip: https://wiki.videolan.org/SubRip."""
    cues = cues_of(transcript, has_labels=True)
    return "\n".join(_srt_cue(number, cue) for number, cue in enumerate(cues, start=1))


def vtt_of(transcript: "Transcript") -> str:
    """WebVTT: https://www.w3.org/TR/webvtt1."""
    return "\n".join(["WEBVTT\n", *map(_vtt_cue, cues_of(transcript, has_labels=False))])


def _srt_cue(number: int, cue: Cue) -> str:
    text = _COMMAND_IN_SRT.sub(rf"\g<0>{_WORD_JOINER}", "\n".join(cue.lines))
    return f"{number}\n{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}\n{text}\n"


def _vtt_cue(cue: Cue) -> str:
    voice = f"<v {_escaped(cue.speaker)}>" if cue.speaker else ""
    text = "\n".join(map(_escaped, cue.lines))
    return f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{voice}{text}\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(milliseconds: int, decimal_mark: str) -> str:
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{decimal_mark}{rest % 1000:03}"
