"""An hour of speech in real Chromium: how much of a page it is, and what a search in it does."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from ipy_gateway.core.recordings.preview import Preview
from ipy_gateway.render.transcript_view import transcript_bundle

from ..support.browser import browser, cues_in_track
from ..support.transcripts import talk_of

HOUR = talk_of(1000, words=9)
PREVIEW = Preview(b"no sound", covered_s=3600.0, duration_s=3600.0, peaks=bytes(range(250)))


@pytest.fixture(scope="module")
def hour() -> Iterator[Locator]:
    """The hour in a page of its own, live."""
    with browser() as context:
        page = context.new_page()
        page.set_content(transcript_bundle(HOUR, preview=PREVIEW).data["text/html"])
        yield page.locator(".ipg-live")


def test_a_segment_is_a_handful_of_elements(hour: Locator) -> None:
    in_segments = hour.locator("li, li *").count()

    assert hour.locator("li > button").count() == 1000
    assert in_segments == 1000 * len(["li", "button", "i", "span"])
    assert hour.locator("*").count() < in_segments + 30


@pytest.mark.parametrize("query", ["e", "telescopes", "of times", "times. said", "nothing like it"])
def test_a_search_finds_all_of_it_and_leaves_nothing_behind(hour: Locator, query: str) -> None:
    matches = HOUR.search(query)
    search = hour.get_by_role("searchbox")

    search.fill(query)
    told = hour.get_by_role("status").inner_text()
    search.fill("")

    assert told == (f"1 of {len(matches)}" if matches else "no hits")
    expect(hour.locator("mark")).to_have_count(0)
    assert hour.locator("li > span").all_inner_texts() == [segment.text for segment in HOUR.segments]


def test_the_last_hit_is_one_step_back_from_the_first(hour: Locator) -> None:
    search = hour.get_by_role("searchbox")

    search.fill("mountains")
    search.press("Shift+Enter")

    hit = hour.locator("mark.ipg-hit")
    expect(hit).to_be_in_viewport()
    last = HOUR.search("mountains")[-1].segment_index
    assert hit.evaluate("hit => [...hit.closest('ol').children].indexOf(hit.closest('li'))") == last


def test_every_time_reaches_the_page_to_the_millisecond(hour: Locator) -> None:
    with hour.page.expect_download() as saving:
        hour.get_by_role("button", name="Download as VTT").click()

    cues = cues_in_track(hour.page, saving.value.path().read_text("utf-8"))

    spans_ms = [(round(1000 * one.start_s), round(1000 * one.end_s)) for one in HOUR.segments]
    assert [tuple(map(round, cue[:2])) for cue in cues] == spans_ms
