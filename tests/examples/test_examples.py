"""Every example of the documents and docstrings runs, in a real kernel that asks a real server."""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ipy_gateway.notebook.gateway_magics import GatewayMagics
from ipy_gateway.notebook.magics import AnalyzeMagics, AudioMagics, ChatMagics, UploadMagics

from ..support.fault_server import FaultServer, fault_server
from ..support.kernel import CellRun, Kernel, running_kernel
from ..support.upload_page import upload_page
from .found import (
    Example,
    blocks_in_docstrings,
    blocks_in_documents,
    commands_in_documents,
    lines_in_documents,
    usage_of,
)
from .world import AS_AT_FIRST, VARIABLES, as_typed, lay_out, respond

HELP = (
    *(AudioMagics.transcribe, ChatMagics.chat, AnalyzeMagics.analyze),
    *(GatewayMagics.gateway, UploadMagics.upload),
)
BARE = re.compile(
    r"%{1,2}(transcribe|chat|gwchat|analyze)|%(gateway) (?:record|replay)"
)  # named, with nothing to do
ASKS = re.compile(r"%gateway key")
UPLOAD = re.compile(r"^(.*await widget.*)$", re.MULTILINE)  # waits for somebody to drop a file
CLUSTER = """
from distributed import Client, LocalCluster
cluster = LocalCluster(n_workers=1, processes=False, dashboard_address=":0")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[FaultServer]:
    with fault_server(respond=respond) as server:
        yield server


@pytest.fixture(scope="module")
def started(server: FaultServer, note: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel in a folder with recordings, which knows the variables that examples use."""
    folder = tmp_path_factory.mktemp("examples")
    lay_out(folder, note)
    with running_kernel(folder, IPY_GATEWAY_JOURNAL_FILE="journal") as kernel:
        run(kernel, "%load_ext ipy_gateway")
        yield kernel


@pytest.fixture
def kernel(started: Kernel, server: FaultServer) -> Kernel:
    run(started, AS_AT_FIRST.format(url=server.url) + VARIABLES.format(url=server.url))
    return started


def run(kernel: Kernel, code: str) -> CellRun:
    done = kernel.run(code)
    assert done.status == "ok", f"{code}\n{done.error_name}: {done.error_text}"
    return done


def cases(examples: Iterable[Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", [pytest.param(one, id=one.where) for one in examples])


@cases([*blocks_in_documents("python"), *blocks_in_documents("")])
def test_a_block_of_a_document(example: Example, kernel: Kernel, server: FaultServer) -> None:
    for cell in example.code.split("\n\n%%"):
        run(kernel, as_typed(cell, server.url))


@cases(lines_in_documents())
def test_a_line_of_a_document(example: Example, kernel: Kernel, server: FaultServer) -> None:
    run_line(kernel, example.code, server.url)


@cases(example for magic in HELP for example in usage_of(magic))
def test_a_line_of_the_help(example: Example, kernel: Kernel, server: FaultServer) -> None:
    run_line(kernel, example.code, server.url)


@cases(blocks_in_docstrings())
def test_a_block_of_a_docstring(
    example: Example, kernel: Kernel, server: FaultServer, interview: Path
) -> None:
    code = as_typed(example.code, server.url)
    if "tcp://scheduler:8786" in code:
        run(kernel, CLUSTER)
        code = code.replace('"tcp://scheduler:8786"', "cluster")
    code, waiting, _ = UPLOAD.split(code) if UPLOAD.search(code) else (code, "", "")
    run(kernel, code)
    if waiting:
        with upload_page(kernel) as page:
            page.upload(interview.name, interview.read_bytes())
            run(kernel, waiting)


@pytest.mark.usefixtures("speech_model", "chat_model")
@pytest.mark.parametrize("command", [*commands_in_documents()])
def test_a_command_of_a_document(command: str, tmp_path: Path) -> None:
    typed = [sys.executable, *command.replace("FOLDER", "models").split()]

    done = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "models").is_dir() == ("FOLDER" in command)


def run_line(kernel: Kernel, line: str, url: str) -> None:
    """Run a magic; one that is only named has to be there."""
    line = as_typed(line, url)
    if ASKS.match(line):
        answer_prompt(kernel, line, "sk-example")
    elif named := BARE.fullmatch(line):
        table = "cell" if line.startswith("%%") else "line"
        run(kernel, f"assert get_ipython().find_magic({(named[1] or named[2])!r}, {table!r})")
    else:
        run(kernel, line if "\n" in line or not line.startswith("%%") else f"{line}\nHow old is Ada?")


def answer_prompt(kernel: Kernel, line: str, text: str) -> None:
    asked = kernel.start(line)
    kernel.client.get_stdin_msg(timeout=30)
    kernel.client.input(text)
    assert kernel.finish(asked).status == "ok"
