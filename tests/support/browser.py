"""A real JupyterLab, Notebook or Voila server, and a real Chromium that looks at it."""

import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Locator, Page, expect, sync_playwright

from .tools import chromium, package

JUPYTER_OPTIONS = ("--allow-root", "--ServerApp.port_retries=0", "--IdentityProvider.token=")


@dataclass(frozen=True, slots=True)
class App:
    """A front end.

    Attributes:
        module: that starts its server.
        page: the path of a notebook, by the number of the page and its name.
        options: of its command.
        probe: the path that answers when it is up.
    """

    module: str
    page: str
    options: tuple[str, ...]
    probe: str = "api"


APPS = {
    # JupyterLab opens again what was open in a workspace: every page gets one of its own.
    "lab": App(
        "jupyterlab",
        "lab/workspaces/page-{}/tree/{}",
        (
            *JUPYTER_OPTIONS,
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
            "--LabApp.extension_manager=readonly",
        ),
    ),
    "notebook": App(
        "notebook",
        "notebooks/{1}",
        (
            *JUPYTER_OPTIONS,
            "--JupyterNotebookApp.expose_app_in_browser=True",
            "--LabApp.news_url=",
            "--LabApp.extension_manager=readonly",
        ),
    ),
    "voila": App("voila", "voila/render/{1}", ("--Voila.port_retries=0",), "voila/static/favicon.ico"),
}
START_S = 60
NOTEBOOK = "window.jupyterapp.shell.currentWidget"
CHROMIUM_OPTIONS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Jupyter:
    """A running server, and a browser that shares its cache between pages.

    Attributes:
        url: base URL of the server.
        folder: where it runs.
    """

    url: str
    folder: Path
    _app: App
    _context: BrowserContext
    _workspaces: Iterator[int] = field(default_factory=itertools.count)

    @property
    def is_voila(self) -> bool:
        """Whether this is Voila, which runs all cells and shows none."""
        return self._app is APPS["voila"]

    @contextmanager
    def open(self, name: str, *, watch: Callable[[Page], None] | None = None) -> Iterator[Page]:
        """A page that shows one notebook, its kernel started; in Voila, its cells run.

        Args:
            name: of the notebook's file.
            watch: called with the page while it is still empty.
        """
        page = self._context.new_page()
        try:
            if watch:
                watch(page)
            page.goto(f"{self.url}/{self._app.page.format(next(self._workspaces), name)}")
            if self.is_voila:
                page.wait_for_selector("#loading", state="hidden", timeout=START_S * 1000)
            else:
                wait_until_ready(page)
            yield page
        finally:
            page.close()


@contextmanager
def jupyter(folder: Path, *, app: str = "lab", microphone: Path | None = None) -> Iterator[Jupyter]:
    """One of the front ends over the notebooks in a folder, and Chromium.

    Args:
        folder: where it runs.
        app: which of them.
        microphone: a WAV that Chromium's microphone hears, over and over; pages still have to be allowed to.
    """
    package(APPS[app].module)
    options = _hearing(microphone) if microphone else []
    with _server(folder, APPS[app]) as url, browser(*options) as context:
        yield Jupyter(url, folder, APPS[app], context)


@contextmanager
def browser(*options: str) -> Iterator[BrowserContext]:
    """Chromium, for pages that share a cache."""
    executable = chromium()
    with sync_playwright() as playwright:
        process = playwright.chromium.launch(
            executable_path=str(executable), args=[*CHROMIUM_OPTIONS, *options]
        )
        expect.set_options(timeout=START_S * 1000)  # much else may be going on: this finds what hangs
        try:
            yield process.new_context(viewport={"width": 1200, "height": 1600})
        finally:
            process.close()


@contextmanager
def notebook_page(notebook: Path, *, app: str) -> Iterator[Page]:
    """A page that shows a notebook in a Jupyter of its own."""
    with jupyter(notebook.parent, app=app) as server, server.open(notebook.name) as page:
        yield page


def write_notebook(folder: Path, *cells: str) -> str:
    """Write a notebook with these cells under a new name, which it returns."""
    code: dict[str, object] = {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
    }
    notebook = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [{**code, "id": f"cell-{number}", "source": cell} for number, cell in enumerate(cells)],
    }
    name = f"{uuid.uuid4().hex}.ipynb"
    (folder / name).write_text(json.dumps(notebook), "utf-8")
    return name


def wait_until_ready(page: Page) -> None:
    """Wait until the notebook is shown and its kernel has started."""
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START_S * 1000)
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until the kernel has nothing to do."""
    page.wait_for_function(
        f"() => {NOTEBOOK}?.sessionContext?.session?.kernel?.status === 'idle'", timeout=START_S * 1000
    )


def run_all_cells(page: Page) -> None:
    """What the menu's Run All Cells does; returns when the last cell has ended."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


def start_cell(page: Page, index: int) -> None:
    """Run one cell, and don't wait for its end."""
    page.evaluate(
        f"""index => {{
            {NOTEBOOK}.content.activeCellIndex = index;
            window.jupyterapp.commands.execute('notebook:run-cell');
        }}""",
        index,
    )


def run_cell(page: Page, index: int) -> None:
    """Run one cell to its end."""
    page.evaluate(
        f"""index => {{
            {NOTEBOOK}.content.activeCellIndex = index;
            return window.jupyterapp.commands.execute('notebook:run-cell').catch(() => null);
        }}""",
        index,
    )


def save(page: Page) -> None:
    """Save the notebook."""
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")


def name_of(page: Page) -> str:
    """The name of the notebook that a page shows."""
    return Path(urlsplit(page.url).path).name


def contrasts(page: Page) -> list[tuple[str, float]]:
    """Each text in outputs of ours, with its contrast to what is behind it, from 1 to 21."""
    found: list[tuple[str, float]] = page.evaluate(Path(__file__).with_name("contrast.js").read_text("utf-8"))
    return found


def cues_in_track(page: Page, vtt: str) -> list[tuple[int, int, str, str]]:
    """What the browser makes of WebVTT: for each cue its times in milliseconds, its text and its speaker."""
    script = Path(__file__).with_name("track.js").read_text("utf-8")
    return [tuple(cue) for cue in page.evaluate(script, vtt)]


def outputs_of(page: Page, index: int) -> Locator:
    """The outputs of a cell, as they are shown."""
    return page.locator(".jp-Cell").nth(index).locator(".jp-OutputArea-output")


def _hearing(sound: Path) -> list[str]:
    return ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={sound}"]


@contextmanager
def _server(folder: Path, app: App) -> Iterator[str]:
    port = _free_port()
    home = folder / ".jupyter-home"
    settings = home / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    temporary = home / "temporary"
    settings.mkdir(parents=True)
    temporary.mkdir()
    news = {"fetchNews": "false", "checkForUpdates": False}  # both would ask a host outside, or the user
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news))
    process = subprocess.Popen(
        [sys.executable, "-m", app.module, "--no-browser", f"--port={port}", *app.options],
        cwd=folder,
        env={
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(home),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "lab" / "user-settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "lab" / "workspaces"),
            "JUPYTER_DATA_DIR": str(home / "data"),  # which notebooks are trusted
            "IPYTHONDIR": str(home / "ipython"),
            "TMPDIR": str(temporary),  # what kernels leave that are killed
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    with process:
        try:
            _wait_until_up(f"{url}/{app.probe}", process)
            yield url
        finally:
            process.terminate()  # it ends its kernels


def _wait_until_up(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(f"the Jupyter server did not come up at {url}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
