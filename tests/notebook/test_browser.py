"""The quickstart in real JupyterLab and Notebook, in real Chromium."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page

from ..conftest import PROJECT
from ..support.browser import notebook_page, run_all_cells

NOTEBOOK = PROJECT / "notebooks" / "01-quickstart.ipynb"


def texts_of(page: Page) -> list[str]:
    return page.locator(".jp-OutputArea-output").all_inner_texts()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(NOTEBOOK.parent, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_quickstart_runs_and_shows_its_outputs(folder: Path) -> None:
    with notebook_page(folder / NOTEBOOK.name, app="lab") as page:
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        run_all_cells(page)
        page.locator("div.ipg-server").wait_for(timeout=120_000)
        texts = texts_of(page)

        assert any("mirror is 8 meters wide" in text for text in texts)
        assert any("Spain" in text and "smollm2" not in text for text in texts)
        assert page.locator("audio").count() == 2
        assert any("Did you mean" in text and "Traceback" not in text for text in texts)
        assert page.locator("progress").count() == 0


def test_the_quickstart_as_it_is_saved_reads_well_in_notebook(folder: Path) -> None:
    with notebook_page(folder / NOTEBOOK.name, app="notebook") as page:
        page.locator("audio").first.wait_for(timeout=60_000)
        texts = texts_of(page)

        assert any("mirror is 8 meters wide" in text for text in texts)
        assert any("Did you mean" in text and "Traceback" not in text for text in texts)
