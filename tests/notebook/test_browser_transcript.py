"""Transcripts in real JupyterLab, in real Chromium: played, searched, saved, received."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ipy_gateway.core.config import GatewayConfig
from ipy_gateway.core.printable import one_line
from ipy_gateway.core.recordings.preview import preview_of
from ipy_gateway.core.transcripts.timeline import timeline
from ipy_gateway.core.transcripts.transcript import Transcript
from ipy_gateway.core.transcripts.transcription import Segment
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.transcript_view import transcript_bundle

from ..render.hostile import CANARY
from ..support.browser import Jupyter, contrasts, cues_in_track, jupyter, run_all_cells, write_notebook
from ..support.chat_stream import streamed
from ..support.fault_server import answer, fault_server
from ..support.transcript_notebooks import (
    HOSTILE,
    INTERVIEW,
    INTERVIEW_VTT,
    OTHER,
    READABLE,
    SHOWING,
    WAIT_MS,
    code_of,
    now_s,
    pause,
    recording,
    wait_until_at,
)

LINK = '<a class="ipg-time" href="#t=40" title="interview.wav">0:40</a>'


@pytest.fixture(scope="module")
def folder(interview: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a notebook to run, and one that was received with its outputs."""
    folder = tmp_path_factory.mktemp("transcripts")
    shutil.copy(interview, folder / "interview.wav")
    cells = [
        SHOWING,
        f"show({code_of(INTERVIEW)})",
        f"show({code_of(OTHER)})",
        f"show({code_of(HOSTILE)})",
        f"publish_display_data({{'text/html': {LINK!r}}})",
        f"show({code_of(OTHER)}, preview=None)",
    ]
    _write(folder / "live.ipynb", [_cell(cell) for cell in cells])
    preview = asyncio.run(preview_of(interview, GatewayConfig()))
    received = [transcript_bundle(transcript, preview=preview) for transcript in (INTERVIEW, HOSTILE)]
    _write(folder / "received.ipynb", [_cell("show()", *received)])
    return folder


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[Jupyter]:
    """One JupyterLab and one browser for all tests."""
    with jupyter(folder) as server:
        yield server


@pytest.fixture(scope="module")
def page(lab: Jupyter) -> Iterator[Page]:
    """The notebook, run: an interview, another recording, a hostile one, a link, and one without a player."""
    with lab.open("live.ipynb") as page:
        run_all_cells(page)
        expect(page.locator(".ipg-live")).to_have_count(4)
        yield page


def test_a_click_on_a_time_plays_it_and_marks_what_is_said_there(page: Page) -> None:
    interview = recording(page, 0)

    interview.get_by_role("button", name="Play from 0:10").click()
    wait_until_at(page, interview, 10)
    pause(interview)

    expect(interview.locator("[aria-current]")).to_contain_text("It is on a mountain")
    assert now_s(recording(page, 1)) == 0
    assert recording(page, 1).locator("[aria-current]").count() == 0


def test_times_are_played_with_the_keyboard(page: Page) -> None:
    other, interview = recording(page, 1), recording(page, 0)

    interview.get_by_role("button", name="Play from 0:00").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    wait_until_at(page, interview, 40)
    pause(interview)
    other.get_by_role("button", name="Play from 0:02").press("Enter")
    wait_until_at(page, other, 2)
    pause(other)

    expect(interview.locator("[aria-current]")).to_contain_text("No mirror & no end.")
    assert interview.locator("button.ipg-seek[tabindex='0']").count() == 1
    assert page.locator(".jp-mod-editMode").count() == 0


def test_a_click_on_the_waveform_plays_that_place(page: Page) -> None:
    interview = recording(page, 0)
    strip = interview.locator(".ipg-strip")
    box = strip.bounding_box()
    assert box

    strip.click(position={"x": box["width"] * 0.5, "y": 10})
    wait_until_at(page, interview, 24)
    pause(interview)

    expect(interview.locator("[aria-current]")).to_contain_text("Sentence 2")


def test_a_link_to_a_moment_plays_the_newest_player_of_that_recording(page: Page) -> None:
    interview = recording(page, 0)
    interview.locator("audio").evaluate("audio => { audio.currentTime = 0 }")

    page.locator("a.ipg-time").click()
    wait_until_at(page, interview, 40)
    pause(interview)

    assert now_s(recording(page, 1)) < 40


