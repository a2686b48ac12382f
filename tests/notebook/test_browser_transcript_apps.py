"""Transcripts in real Notebook 7 and Voila, in real Chromium."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ..support.browser import contrasts, jupyter, run_all_cells, write_notebook
from ..support.fault_server import fault_server
from ..support.transcript_notebooks import (
    HOSTILE,
    INTERVIEW,
    INTERVIEW_VTT,
    READABLE,
    SHOWING,
    code_of,
    now_s,
    pause,
    recording,
    wait_until_at,
)
from ..support.watch import Effects, Watch


@dataclass(frozen=True, slots=True)
class Shown:
    """A page with an interview, a hostile transcript, and the interview without a player."""

    page: Page
    watch: Watch


@pytest.fixture(scope="module", params=["notebook", "voila"])
def shown(
    request: pytest.FixtureRequest, interview: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shown]:
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(interview, folder / "interview.wav")
    name = write_notebook(
        folder,
        SHOWING,
        f"show({code_of(INTERVIEW)})",
        f"show({code_of(HOSTILE)})",
        f"show({code_of(INTERVIEW)}, preview=None)",
    )
    with jupyter(folder, app=request.param) as server, fault_server() as canary:
        watch = Watch(server.url, canary)
        with server.open(name, watch=watch.begin) as page:
            watch.mark(page)
            if request.param != "voila":  # which has run them
                run_all_cells(page)
            expect(page.locator(".ipg-live")).to_have_count(3)
            yield Shown(page, watch)


@pytest.fixture
def page(shown: Shown) -> Page:
    return shown.page


def test_a_click_on_a_time_plays_it_and_marks_what_is_said_there(page: Page) -> None:
    interview = recording(page, 0)
    before_s = now_s(interview)

    interview.get_by_role("button", name="Play from 0:10").click()
    wait_until_at(page, interview, 10)
    pause(interview)

    assert before_s == 0
    expect(interview.locator("[aria-current]")).to_contain_text("It is on a mountain")


def test_search_marks_words_across_the_border_of_two_segments(page: Page) -> None:
    interview = recording(page, 0)

    interview.get_by_role("searchbox").fill("MIRROR? it")

    expect(interview.get_by_role("status")).to_have_text("1 of 1")
    assert interview.locator("mark.ipg-hit").all_inner_texts() == ["mirror?", "It"]


def test_a_transcript_is_saved_from_the_page(page: Page) -> None:
    beginning, end = INTERVIEW_VTT

    with page.expect_download() as saving:
        recording(page, 0).get_by_role("button", name="Download as VTT").click()

    text = saving.value.path().read_bytes().decode()
    assert saving.value.suggested_filename == "interview.vtt"
    assert text.startswith(beginning)
    assert text.endswith(end)


def test_every_text_has_contrast(page: Page) -> None:
    assert [text for text, contrast in contrasts(page) if contrast < READABLE] == []


def test_nothing_of_a_hostile_transcript_runs_or_is_loaded_and_no_script_fails(shown: Shown) -> None:
    hostile = recording(shown.page, 1)

    hostile.get_by_role("searchbox").fill("<script>")
    expect(hostile.locator("mark").first).to_be_visible()
    with shown.page.expect_download() as saving:
        hostile.get_by_role("button", name="Download as SRT").click()

    assert re.fullmatch(r"[\w-]+\.srt", saving.value.suggested_filename)
    assert shown.watch.effects(shown.page) == Effects()
    assert shown.watch.errors == []
