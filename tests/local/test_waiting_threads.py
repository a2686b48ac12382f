"""Threads of the speech engine that wait for each other."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the wheels of others have another OpenMP")

# As the engine does it: a model is looked for, then loaded.
LOADING = """
import os, threading
from ipy_gateway.local.speech_models import model_folder
model_folder("whisper-tiny.en", None, threading.Event())
import ctranslate2
print(os.environ.get("OMP_WAIT_POLICY"))
"""


def loaded(**environment: str) -> tuple[str, str]:
    """What OMP_WAIT_POLICY is afterwards, and what OpenMP says of itself when it is loaded."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", LOADING],
        env={**clean, "OMP_DISPLAY_ENV": "true", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip(), done.stderr


@pytest.mark.usefixtures("speech_model")
def test_they_sleep_and_nothing_else_in_the_process_is_told_so() -> None:
    left, said = loaded()

    assert left == "None"
    assert said.count("OMP_WAIT_POLICY = 'PASSIVE'") == said.count("DISPLAY ENVIRONMENT BEGIN") == 1


@pytest.mark.usefixtures("speech_model")
def test_what_the_user_has_set_stays() -> None:
    left, said = loaded(OMP_WAIT_POLICY="active")

    assert left == "active"
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in said