def test_times_in_an_answer_about_a_transcript_play_its_recording(lab: Jupyter) -> None:
    heard = answer(body={"text": "Hello.", "segments": [{"start": 0, "end": 45, "text": "Hello."}]})
    said = streamed("It is said at [0:40], before that in [0:10-0:12], and `[0:20]` is code.")
    routes = {"/v1/audio/transcriptions": heard, "/v1/chat/completions": said}
    with fault_server(by_path=routes) as server:
        name = write_notebook(
            lab.folder,
            f"%load_ext ipy_gateway\n_ = %gateway {server.url}\n_ = %gateway set audio_api=transcriptions",
            "t = %transcribe interview.wav",
            "%%chat\nWhen is it said? {{t}}",
        )
        with lab.open(name) as page:
            run_all_cells(page)
            links = page.locator("a.ipg-time")
            expect(links).to_have_count(2)

            links.first.click()
            wait_until_at(page, recording(page, 0), 40)
            links.last.click()
            wait_until_at(page, recording(page, 0), 10)

            assert links.all_inner_texts() == ["[0:40]", "[0:10-0:12]"]


def test_times_in_an_answer_about_a_recording_play_it_in_its_own_player(lab: Jupyter, folder: Path) -> None:
    sound = answer(body=(folder / "interview.wav").read_bytes(), headers={"Content-Type": "audio/wav"})
    heard = answer(body={"text": "Hello.", "segments": [{"start": 0, "end": 45, "text": "Hello."}]})
    routes = {"/v1/audio/transcriptions": heard, "/v1/chat/completions": streamed("At [0:40], and [0:10].")}
    with fault_server(by_path=routes) as server, fault_server(sound) as web:
        name = write_notebook(
            lab.folder,
            f"%load_ext ipy_gateway\n_ = %gateway {server.url}\n_ = %gateway set audio_api=transcriptions",
            f"%%analyze {web.url}/interview.wav\nWhen?",
            "t = %transcribe interview.wav",
        )
        with lab.open(name) as page:
            run_all_cells(page)
            expect(page.locator(".ipg-live")).to_have_count(2)

            page.locator("a.ipg-time").first.click()
            wait_until_at(page, recording(page, 0), 40)
            page.locator("a.ipg-time").last.click()
            wait_until_at(page, recording(page, 0), 10)

            assert now_s(recording(page, 1)) == 0
            assert recording(page, 0).locator("ol, input").count() == 0
            expect(recording(page, 0).locator(".ipg-played")).to_have_count(1)


def test_search_marks_every_hit_and_goes_from_one_to_the_next(page: Page) -> None:
    interview = recording(page, 0)
    search = interview.get_by_role("searchbox")
    hit = interview.locator("mark.ipg-hit")

    search.fill("MIRROR")
    expect(interview.get_by_role("status")).to_have_text("1 of 3")
    marked = interview.locator("mark").all_inner_texts()
    search.press("Enter")
    search.press("Enter")
    expect(interview.get_by_role("status")).to_have_text("3 of 3")
    expect(hit).to_be_in_viewport()
    last = hit.locator("xpath=ancestor::li").inner_text()
    search.fill("is <wide>.")
    expect(interview.locator("mark")).to_have_text("is <wide>.")
    search.fill("(?")
    expect(interview.get_by_role("status")).to_have_text("no hits")
    search.fill("")

    assert marked == ["mirror", "Mirror", "mirror"]
    assert "No mirror & no end." in last
    expect(interview.locator("mark")).to_have_count(0)


@pytest.mark.parametrize(
    ("index", "transcript", "query"),
    [
        (0, INTERVIEW, "MIRROR"),
        (0, INTERVIEW, "mirror? it  is ON"),
        (0, INTERVIEW, "15. Sentence 16. Sentence 17. S"),
        (0, INTERVIEW, "29. No mirror &"),
        (0, INTERVIEW, ". sentence"),
        (0, INTERVIEW, "mirror?It"),
        (0, INTERVIEW, "Ben: It"),
        (1, OTHER, "one. 東京"),
        (1, OTHER, "one.東京"),
        (1, OTHER, "東京都"),
        (1, OTHER, "東 京"),
    ],
)
def test_the_page_finds_what_the_search_of_a_transcript_finds(
    page: Page, index: int, transcript: Transcript, query: str
) -> None:
    shown = recording(page, index)
    matches = [match.text.replace(" ", "") for match in transcript.search(query)]

    shown.get_by_role("searchbox").fill(query)
    told = shown.get_by_role("status").inner_text()
    marked = "".join(shown.locator("mark").all_inner_texts())
    first = "".join(shown.locator("mark.ipg-hit").all_inner_texts())
    shown.get_by_role("searchbox").fill("")

    assert told == (f"1 of {len(matches)}" if matches else "no hits")
    assert marked.replace(" ", "") == "".join(matches)
    assert first.replace(" ", "") == "".join(matches[:1])


