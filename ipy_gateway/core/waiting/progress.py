"""How far long work has come, told to whoever asked to hear it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from .clock import clock


@dataclass(frozen=True, slots=True)
class Progress:
    """How far something has come.

    Attributes:
        what: what is going on, e.g. "http://gpu-1:8080 is loading its model"; where it is about bytes, what
            is fetched, e.g. "Whisper tiny.en".
        done_bytes: bytes that are there, or None where it is not about bytes.
        total_bytes: bytes that there will be, or None where that is unknown.
    """

    what: str
    done_bytes: int | None = None
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionProgress:
    """How far a transcription has come.

    Attributes:
        source: name of the recording, or "".
        done_s: seconds of it that are through, failures included.
        total_s: its length in seconds, as its header states it until it has been read to its end, or None
            where that is unknown.
        windows: how many pieces of it are through.
        from_journal: how many of these did not have to be asked for.
        failures: how many parts of it are missing.
        position: its place among many recordings, counted from 0; names may be alike.
    """

    source: str = ""
    done_s: float = 0.0
    total_s: float | None = None
    windows: int = 0
    from_journal: int = 0
    failures: int = 0
    position: int = 0

    @property
    def is_known(self) -> bool:
        """Whether there are pieces, and none of them had to be asked for."""
        return 0 < self.windows == self.from_journal


@dataclass(frozen=True, slots=True)
class AnalysisProgress:
    """How far an analysis has come. `str(progress)` says it in a few words: "part 3 of 12".

    Attributes:
        source: name of the recording, or "".
        step: what is being done: it is written down, its parts are asked about, or the answers about them
            are drawn together to one.
        parts: how many parts are through, failures included.
        total_parts: how many there will be, where recordings are cut an estimate until they are; None where
            that is unknown.
        transcription: in the step "transcribing", how far that has come.
    """

    source: str = ""
    step: Literal["transcribing", "asking", "drawing together"] = "asking"
    parts: int = 0
    total_parts: int | None = None
    transcription: TranscriptionProgress | None = None

    def __str__(self) -> str:
        if self.step == "asking":
            number, total = self.parts + 1, self.total_parts
            return f"part {number}" if total is None else f"part {min(number, total)} of {total}"
        heard = self.transcription
        if self.step == "transcribing" and heard:
            of = "" if heard.total_s is None else f" of {clock(heard.total_s)}"
            return f"{self.step} {clock(heard.done_s)}{of}"
        return self.step


ProgressCallback = Callable[[Progress], None]

_listener: ContextVar[ProgressCallback | None] = ContextVar("ipy_gateway_progress", default=None)


@contextmanager
def progress_to(callback: ProgressCallback) -> Generator[None, None, None]:
    """Send the progress of what is awaited inside to `callback`, which may be called from any thread."""
    token = _listener.set(callback)
    try:
        yield
    finally:
        _listener.reset(token)


def report(progress: Progress) -> None:
    """Tell whoever listens at this place."""
    listener = _listener.get()
    if listener:
        listener(progress)


def current_listener() -> ProgressCallback | None:
    """Where progress goes at this place, or None."""
    return _listener.get()
