"""The table of many recordings in real Chromium."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.recordings import RecordingState, progress_bundle, summary_bundle

from ..support.browser import browser

WIDTH = 700
STATES = [
    RecordingState("an-interview-with-a-long-name-" * 4, "done", length_s=3700.0, seconds=35.0),
    RecordingState("b.wav", "known already", length_s=200.0),
    RecordingState("c.wav", "failed", problem="The recording is plain text, not sound. " * 3),
    RecordingState("d.wav", "under way"),
]
LINES_OF_EACH = """cells => cells.map(cell => {
    const text = document.createRange();
    text.selectNodeContents(cell);
    return text.getClientRects().length;
})"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A narrow page."""
    with browser() as context:
        page = context.new_page()
        page.set_viewport_size({"width": WIDTH, "height": 600})
        yield page


@pytest.mark.parametrize(
    "bundle", [progress_bundle(STATES, seconds=9.0), summary_bundle(STATES)], ids=["live", "ended"]
)
def test_names_and_problems_alone_take_several_lines(page: Page, bundle: Bundle) -> None:
    page.set_content(bundle.data["text/html"])

    lines = page.locator("th, td:nth-child(2), td:nth-child(3), td:nth-child(4)").evaluate_all(LINES_OF_EACH)

    assert set(lines) == {0, 1}
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTH
