"""The threads of the embedded engine spin briefly; all else of OpenMP is as the user has it."""

import os
import subprocess
import sys

import psutil
import pytest

from ipy_gateway.local.llama_process import ChatServer
from ipy_gateway.local.spinning import SPIN_VARIABLE, SPINS

# GNU's OpenMP shows what it goes by, when it is loaded and OMP_DISPLAY_ENV says so.
LOADING = """
import os
from ipy_gateway.local.requirements import import_extra
import_extra("ctranslate2")
print(os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.fixture(params=[None, "5000"], ids=["by default", "as the user says"])
def set_by_user(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    monkeypatch.delenv(SPIN_VARIABLE, raising=False)
    value: str | None = request.param
    if value:
        monkeypatch.setenv(SPIN_VARIABLE, value)
    return value


def test_llama_leaves_the_cores_to_others(set_by_user: str | None) -> None:
    server = ChatServer()
    environment = psutil.Process(server.process.pid).environ()
    server.stop()

    assert environment[SPIN_VARIABLE] == (set_by_user or SPINS)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere OpenMP is another's")
def test_whisper_leaves_the_cores_to_others_and_the_environment_as_it_was(set_by_user: str | None) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADING],
        env={**os.environ, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"GOMP_SPINCOUNT = '{set_by_user or SPINS}'" in loaded.stderr
    assert loaded.stdout == f"{set_by_user}\n"
