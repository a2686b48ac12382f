"""Subtitles of ours in a <track> of real Chromium."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from playwright.sync_api import Page

from ipy_gateway.core.transcripts.subtitle_cues import cues_of
from ipy_gateway.core.transcripts.transcript import Transcript
from ipy_gateway.core.transcripts.transcription import Segment

from ..support.browser import browser, cues_in_track
from ..support.transcript_notebooks import HOSTILE, INTERVIEW
from ..support.transcripts import transcripts


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as context:
        yield context.new_page()


@settings(max_examples=100)
@given(transcript=transcripts())
def test_a_browser_reads_every_cue_with_its_times_its_text_and_its_speaker(
    page: Page, transcript: Transcript
) -> None:
    cues = [
        (cue.start_ms, cue.end_ms, "\n".join(cue.lines), cue.speaker or "")
        for cue in cues_of(transcript, has_labels=False)
    ]

    assert cues_in_track(page, transcript.to_vtt()) == cues


@pytest.mark.parametrize("transcript", [INTERVIEW, HOSTILE])
def test_a_browser_reads_an_interview_and_a_hostile_transcript(page: Page, transcript: Transcript) -> None:
    read = cues_in_track(page, transcript.to_vtt())

    assert len(read) == len(cues_of(transcript, has_labels=False)) > 20
    assert page.evaluate("window.__canary") is None


def test_a_browser_reads_markup_in_a_cue_as_text(page: Page) -> None:
    transcript = Transcript("", (Segment(0.5, 4.25, "Is <b>1</b> --> 2 &lt; 3?", speaker="Anna & <co>"),))

    assert cues_in_track(page, transcript.to_vtt()) == [
        (500, 4250, "Is <b>1</b> --> 2 &lt; 3?", "Anna & <co>")
    ]


def test_what_is_no_subtitle_is_noticed(page: Page) -> None:
    with pytest.raises(Exception, match="the browser takes it for no WebVTT"):
        cues_in_track(page, INTERVIEW.to_srt())
