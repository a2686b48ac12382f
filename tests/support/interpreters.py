"""The Pythons of this machine that the package is made for."""

import re
import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
OWN_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def supported_versions() -> list[str]:
    """The versions that the classifiers of the package name."""
    text = (PROJECT / "pyproject.toml").read_text("utf-8")
    return re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)


def interpreter(version: str) -> Path | None:
    """An interpreter of a version: this one, one on the PATH, or one that pyenv has built."""
    if version == OWN_VERSION:
        return Path(sys.executable)
    built = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    found = shutil.which(f"python{version}") if not built else str(built[-1])
    return Path(found) if found else None
