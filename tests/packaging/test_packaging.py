"""The wheel and the sdist hold what belongs in them and nothing else, and the wheel works by itself."""

import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ipy_gateway

from ..conftest import PROJECT
from ..support.fault_server import completion, fault_server
from ..support.interpreters import OWN_VERSION, interpreter, supported_versions
from ..support.tools import missing, package

SMOKE = Path(__file__).parent / "smoke.py"
STEM = f"ipy_gateway-{ipy_gateway.__version__}"
MADE_BY_BUILDING = {"PKG-INFO"}
NOT_FOR_THE_SDIST = ".ci/"
OUTSIDE = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
}


@dataclass(frozen=True)
class Built:
    """What `python -m build` gave."""

    wheel: Path
    sdist: Path

    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as files:
            return {name for name in files.namelist() if not name.endswith("/")}

    def in_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as files:
            return {member.name.removeprefix(f"{STEM}/") for member in files if member.isfile()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist of this checkout, and the wheel made from that sdist."""
    for name in ("build", "hatchling"):
        package(name)
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(PROJECT)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return Built(wheel, sdist)


def files_of_git() -> set[str]:
    """What git tracks, and what it would: files that are new and not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    if listed.returncode:
        missing("this is no checkout of git's")
    return {name for name in listed.stdout.split("\0") if (PROJECT / name).is_file()}


def test_the_wheel_holds_the_package_and_nothing_else(built: Built) -> None:
    ours = {name for name in files_of_git() if name.startswith("ipy_gateway/")}

    about = {name for name in built.in_wheel() if name.startswith(f"{STEM}.dist-info/")}

    assert built.in_wheel() - about == ours
    assert {name.rpartition("/")[2] for name in about} == {"METADATA", "WHEEL", "RECORD", "LICENSE"}
    assert {"ipy_gateway/py.typed", "ipy_gateway/render/static/tex_commands.txt"} <= ours


def test_the_sdist_holds_what_git_does(built: Built) -> None:
    ours = {name for name in files_of_git() if not name.startswith(NOT_FOR_THE_SDIST)}

    assert built.in_sdist() - MADE_BY_BUILDING == ours


def test_the_name_of_the_wheel_says_that_any_python_takes_it(built: Built) -> None:
    assert built.wheel.name == f"{STEM}-py3-none-any.whl"


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(version, marks=() if version == OWN_VERSION else pytest.mark.long)
        for version in supported_versions()
    ],
)
def test_the_wheel_works_where_nothing_else_is_installed(
    built: Built, version: str, tmp_path: Path, interview: Path
) -> None:
    python = bare_python_with(built.wheel, version, tmp_path)

    with fault_server(completion(r"It works: $\alpha$ and $\href{x}{y}$.")) as server:
        done = run(python, "-W", "error", SMOKE, server.url, interview, cwd=tmp_path)

    assert done.stderr == ""
    assert done.stdout == f"ipy_gateway {ipy_gateway.__version__} works on Python {version}\n"
    helped = run(python, "-m", "ipy_gateway.local", "--help", cwd=tmp_path)
    assert "pull" in helped.stdout and helped.returncode == 0, helped.stderr


def bare_python_with(wheel: Path, version: str, folder: Path) -> Path:
    """The interpreter of a new environment that has a wheel and what it requires, alone."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"there is no Python {version}")
    run(base, "-m", "venv", "--without-pip", folder / "bare").check_returncode()
    python = folder / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = ("-m", "pip", "--python", python, "install", "--quiet", "--no-compile", wheel)
    installed = run(Path(sys.executable), *install)
    assert installed.returncode == 0, installed.stderr
    return python


def run(python: Path, *arguments: Any, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run an interpreter outside of this checkout."""
    command = [str(python), *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=OUTSIDE, capture_output=True, text=True, timeout=300, check=False
    )
