"""AudioUpload in real Notebook 7 and Voila, in real Chromium."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ipy_gateway.render.transcript_view import transcript_bundle
from ipy_gateway.render.uploads import saved_bundle

from ..support.browser import Jupyter, jupyter, run_all_cells, write_notebook
from ..support.transcript_notebooks import INTERVIEW
from ..support.upload_notebooks import LOADING, choose, hash_of, noise

WIDGET = "application/vnd.jupyter.widget-view+json"
SHOWING = """
from ipywidgets import HTML
widget, arrived = AudioUpload(auto=False), HTML()
def say(_):
    arrived.value = " ".join(f"{one.sha256} {one.size_bytes}" for one in widget.uploads)
widget.observe(say, "state")
display(widget, arrived)
"""


@pytest.fixture(scope="module", params=["notebook", "voila"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    with jupyter(tmp_path_factory.mktemp(f"upload-{request.param}"), app=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def page(app: Jupyter) -> Iterator[Page]:
    """A page with a widget, and what has come to the kernel."""
    with app.open(write_notebook(app.folder, f"{LOADING}\n{SHOWING}")) as page:
        if "/voila/" not in page.url:  # which has run it
            run_all_cells(page)
        yield page


@pytest.mark.parametrize("size", [1_000, 5_000_000], ids=str)
def test_a_file_arrives_as_it_is(page: Page, tmp_path: Path, size: int) -> None:
    path = noise(tmp_path, size)

    choose(page.locator(".ipg-upload"), path)

    expect(page.locator(".widget-html")).to_contain_text(hash_of(path))


@pytest.mark.parametrize("app", ["notebook"], indirect=True)
def test_a_notebook_that_nobody_trusts_shows_the_transcript_without_the_widget(app: Jupyter) -> None:
    saved = saved_bundle(transcript_bundle(INTERVIEW), key="0" * 32)
    name = write_notebook(app.folder, "AudioUpload()")
    notebook = json.loads((app.folder / name).read_text("utf-8"))
    view = {
        WIDGET: {"version_major": 2, "version_minor": 1, "model_id": "0" * 32},
        "text/plain": "AudioUpload()",
    }
    notebook["cells"][0]["outputs"] = [
        {"output_type": "display_data", "data": data, "metadata": {}} for data in (view, saved.data)
    ]
    (app.folder / name).write_text(json.dumps(notebook), "utf-8")

    with app.open(name) as page:
        expect(page.locator("ol.ipg-segments")).to_contain_text("Where is the mirror?")
