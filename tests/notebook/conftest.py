"""Kernels with something to transcribe in their folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from ipy_gateway import unload_ipython_extension

from ..support.kernel import Kernel, running_kernel


@pytest.fixture(scope="module")
def work_folder(interview: Path, note: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with interview.wav and note.m4a."""
    folder = tmp_path_factory.mktemp("notebook")
    for recording in (interview, note):
        shutil.copy(recording, folder)
    return folder


@pytest.fixture(scope="module")
def warm_kernel(work_folder: Path) -> Iterator[Kernel]:
    """A kernel in that folder, with the extension loaded, which the tests of a module share."""
    with running_kernel(work_folder) as kernel:
        loaded = kernel.run("%load_ext ipy_gateway")
        assert loaded.status == "ok", loaded.error_text
        yield kernel


@pytest.fixture(scope="session")
def _chat_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    with running_kernel(tmp_path_factory.mktemp("chat")) as kernel:
        loaded = kernel.run("from ipy_gateway import GatewayConfig\n%load_ext ipy_gateway")
        assert loaded.status == "ok", loaded.error_text
        yield kernel


@pytest.fixture
def chat_kernel(_chat_kernel: Kernel) -> Kernel:
    """A kernel that all tests of chats share, without any conversation and asking the embedded engine."""
    ready = _chat_kernel.run("%reload_ext ipy_gateway\n_ = %gateway local://engine")
    assert ready.status == "ok", ready.error_text
    return _chat_kernel


@pytest.fixture(scope="session")
def upload_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel that all tests of uploads share, with the extension loaded."""
    folder = tmp_path_factory.mktemp("upload")
    with running_kernel(folder, IPY_GATEWAY_JOURNAL_FILE="journal") as kernel:
        loaded = kernel.run("%load_ext ipy_gateway\nfrom ipy_gateway import AudioUpload, GatewayConfig")
        assert loaded.status == "ok", loaded.error_text
        yield kernel


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    """An IPython shell in this process, without a kernel, with the extension loaded."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    shell.run_line_magic("load_ext", "ipy_gateway")
    yield shell
    unload_ipython_extension(shell)
    InteractiveShell.clear_instance()
