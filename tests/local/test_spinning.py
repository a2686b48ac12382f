"""The threads of the embedded engine spin briefly; all else of OpenMP is as the user has it."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from ipy_gateway.local.llama_process import ChatServer

VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
# GNU's OpenMP shows what it goes by, when it is loaded and OMP_DISPLAY_ENV says so.
LOADING = """
import os
from ipy_gateway.local.requirements import import_extra
import_extra("ctranslate2")
print({name: value for name, value in os.environ.items() if name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")})
"""


@pytest.fixture(params=[{}, {"GOMP_SPINCOUNT": "5000"}, {"OMP_WAIT_POLICY": "active"}], ids=str)
def set_by_user(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    variables: dict[str, str] = request.param
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_llama_leaves_the_cores_to_others_unless_the_user_says_otherwise(
    set_by_user: dict[str, str],
) -> None:
    server = ChatServer()
    while not (environment := psutil.Process(server.process.pid).environ()):
        time.sleep(0.01)  # Linux shows it a moment after the program has started
    server.stop()

    told = {name: environment[name] for name in VARIABLES if name in environment}
    assert told == (set_by_user or {"GOMP_SPINCOUNT": "200"})


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere OpenMP is another's")
def test_whisper_does_so_too_and_leaves_the_environment_as_it_was(set_by_user: dict[str, str]) -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", LOADING],
        env={**os.environ, "OMP_DISPLAY_ENV": "verbose"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ("GOMP_SPINCOUNT = '200'" in loaded.stderr) == (not set_by_user)
    assert loaded.stdout == f"{set_by_user}\n"
