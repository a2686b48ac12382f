"""The quickstart in real JupyterLab and Notebook, in real Chromium."""

import shutil
from pathlib import Path

import pytest

from ..conftest import PROJECT
from ..support.browser import notebook_page, run_all_cells

NOTEBOOK = PROJECT / "notebooks" / "01-quickstart.ipynb"


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_the_quickstart_runs_and_shows_its_outputs(tmp_path: Path, app: str) -> None:
    shutil.copytree(NOTEBOOK.parent, tmp_path, dirs_exist_ok=True)

    with notebook_page(tmp_path / NOTEBOOK.name, app=app) as page:
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
        run_all_cells(page)
        shown = page.locator(".jp-OutputArea-output")
        page.locator("div.ipg-server").wait_for(timeout=120_000)
        texts = shown.all_inner_texts()

        assert any("mirror is 8 meters wide" in text for text in texts)
        assert any("Spain" in text and "smollm2" not in text for text in texts)
        assert page.locator("p.ipg-transcript").count() == 3
        assert any("Did you mean" in text and "Traceback" not in text for text in texts)
        assert page.locator("progress").count() == 0
