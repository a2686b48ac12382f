"""Notebooks that are run once while their servers are there, and again when they are gone."""

import os
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def recorded_lesson(
    folder: Path, sources: Sequence[str], *, failing: Collection[str] = (), **environment: str
) -> Path:
    """A notebook of these cells, run in a folder; `failing` are those that are to end in an error."""
    cells = [nbformat.v4.new_code_cell(source) for source in sources]  # type: ignore[no-untyped-call]  # as it is
    for cell in cells:
        cell.metadata.tags = ["raises-exception"] if cell.source in failing else []
    notebook = nbformat.v4.new_notebook(cells=cells)  # type: ignore[no-untyped-call]  # as it is
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, **environment})
    path = folder / "lesson.ipynb"
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]  # as it is
    return path


def checked_by_nbval(notebook: Path, **environment: str) -> str:
    """What strict nbval says of a notebook that it runs again."""
    nbval = ["-p", "nbval.plugin", "-p", "no:cacheprovider", "-q", "--nbval", notebook.name]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *nbval],
        cwd=notebook.parent,
        env={**os.environ, **environment, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.stdout + done.stderr
