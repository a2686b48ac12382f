"""What was said in a recording, and what may become of it."""

import math
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ..exceptions import InvalidRequestError
from ..waiting.clock import clock
from .languages import joined
from .subtitle_formats import srt_of, vtt_of
from .transcript_checks import check_gaps, check_kinds, check_number, check_segments, check_span, check_texts
from .transcript_files import values_in_file, write_transcript
from .transcript_json import json_of, values_in
from .transcript_search import Match, matches_in
from .transcript_slices import end_of, gaps_between, segments_between, times_of_slice
from .transcript_tables import data_frame_of
from .transcript_texts import markdown_of, text_of_transcript
from .transcription import Segment, Transcription, Word

if TYPE_CHECKING:
    import pandas

_REPR_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Gap:
    """A part of a recording that could not be transcribed.

    Attributes:
        start_s: where it begins, in seconds from the start of the recording.
        end_s: where it ends.
        reason: why it is missing, in a few words.
    """

    start_s: float
    end_s: float
    reason: str

    def __str__(self) -> str:
        return f"[gap from {clock(self.start_s)} to {clock(self.end_s)}: {self.reason}]"


@dataclass(frozen=True, slots=True, repr=False)
class Transcript:
    """What was said in a recording. `str(transcript)` is the text alone.

        transcript = Transcript("Good morning.", [Segment(0.0, 1.2, "Good morning.")], source="talk.m4a")

    Attributes:
        text: all that is said; "" for silence.
        segments: the same with times, speakers and words, by `start_s`; () where the server gives none.
        language: ISO 639 code where the name is one of Whisper's, else the server's own word, or None.
        duration_s: length of the recording, or None.
        source: name of the recording, or "".
        model: what the server calls its model, or "".
        server: base URL of the server that answered, or "".
        seconds: how long the transcription took, or None.
        gaps: the parts that could not be transcribed, by `start_s`.
        cut_off: whether a length limit of the server ended it, or a part of it, too early.
        notices: what else is to be known of it, such as further sound tracks, a sentence each.

    Raises:
        InvalidRequestError: a value has the wrong type, a time is negative or no number, an end lies before
            its start, segments or gaps are out of order, or a text holds half of a surrogate pair.
    """

    text: str
    segments: tuple[Segment, ...] = ()
    _: KW_ONLY
    language: str | None = None
    duration_s: float | None = None
    source: str = ""
    model: str = ""
    server: str = ""
    seconds: float | None = field(default=None, compare=False)
    gaps: tuple[Gap, ...] = ()
    cut_off: bool = False
    notices: tuple[str, ...] = ()

    __iter__ = None  # with __getitem__ alone, Python would take it for a sequence

    def __post_init__(self) -> None:
        """Check every value; lists become tuples."""
        check_texts("transcript", text=self.text, source=self.source, model=self.model, server=self.server)
        if self.language is not None:
            check_texts("transcript", language=self.language)
        for name in ("duration_s", "seconds"):
            if getattr(self, name) is not None:
                check_number("transcript", name, getattr(self, name))
        object.__setattr__(self, "segments", check_kinds("segments", self.segments, Segment))
        object.__setattr__(self, "gaps", check_kinds("gaps", self.gaps, Gap))
        object.__setattr__(self, "notices", check_kinds("notices", self.notices, str))
        check_texts("transcript", notices=" ".join(self.notices))
        check_segments(self.segments)
        check_gaps(self.gaps)

    def __str__(self) -> str:
        return self.text

    def __contains__(self, text: str) -> bool:
        """Whether these words are said, letter by letter; `search` is more lenient."""
        return text in self.text

    def __repr__(self) -> str:
        """One line, however long the transcript."""
        text = self.text if len(self.text) <= _REPR_CHARACTERS else f"{self.text[: _REPR_CHARACTERS - 1]}…"
        source = f" of {self.source!r}" if self.source else ""
        length = f", {clock(self.duration_s)}" if self.duration_s is not None else ""
        gaps = f", {_counted(len(self.gaps), 'gap')}" if self.gaps else ""
        return f"<Transcript{source}: {_counted(len(self.segments), 'segment')}{length}{gaps}, {text!r}>"

    @classmethod
    def from_transcription(
        cls,
        transcription: Transcription,
        *,
        source: str = "",
        model: str = "",
        server: str = "",
        seconds: float | None = None,
        gaps: Iterable[Gap] = (),
        notices: Iterable[str] = (),
    ) -> Self:
        """A transcript of what a server said, whose segments may come in any order.

        Args:
            transcription: the server's answer.
            source: name of the recording.
            model: what the server calls its model.
            server: its base URL.
            seconds: how long it took.
            gaps: what is missing, in any order.
            notices: what else is to be known of it.
        """
        return cls(
            transcription.text,
            tuple(sorted(transcription.segments, key=_start_s)),
            language=transcription.language,
            duration_s=transcription.duration_s,
            source=source,
            model=model,
            server=server,
            seconds=seconds,
            gaps=tuple(sorted(gaps, key=_start_s)),
            cut_off=transcription.cut_off,
            notices=tuple(notices),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The transcript that `to_json` wrote, the same in every value.

        Args:
            text: the JSON.

        Raises:
            InvalidRequestError: it is something else, or has over 100,000,000 bytes.
        """
        return cls(**values_in(text, Gap))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """The transcript in a .json file that `save` wrote, or the subtitles of an .srt or .vtt file.

        Args:
            path: the file; its suffix says what it is.

        Raises:
            InvalidRequestError: the file can't be read, or something else is in it.
        """
        return cls(**values_in_file(path, Gap))

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments; () where the server gives none."""
        return tuple(word for segment in self.segments for word in segment.words)

    def __getitem__(self, times: slice) -> Self:
        """`transcript[60:120]` is its second minute, `transcript[-60:]` its last; as `between`."""
        start_s, end_s = times_of_slice(times, self)
        return self.between(start_s, end_s)

    def between(self, start_s: float = 0.0, end_s: float | None = None) -> Self:
        """What is said from one time to another; times stay those of the recording.

        A segment that crosses a border is cut between words. Each belongs to the part that its middle is in,
        so that parts which follow each other have it once. Where words have no times, these are estimated.

        Args:
            start_s: from when, in seconds.
            end_s: until when; what begins there is not part of it. None is the end.

        Raises:
            InvalidRequestError: these are no times in this order, or the transcript has no times.
        """
        check_span("part of the transcript", start_s, end_of(self) if end_s is None else end_s)
        if self.text and not self.segments:
            raise InvalidRequestError(
                "The transcript has no times to be cut by.", "Transcribe with a server that gives segments."
            )
        stop_s = math.inf if end_s is None else end_s
        segments = segments_between(self.segments, start_s, stop_s)
        text = self.text if segments == self.segments else joined([segment.text for segment in segments])
        return replace(self, text=text, segments=segments, gaps=gaps_between(self.gaps, start_s, stop_s))

    def search(self, query: str, *, ignore_case: bool = True, regex: bool = False) -> tuple[Match, ...]:
        """Where something is said, also across the borders of segments.

        Args:
            query: words in this order, with any blanks between them.
            ignore_case: whether small and capital letters are the same.
            regex: whether the query is a regular expression.

        Raises:
            InvalidRequestError: the query is empty, or no regular expression.
        """
        return matches_in(self, query, ignore_case=ignore_case, regex=regex)

    def to_text(self, *, times: bool = False) -> str:
        """The text; with a paragraph for each speaker's turn, and one for each gap, where there are any.

        Args:
            times: whether each segment and each gap gets a line with its times instead.
        """
        return text_of_transcript(self, times=times)

    def to_markdown(self) -> str:
        """Markdown that shows all characters as they are: a title, a paragraph for each turn and each gap."""
        return markdown_of(self)

    def to_json(self) -> str:
        """JSON of all values, which `from_json` reads back."""
        return json_of(self)

    def to_dataframe(self) -> "pandas.DataFrame":
        """A pandas DataFrame: start_s, end_s, speaker, text, and as gap the reason in the row of a gap.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        return data_frame_of(self)

    def save(self, path: str | Path) -> Path:
        """Write a file, at once or not at all, and return its path. A file of this name is replaced.

        Args:
            path: its suffix says what is written: .txt, .md, .srt, .vtt, .json, .csv or .tsv. In tables, text
                that a spreadsheet would take for a formula gets an apostrophe before it.

        Raises:
            InvalidRequestError: the suffix is another one, the file can't be written, or subtitles can't be
                made, as in `to_srt`.
        """
        return write_transcript(path, self)

    def to_srt(self) -> str:
        """SubRip subtitles: one or two lines of 42 columns, a speaker's name before the first words.

        Lines end where a reader would pause, no subtitle overlaps another, and every word is there, at its
        time or an estimate. What players would take for markup gets a character without width.

        Raises:
            InvalidRequestError: the transcript has text and neither segments nor a `duration_s`.
        """
        return srt_of(self)

    def to_vtt(self) -> str:
        """WebVTT subtitles, with each speaker as a voice; else as `to_srt`.

        Raises:
            InvalidRequestError: as `to_srt`.
        """
        return vtt_of(self)


def _start_s(span: Segment | Gap) -> float:
    return span.start_s


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
