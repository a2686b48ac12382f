"""The quickstart notebook runs to its end with real models, the way the README says."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from .conftest import PROJECT

NOTEBOOK = PROJECT / "notebooks" / "01-quickstart.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> nbformat.NotebookNode:
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copytree(NOTEBOOK.parent, folder, dirs_exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "jupyter", "execute", "--inplace", NOTEBOOK.name],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=280,
    )
    return read(folder / NOTEBOOK.name)


def read(path: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # as it is
    return notebook


def output_of(notebook: nbformat.NotebookNode, start: str) -> nbformat.NotebookNode:
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(start))
    assert len(cell.outputs) >= 1, cell.source
    output: nbformat.NotebookNode = cell.outputs[0]
    return output


def test_the_interview_is_transcribed(executed: nbformat.NotebookNode) -> None:
    output = output_of(executed, "%transcribe audio/interview.wav")

    assert "mirror is 8 meters wide" in output.data["text/plain"]
    assert "mirror is 8 meters wide" in output.data["text/html"]


def test_the_chat_is_answered(executed: nbformat.NotebookNode) -> None:
    assert "telescope" in output_of(executed, "%%chat").data["text/plain"].lower()


def test_the_analysis_is_answered(executed: nbformat.NotebookNode) -> None:
    assert "Spain" in output_of(executed, "%%analyze").data["text/plain"]


def test_a_cell_awaits_the_library(executed: nbformat.NotebookNode) -> None:
    assert "Peter Wilson" in output_of(executed, "from pathlib").data["text/plain"]


def test_the_error_is_a_sentence_and_a_hint(executed: nbformat.NotebookNode) -> None:
    output = output_of(executed, "%transcribe audio/intervew.wav")

    assert output.ename == "InvalidRequestError"
    assert len(output.traceback) == 2


def test_the_saved_outputs_are_what_a_run_gives(executed: nbformat.NotebookNode) -> None:
    saved = read(NOTEBOOK)

    for start in ("%transcribe audio/interview.wav", "note = ", "from pathlib"):
        assert _plain(output_of(saved, start)) == _plain(output_of(executed, start))


def _plain(output: nbformat.NotebookNode) -> str:
    return str(output.get("data", {}).get("text/plain") or output.get("text"))
