"""Uploads in real JupyterLab, Notebook 7 and Voila, in real Chromium, over a network that may be cut."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from ipy_gateway.render.transcript_view import transcript_bundle
from ipy_gateway.render.uploads import saved_bundle

from ..support.browser import Jupyter, jupyter, outputs_of, run_cell, start_cell, write_notebook
from ..support.cutting_proxy import CuttingProxy, cutting_proxy
from ..support.transcript_notebooks import INTERVIEW
from ..support.upload_notebooks import LOADING, Seen, choose, hash_of, look, noise, showing

WIDGET = "application/vnd.jupyter.widget-view+json"
UNTIL_TOLD = """
from pathlib import Path
from time import sleep
print("Running", flush=True)
while not Path("told").exists():
    sleep(0.05)
"""
KERNEL = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"
RESTART = f"() => {KERNEL}.restart()"
# On which a kernel may take messages of widgets while it runs a cell.
NO_SUBSHELLS = f"() => {{ {KERNEL}.commsOverSubshells = 'disabled' }}"
ENDED = (
    "The kernel has ended or was restarted: run the cell again, or reload the page where there are no cells."
)
WAITS = "Waiting for the kernel: it runs a cell, or the connection is lost. This goes on by itself."


@pytest.fixture(scope="module", params=["lab", "notebook", "voila"])
def app(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jupyter]:
    with jupyter(tmp_path_factory.mktemp(f"upload-{request.param}"), app=request.param) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(app: Jupyter) -> Iterator[CuttingProxy]:
    """What is between the browser and the server."""
    with cutting_proxy(urlsplit(app.url).port or 0) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def page(app: Jupyter, proxy: CuttingProxy) -> Iterator[Page]:
    """A page with a widget, and a button that shows what has come to the kernel."""
    cells = [f"{LOADING}\n{showing('AudioUpload(auto=False)')}"]
    cells += [] if app.is_voila else [UNTIL_TOLD]
    with replace(app, url=proxy.url).open(write_notebook(app.folder, *cells)) as page:
        if not app.is_voila:  # which has run it
            run_cell(page, 0)
        yield page


@pytest.fixture
def widget(page: Page) -> Locator:
    return page.locator(".ipg-upload")


def upload(page: Page, widget: Locator, path: Path) -> Seen:
    """Upload a file, and see what has come when all has."""
    files = widget.locator(".ipg-files li")
    count = files.count()
    choose(widget, path)
    expect(files).to_have_count(count + 1)
    expect(files.last).to_contain_text("B, uploaded")
    return look(page)


def newest(widget: Locator) -> Locator:
    """The last file of the list."""
    return widget.locator(".ipg-files li").last


@pytest.mark.parametrize(
    "size", [1_000, 5_000_000, pytest.param(200_000_000, marks=pytest.mark.long)], ids=str
)
def test_a_file_arrives_as_it_is_and_leaves_the_memory_as_it_is(
    page: Page, widget: Locator, tmp_path: Path, size: int
) -> None:
    path = noise(tmp_path, size)

    before = look(page)
    after = upload(page, widget, path)

    assert after.files[-1] == hash_of(path)
    assert after.peak_kb - before.peak_kb < 60_000


def test_a_cancelled_upload_leaves_nothing(page: Page, widget: Locator, tmp_path: Path) -> None:
    before = look(page)

    choose(widget, noise(tmp_path, 100_000_000))
    expect(newest(widget)).to_contain_text("of 100.0 MB")
    newest(widget).get_by_role("button", name="Cancel").click()

    expect(widget.locator(".ipg-files")).not_to_contain_text("of 100.0 MB")
    assert look(page).files == before.files


def test_an_upload_goes_on_when_the_connection_was_lost(
    page: Page, proxy: CuttingProxy, widget: Locator, tmp_path: Path
) -> None:
    path = noise(tmp_path, 10_000_000)
    before = proxy.sent_bytes

    proxy.cut_after(6_000_000)
    after = upload(page, widget, path)

    assert after.files[-1] == hash_of(path)
    assert proxy.sent_bytes - before < 12_500_000


@pytest.mark.parametrize("app", ["lab", "notebook"], indirect=True)
def test_what_was_asked_while_a_cell_ran_is_not_sent_again(
    app: Jupyter, page: Page, proxy: CuttingProxy, widget: Locator, tmp_path: Path
) -> None:
    path = noise(tmp_path, 10_000_000)
    before = proxy.sent_bytes

    page.evaluate(NO_SUBSHELLS)
    run_cell(page, 0)
    start_cell(page, 1)
    expect(outputs_of(page, 1)).to_contain_text("Running")
    choose(widget, path)
    expect(widget.locator(".ipg-files")).to_contain_text(WAITS)
    (app.folder / "told").touch()
    expect(newest(widget)).to_contain_text("10.0 MB, uploaded")

    assert look(page).files[-1] == hash_of(path)
    assert proxy.sent_bytes - before < 12_500_000


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


def test_a_kernel_that_ends_in_the_middle_is_told_of(
    app: Jupyter, page: Page, widget: Locator, tmp_path: Path
) -> None:
    """The last test, as it leaves no widget."""
    kernel = look(page).process_id

    choose(widget, noise(tmp_path, 100_000_000))
    expect(newest(widget)).to_contain_text("of 100.0 MB")
    if app.is_voila:  # whose pages can restart no kernel; the server does when one has died
        os.kill(kernel, signal.SIGKILL)
    else:
        page.evaluate(RESTART)

    expect(widget.get_by_role("alert")).to_contain_text(ENDED)
    expect(newest(widget)).to_contain_text("Ended with the kernel")
    expect(widget.locator("input[type=file]")).to_be_hidden()
