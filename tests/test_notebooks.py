"""Every notebook runs to its end with real models, and gives the outputs that are saved in it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from .conftest import PROJECT

FOLDER = PROJECT / "notebooks"
QUICKSTART = FOLDER / "01-quickstart.ipynb"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# How outputs look and work may change without a new run of each notebook; what they say may not. And each
# version of ffmpeg writes other Opus, and ends an M4A file at another millisecond.
SANITIZING = r"""
[looks]
regex: <(style|script)\b[\s\S]*?</\1>
replace: LOOKS

[sound]
regex: data:(audio|image)/[^"]*
replace: SOUND

[milliseconds]
regex: data-(times|duration|covered)="[^"]*"
replace: MILLISECONDS
"""


def run_strictly(notebook: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a copy of a notebook, and compare its outputs with those saved, but for styles and scripts.

    Args:
        notebook: which.
        folder: an empty one, where the copy runs.
    """
    shutil.copy(notebook, folder)
    shutil.copytree(FOLDER / "audio", folder / "audio")
    (folder / "sanitizing.cfg").write_text(SANITIZING, "utf-8")
    options = ["-p", "nbval.plugin", "-p", "no:cacheprovider", "-q", "--nbval", "--nbval-cell-timeout=200"]
    options.append("--nbval-sanitize-with=sanitizing.cfg")
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, notebook.name],
        cwd=folder,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_gives_the_outputs_that_are_saved_in_it(notebook: Path, tmp_path: Path) -> None:
    done = run_strictly(notebook, tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_notebook_with_another_output_than_the_saved_one_is_found(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[code_cell("6 * 7", saved="43")])  # type: ignore[no-untyped-call]  # as it is
    (tmp_path / "run").mkdir()
    nbformat.write(notebook, tmp_path / "wrong.ipynb")  # type: ignore[no-untyped-call]  # as it is

    done = run_strictly(tmp_path / "wrong.ipynb", tmp_path / "run")

    assert done.returncode == 1, done.stdout + done.stderr


def code_cell(source: str, *, saved: str) -> nbformat.NotebookNode:
    output = nbformat.v4.new_output("execute_result", {"text/plain": saved}, execution_count=1)  # type: ignore[no-untyped-call]  # as it is
    cell: nbformat.NotebookNode = nbformat.v4.new_code_cell(source, outputs=[output], execution_count=1)  # type: ignore[no-untyped-call]  # as it is
    return cell


# What the quickstart has saved is what a run gives, by the test above.


def read(path: Path) -> nbformat.NotebookNode:
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # as it is
    return notebook


def output_of(notebook: nbformat.NotebookNode, start: str) -> nbformat.NotebookNode:
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.startswith(start))
    assert len(cell.outputs) >= 1, cell.source
    output: nbformat.NotebookNode = cell.outputs[0]
    return output


@pytest.fixture(scope="module")
def quickstart() -> nbformat.NotebookNode:
    return read(QUICKSTART)


def test_no_output_of_the_quickstart_may_differ(quickstart: nbformat.NotebookNode) -> None:
    assert not [cell for cell in quickstart.cells if "nbval-ignore-output" in cell.metadata.get("tags", ())]


def test_the_interview_is_transcribed(quickstart: nbformat.NotebookNode) -> None:
    output = output_of(quickstart, "%transcribe audio/interview.wav")

    assert "mirror is 8 meters wide" in output.data["text/plain"]
    assert "mirror is 8 meters wide" in output.data["text/html"]


def test_the_chat_is_answered(quickstart: nbformat.NotebookNode) -> None:
    assert "telescope" in output_of(quickstart, "%%chat").data["text/plain"].lower()


def test_the_analysis_is_answered(quickstart: nbformat.NotebookNode) -> None:
    assert "Spain" in output_of(quickstart, "%%analyze").data["text/plain"]


def test_a_cell_awaits_the_library(quickstart: nbformat.NotebookNode) -> None:
    assert "Peter Wilson" in output_of(quickstart, "from pathlib").data["text/plain"]


def test_the_error_is_a_sentence_and_a_hint(quickstart: nbformat.NotebookNode) -> None:
    output = output_of(quickstart, "%transcribe audio/intervew.wav")

    assert output.ename == "InvalidRequestError"
    assert len(output.traceback) == 2


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_saved_notebook_tells_nothing_of_who_has_run_it(notebook: Path) -> None:
    text = notebook.read_text("utf-8")

    assert str(Path.home()) not in text and str(PROJECT) not in text and "/tmp/" not in text
    assert "widgets" not in read(notebook).metadata
