"""What was said in a recording, and what may become of it."""

from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Self

from .clock import clock
from .exceptions import InvalidRequestError
from .transcript_checks import check_kinds, check_number, check_span, check_texts
from .transcription import Segment, Transcription, Word

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
    seconds: float | None = None
    gaps: tuple[Gap, ...] = ()
    cut_off: bool = False

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
        _check_segments(self.segments)
        _check_gaps(self.gaps)

    def __str__(self) -> str:
        return self.text

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
    ) -> Self:
        """A transcript of what a server said, whose segments may come in any order.

        Args:
            transcription: the server's answer.
            source: name of the recording.
            model: what the server calls its model.
            server: its base URL.
            seconds: how long it took.
            gaps: what is missing, in any order.
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
        )

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of all segments; () where the server gives none."""
        return tuple(word for segment in self.segments for word in segment.words)


def _start_s(span: Segment | Gap) -> float:
    return span.start_s


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _check_segments(segments: tuple[Segment, ...]) -> None:
    _check_spans("segment", segments)
    for number, segment in enumerate(segments, start=1):
        what = f"segment {number}"
        check_texts(what, text=segment.text)
        if segment.speaker is not None:
            check_texts(what, speaker=segment.speaker)
        for word in check_kinds(f"words of {what}", segment.words, Word):
            check_span(f"word {word.text!r:.40} of {what}", word.start_s, word.end_s)
            check_texts(f"word of {what}", text=word.text)


def _check_gaps(gaps: tuple[Gap, ...]) -> None:
    _check_spans("gap", gaps)
    for number, gap in enumerate(gaps, start=1):
        check_texts(f"gap {number}", reason=gap.reason)


def _check_spans(kind: str, spans: Sequence[Segment | Gap]) -> None:
    before_s = 0.0
    for number, span in enumerate(spans, start=1):
        check_span(f"{kind} {number}", span.start_s, span.end_s)
        if span.start_s < before_s:
            raise InvalidRequestError(
                f"The {kind}s are out of order: {kind} {number} begins at {span.start_s} s, "
                f"the one before it at {before_s} s.",
                "Sort them by start_s.",
            )
        before_s = span.start_s
