"""What was heard in a recording: the values, and how its raw parts become one text."""

import re
from dataclasses import dataclass, replace

from .languages import joined

# 31 years: longer than any recording, and short enough for the clocks of every subtitle format.
MAX_TIME_S = 1e9
# Whisper writes down silence. Only whisper.cpp's own mark is never speech; the others (seen in whisper.cpp's
# issue 2363 and pull request 473) may be asked for in a prompt, and go only where nothing else is said.
# "[MUSIC]", "[inaudible]" and the like tell something about the recording, and stay.
_BLANK_AUDIO = re.compile(r" ?\[ ?BLANK[_ ]AUDIO ?\]", re.IGNORECASE)
_ONLY_SILENCE = re.compile(r"(?i)(?:[\[(]\s*(?:silence|silent|no audio|no speech|無音)\s*[\])]\s*)+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it is said.

    Attributes:
        start_s: when it begins, in seconds from the start of the recording.
        end_s: when it ends.
        text: the word as it is written, without blanks around it.
    """

    start_s: float
    end_s: float
    text: str


@dataclass(frozen=True, slots=True)
class Segment:
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
    words: tuple[Word, ...] = ()
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Transcription:
    """What a server heard in a recording.

    Attributes:
        text: all that is said; "" for silence.
        segments: the same with times; () where the server gives none.
        language: ISO 639 code where the name is one of Whisper's, else the server's own word, or None.
        duration_s: length of the recording as the server gives it, or None.
        cut_off: whether a length limit of the server ended it, or a part of it, too early.
    """

    text: str
    segments: tuple[Segment, ...] = ()
    language: str | None = None
    duration_s: float | None = None
    cut_off: bool = False

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments."""
        return tuple(word for segment in self.segments for word in segment.words)


def assembled(text: str | None, segments: list[Segment]) -> Transcription:
    """A transcription of raw segments, whose texts make up the whole where there is none."""
    text = clean_text(joined_texts([segment.text for segment in segments])) if text is None else text
    cleaned = [replace(segment, text=clean_text(segment.text)) for segment in segments]
    return Transcription(text, tuple(segment for segment in cleaned if segment.text))


def joined_texts(texts: list[str]) -> str:
    """The whole of several texts, without those that are nothing but a mark of silence."""
    return joined([text for text in texts if text.strip() and not _ONLY_SILENCE.fullmatch(text.strip())])


def clean_text(text: str) -> str:
    """A text without the marks of silence, blanks around it and breaks within its words."""
    text = well_formed(text)
    if text.startswith(" ") and text.endswith("\n"):  # whisper.cpp: a line a segment, even within a word
        text = joined_texts(text.split("\n"))
    text = _BLANK_AUDIO.sub("", text).strip()
    return "" if _ONLY_SILENCE.fullmatch(text) else text


def well_formed(text: str) -> str:
    """JSON can hold half a surrogate pair, which can't be written to any file."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
