"""One shell for all faults of a file, and waits that are short."""

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipy_gateway import unload_ipython_extension
from ipy_gateway.core import loop_clients
from ipy_gateway.core.answers import retries
from ipy_gateway.core.requests import asking, streams

from ..support.tools import missing
from .peers import AUTHORITY
from .uses import Trial

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(asking, "LOADING_POLL_S", 0.01)
    monkeypatch.setattr(streams, "END_WAIT_S", 0.2)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def verbose_shell() -> Iterator[InteractiveShell]:
    """An IPython shell in this process, with the extension loaded, that shows all it knows of an error."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "ipy_gateway")
    shell.InteractiveTB.set_mode("Verbose")
    yield shell
    unload_ipython_extension(shell)
    InteractiveShell.clear_instance()


@pytest.fixture
def trial(
    verbose_shell: InteractiveShell, tmp_path: Path, tone: bytes, caplog: pytest.LogCaptureFixture
) -> Trial:
    """The uses, with every logger at DEBUG."""
    caplog.set_level(logging.DEBUG)
    for name in ("asyncio", "httpx", "httpcore", "ipy_gateway"):
        caplog.set_level(logging.DEBUG, logger=name)
    return Trial(verbose_shell, tmp_path, tone, caplog)


@pytest.fixture
def nginx_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own for nginx, which is there."""
    if not shutil.which("nginx"):
        missing("there is no nginx: apt-get install nginx")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    """An authority for certificates that the environment trusts."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    loop_clients._ssl_context.cache_clear()
    yield AUTHORITY
    loop_clients._ssl_context.cache_clear()
