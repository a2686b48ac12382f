"""Notebooks that show transcripts, and what a person does with them there."""

from playwright.sync_api import Locator, Page

from ipy_gateway.core.transcripts.transcript import Gap, Transcript
from ipy_gateway.core.transcripts.transcription import Segment

from ..render.hostile import HOSTILE_ANSWERS

READABLE = 4.5  # for text of usual size: https://www.w3.org/TR/WCAG22/#contrast-minimum
WAIT_MS = 60_000  # for what comes at once, on a machine that has much else to do
FIRST = ["</script><!--<script>", "{\\an8}<b>bold</b> a --> b"]
HOSTILE_TEXT = "\u2028".join([*FIRST, *HOSTILE_ANSWERS.values()]).encode(errors="replace").decode()
SHOWING = """
from IPython.display import publish_display_data
from ipy_gateway.core.config import GatewayConfig
from ipy_gateway.core.recordings.preview import preview_of
from ipy_gateway.core.transcripts.transcript import Gap, Transcript
from ipy_gateway.core.transcripts.transcription import Segment
from ipy_gateway.render.html import Html, block
from ipy_gateway.render.transcript_view import transcript_bundle

preview = await preview_of("interview.wav", GatewayConfig())

def show(transcript, preview=preview):
    bundle = transcript_bundle(transcript, preview=preview)
    publish_display_data(bundle.data, bundle.metadata)
"""
INTERVIEW = Transcript(
    "",
    (
        Segment(0.5, 4.25, "Where is the mirror?", speaker="Anna"),
        Segment(10, 12, "It is on a mountain, and the Mirror is <wide>.", speaker="Ben"),
        *(Segment(start, start + 1, f"Sentence {start}.") for start in range(13, 30)),
        Segment(40, 48, "No mirror & no end."),
    ),
    gaps=(Gap(30, 40, "no answer"),),
    source="interview.wav",
    duration_s=49.0,
    model="tiny",
    server="http://host",
    seconds=4.0,
)
OTHER = Transcript(
    "",
    (Segment(2, 3, "Another one."), Segment(4, 5, "東"), Segment(5, 6, "京都、古い")),
    source="other.wav",
    duration_s=49.0,
)
HOSTILE = Transcript(
    HOSTILE_TEXT,
    (Segment(0, 5, HOSTILE_TEXT, speaker=HOSTILE_TEXT[:300]),),
    source=f"../{HOSTILE_TEXT[:60]}.wav",
)
INTERVIEW_VTT = (
    "WEBVTT\n\n00:00:00.500 --> 00:00:04.250\n<v Anna>Where is the mirror?\n\n00:00:10.000",
    "\n00:00:40.000 --> 00:00:48.000\nNo mirror &amp; no end.\n",
)


def code_of(transcript: Transcript) -> str:
    """An expression for a transcript."""
    values = ("text", "segments", "duration_s", "source", "model", "server", "seconds", "gaps")
    return f"Transcript({', '.join(f'{name}={getattr(transcript, name)!r}' for name in values)})"


def recording(page: Page, index: int) -> Locator:
    """One of the transcripts that a page shows."""
    return page.locator(".ipg-recording").nth(index)


def now_s(of: Locator) -> float:
    """Where its player is."""
    return float(of.locator("audio").evaluate("audio => audio.currentTime"))


def pause(of: Locator) -> None:
    """Stop its player."""
    of.locator("audio").evaluate("audio => audio.pause()")


def wait_until_at(page: Page, of: Locator, second: float) -> None:
    """Wait until its player plays there, or up to ten seconds later."""
    page.wait_for_function(
        "([audio, second]) => !audio.seeking && Math.abs(audio.currentTime - second - 5) <= 5",
        arg=[of.locator("audio").element_handle(), second],
        timeout=WAIT_MS,
    )
