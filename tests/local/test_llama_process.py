"""The child process in which llama.cpp runs."""

import threading
from pathlib import Path

import pytest

from ipy_gateway import ConfigurationError
from ipy_gateway.local import llama_process
from ipy_gateway.local.llama_process import ChatServer


def test_one_that_stays_silent_while_it_loads_is_ended_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = tmp_path / "silent.py"
    silent.write_text("import sys; sys.stdin.read()")
    monkeypatch.setattr(llama_process, "SERVER_SCRIPT", silent)
    monkeypatch.setattr(llama_process, "LOADING_PATIENCE_S", 0.2)
    server = ChatServer()

    with pytest.raises(ConfigurationError) as raised:
        server.load(Path("talk.gguf"), "talk", threading.Event())

    assert str(raised.value) == (
        "The chat model 'talk.gguf' can't be loaded: llama.cpp was silent for 0.2 s. "
        "Check that the file is a complete .gguf model."
    )
    assert not server.is_running
    server.stop()
