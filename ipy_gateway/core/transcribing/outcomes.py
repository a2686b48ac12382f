"""What became of each of many recordings."""

from dataclasses import dataclass

from ..recordings.recording_source import Source
from ..transcripts.transcript import Transcript


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many recordings.

    Attributes:
        source: the recording, as it was given.
        transcript: what is said in it, or None where it failed.
        error: why it failed, or None.
        position: its place among the recordings, counted from 0; two of them may be equal.
    """

    source: Source
    transcript: Transcript | None = None
    error: Exception | None = None
    position: int = 0
