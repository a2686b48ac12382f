"""Tools that a test needs and a machine may lack."""

import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import pytest


def missing(reason: str) -> NoReturn:
    """Skip the test; where everything has to be there (in CI), fail it."""
    if os.environ.get("IPY_GATEWAY_REQUIRE_ALL") == "1":
        pytest.fail(f"IPY_GATEWAY_REQUIRE_ALL=1, and {reason}")
    pytest.skip(reason)


def chromium() -> Path:
    """Where Chromium is."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return Path(path)
    missing("there is no Chromium: apt-get install chromium")


def package(name: str) -> ModuleType:
    """An optional package, imported."""
    try:
        return importlib.import_module(name)
    except ImportError:
        missing(f"{name} is not installed: pip install ipy-gateway[test]")
