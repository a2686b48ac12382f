"""What stands in a transcript, by time: what is said and what is missing."""

from typing import TYPE_CHECKING

from .transcription import Segment

if TYPE_CHECKING:
    from .transcript import Gap, Transcript


def timeline(transcript: "Transcript") -> list["Segment | Gap"]:
    """The segments and gaps of a transcript, by `start_s`."""
    spans: list[Segment | Gap] = [*transcript.segments, *transcript.gaps]
    return sorted(spans, key=lambda span: span.start_s)