def test_what_is_missing_is_found_by_its_words(page: Page) -> None:
    interview = recording(page, 0)

    interview.get_by_role("searchbox").fill("no")
    found = [line.inner_text() for line in interview.locator("li:has(mark)").all()]
    interview.get_by_role("searchbox").fill("")

    assert found == ["0:30\n[gap from 0:30 to 0:40: no answer]", "0:40\nNo mirror & no end."]


@pytest.mark.parametrize(
    ("button", "beginning", "end"),
    [
        ("TXT", "Anna: Where is the mirror?\nBen: It is on a mountain, and", "\nNo mirror & no end.\n"),
        (
            "SRT",
            "1\n00:00:00,500 --> 00:00:04,250\nAnna: Where is the mirror?\n\n2\n00:00:10,000",
            "\n00:00:40,000 --> 00:00:48,000\nNo mirror & no end.\n",
        ),
        (
            "VTT",
            *INTERVIEW_VTT,
        ),
    ],
)
def test_a_transcript_is_saved_from_the_page(page: Page, button: str, beginning: str, end: str) -> None:
    with page.expect_download() as saving:
        recording(page, 0).get_by_role("button", name=f"Download as {button}").click()

    text = saving.value.path().read_bytes().decode()
    assert saving.value.suggested_filename == f"interview.{button.lower()}"
    assert text.startswith(beginning)
    assert text.endswith(end)
    assert "[gap from 0:30 to 0:40: no answer]" in text


@pytest.mark.parametrize(("index", "transcript"), [(0, INTERVIEW), (2, HOSTILE)])
def test_the_subtitles_of_the_page_are_read_by_a_browser(
    page: Page, index: int, transcript: Transcript
) -> None:
    with page.expect_download() as saving:
        recording(page, index).get_by_role("button", name="Download as VTT").click()
    cues = cues_in_track(page, saving.value.path().read_text("utf-8"))

    spans = timeline(transcript)
    assert [cue[:2] for cue in cues] == [(span.start_s * 1000, span.end_s * 1000) for span in spans]
    assert [cue[2:] for cue in cues] == [
        (one_line(span.text), one_line(span.speaker or "")) if isinstance(span, Segment) else (str(span), "")
        for span in spans
    ]


def test_a_hostile_transcript_is_text_wherever_it_goes(page: Page) -> None:
    hostile = recording(page, 2)

    hostile.get_by_role("searchbox").fill("<script>")
    found = hostile.locator("mark").count()
    with page.expect_download() as saving:
        hostile.get_by_role("button", name="Download as SRT").click()

    name, text = saving.value.suggested_filename, saving.value.path().read_text("utf-8")
    assert found > 3
    assert page.evaluate("window.__canary") is None
    assert not [one for one in page.evaluate(_REQUESTED) if CANARY in one]
    assert name.endswith(".srt") and not set("/\\<>:.") & set(name.removesuffix(".srt"))
    assert text.count(" --> ") == 1
    assert "\n\n" not in text


def test_without_a_preview_there_is_nothing_to_play_and_all_else(page: Page) -> None:
    silent = recording(page, 3)

    assert silent.locator("audio, .ipg-strip, .ipg-seek").count() == 0
    assert silent.get_by_role("button").all_inner_texts() == ["Next", "Copy", "TXT", "SRT", "VTT"]


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_every_text_has_contrast(page: Page, theme: str) -> None:
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)

    assert [text for text, contrast in contrasts(page) if contrast < READABLE] == []


def test_a_received_transcript_is_read_and_played_without_any_script(lab: Jupyter) -> None:
    with lab.open("received.ipynb") as page:
        received = page.locator(".ipg-recording").first
        page.wait_for_function(
            "audio => audio.duration > 48", arg=received.locator("audio").element_handle(), timeout=WAIT_MS
        )

        text = received.inner_text()
        assert "interview.wav · 49 s · tiny · http://host · 12x real time" in text
        assert "0:10 Ben: It is on a mountain, and the Mirror is <wide>." in text
        assert "[gap from 0:30 to 0:40: no answer]" in text
        assert page.locator(".ipg-recording").locator("button, input").count() == 0
        assert page.locator(".ipg-live").count() == 0
        picture = received.locator("img")
        assert picture.evaluate("picture => picture.complete && picture.naturalWidth") == 1200
        assert page.evaluate("window.__canary") is None


_REQUESTED = "() => performance.getEntriesByType('resource').map(entry => entry.name)"


def _cell(source: str, *bundles: Bundle) -> dict[str, Any]:
    shown = [{"output_type": "display_data", "data": bundle.data, "metadata": {}} for bundle in bundles]
    return {"cell_type": "code", "execution_count": None, "metadata": {}, "source": source, "outputs": shown}


def _write(path: Path, cells: list[dict[str, Any]]) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(notebook), "utf-8")
