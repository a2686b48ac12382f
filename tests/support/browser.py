"""A real JupyterLab or Notebook server, and a real Chromium that looks at it."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from .tools import chromium

APPS = {
    "lab": ("jupyterlab", "LabApp", "lab/tree"),
    "notebook": ("notebook", "JupyterNotebookApp", "notebooks"),
}
START_S = 60
CHROMIUM_OPTIONS = [
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def notebook_page(notebook: Path, *, app: str) -> Iterator[Page]:
    """A page that shows a notebook in JupyterLab ("lab") or Notebook 7 ("notebook"), its kernel started."""
    executable = chromium()
    with _server(notebook.parent, app) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(executable), args=CHROMIUM_OPTIONS)
        try:
            page = browser.new_page(viewport={"width": 1200, "height": 1600})
            page.goto(f"{url}/{APPS[app][2]}/{notebook.name}")
            page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=START_S * 1000)
            page.wait_for_function(
                "() => window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel?.status"
                " === 'idle'",
                timeout=START_S * 1000,
            )
            yield page
        finally:
            browser.close()


def run_all_cells(page: Page) -> None:
    """What the menu's Run All Cells does; returns when the last cell has ended."""
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")


@contextmanager
def _server(folder: Path, app: str) -> Iterator[str]:
    module, traits, _ = APPS[app]
    port = _free_port()
    home = folder / ".jupyter-home"
    settings = home / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    news = {"fetchNews": "false", "checkForUpdates": False}  # both would ask a host outside, or the user
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(news))
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", module, "--no-browser", "--allow-root", f"--port={port}"),
            *(
                "--ServerApp.port_retries=0",
                "--IdentityProvider.token=",
                f"--{traits}.expose_app_in_browser=True",
            ),
            *("--LabApp.news_url=", "--LabApp.extension_manager=readonly"),
        ],
        cwd=folder,
        env={
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(home),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "lab" / "user-settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(home / "lab" / "workspaces"),
            "IPYTHONDIR": str(home / "ipython"),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    with process:
        try:
            _wait_until_up(f"{url}/api", process)
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
