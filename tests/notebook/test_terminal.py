"""The magics in IPython on a terminal, without Jupyter."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.loopback import silent_server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a POSIX terminal")

PROMPT = r"In \[\d+\]: "
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """IPython as somebody types into it."""

    def __init__(self, folder: Path, ipython_folder: Path) -> None:
        import pexpect

        self.process: Any = pexpect.spawn(
            sys.executable,
            ["-m", "IPython", "--no-banner", "--simple-prompt", "--colors=NoColor"],
            cwd=str(folder),
            env={**os.environ, "IPYTHONDIR": str(ipython_folder)},
            encoding="utf-8",
            echo=False,
            timeout=120,
            dimensions=(24, 1000),
        )
        self.process.expect(PROMPT)

    def ask(self, line: str) -> str:
        """Type a line; what is shown until the next prompt."""
        self.process.sendline(line)
        return self.read()

    def type_cell(self, *lines: str) -> None:
        """Type a cell, which two empty lines end."""
        for line in (*lines, "", ""):
            self.process.sendline(line)

    def read(self) -> str:
        """What is shown until the next prompt."""
        self.process.expect(PROMPT)
        return ESCAPES.sub("", self.process.before)


@pytest.fixture
def terminal(work_folder: Path, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(work_folder, tmp_path)
    terminal.ask("%load_ext ipy_gateway")
    yield terminal
    terminal.process.close(force=True)


def test_transcribe_shows_the_transcript_once(terminal: Terminal) -> None:
    shown = terminal.ask("%transcribe note.m4a")

    assert shown.count("Wilson") == 1
    assert "<" not in shown


def test_a_transcript_is_text(terminal: Terminal) -> None:
    terminal.ask("t = %transcribe note.m4a")

    assert terminal.ask("'Wilson' in t").strip().endswith("True")
    assert "Wilson" in terminal.ask("t")


def test_chat_is_answered(terminal: Terminal) -> None:
    terminal.type_cell("%%chat", "Name the capital of France, in one word.")

    assert "Paris" in terminal.read()


def test_an_error_is_two_lines(terminal: Terminal) -> None:
    shown = terminal.ask("%transcribe noet.m4a")

    assert shown.split("\r\n")[:2] == [
        "InvalidRequestError: There is no file 'noet.m4a'.",
        "Hint: Did you mean 'note.m4a'?",
    ]
    assert "Traceback" not in shown


def test_control_c_stops_the_waiting(terminal: Terminal) -> None:
    with silent_server() as server:
        terminal.ask(f"%gateway {server.url}")
        terminal.type_cell("%%chat", "Is anybody there?")
        server.wait_for_request()
        terminal.process.expect("Waiting for the answer")

        terminal.process.sendintr()
        terminal.process.expect("KeyboardInterrupt", timeout=1)

        terminal.process.expect(PROMPT)
        server.wait_for_hang_up()
    assert "42" in terminal.ask("6 * 7")
