"""The magics in IPython on a terminal, without Jupyter."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.loopback import silent_server, streaming_server

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a POSIX terminal")

PROMPT = r"In \[\d+\]: "
ASKS = """
%load_ext ipy_gateway
reply = %chat --url {url} Say how wide it is.
print(len(reply.text))
"""
TAKEN_AWAY = re.compile(r"[^\n]*\r\x1b\[K")  # a row that was replaced
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

    def ask_for(self, line: str, *expected: str) -> str:
        """Type a line; what is shown, with its escape codes, until these texts came one after the other."""
        self.process.sendline(line)
        shown = ""
        for text in expected:
            self.process.expect_exact(text)
            shown += self.process.before + text
        return shown

    def type_cell(self, *lines: str) -> None:
        """Type a cell, which two empty lines end."""
        for line in (*lines, "", ""):
            self.process.sendline(line)

    def read(self) -> str:
        """What is shown until the next prompt."""
        self.process.expect(PROMPT)
        return ESCAPES.sub("", TAKEN_AWAY.sub("", self.process.before))


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


# Answers that come bit by bit


def test_an_answer_is_read_while_it_is_written(terminal: Terminal) -> None:
    go_on = threading.Event()
    with streaming_server("The mirror is ", "8 meters", go_on, " wide.") as url:
        terminal.ask(f"%gateway {url}")

        terminal.ask_for("%chat How wide?", "The mirror is 8 meters")
        go_on.set()
        rest = terminal.read()

    assert rest.strip() == "wide."


def test_control_c_keeps_what_came(terminal: Terminal) -> None:
    go_on = threading.Event()
    with streaming_server("The mirror is", go_on, " wide.") as url:
        terminal.ask(f"%gateway {url}")
        terminal.ask_for("%chat How wide?", "The mirror is")

        terminal.process.sendintr()
        rest = terminal.read()
        go_on.set()
        again = terminal.ask("%chat And now?")

    assert rest.split("\r\n")[:2] == ["", "[Stopped: what follows is missing.]"]
    assert rest.count("KeyboardInterrupt") == 1
    assert "Traceback" not in rest
    assert again.strip() == "The mirror is wide."


def test_a_cut_off_answer_says_so(terminal: Terminal) -> None:
    with streaming_server("It begins", finish_reason="length") as url:
        terminal.ask(f"%gateway {url}")

        shown = terminal.ask("%chat Tell me all.")

    assert shown.strip().split("\r\n") == [
        "It begins",
        "[Cut off at the server's length limit: what follows is missing.]",
    ]


def test_what_a_magic_has_shown_gets_no_output_prompt(terminal: Terminal) -> None:
    with streaming_server("Eight meters.") as url:
        settings = terminal.ask(f"%gateway {url}")
        answer = terminal.ask("%chat How wide?")
        transcript = terminal.ask("%transcribe note.m4a")

    assert "Out[" not in settings + answer + transcript
    assert answer.strip() == "Eight meters."
    assert transcript.strip().endswith("[0:00] Eight meters.")


def test_the_answer_is_the_last_value_all_the_same(terminal: Terminal) -> None:
    with streaming_server("Eight meters.") as url:
        terminal.ask(f"%gateway {url}")
        terminal.ask("%chat How wide?")

        value = terminal.ask("str(_), len(Out)")
        again = terminal.ask("Out[3]")

    assert "('Eight meters.', 2)" in value
    assert "Eight meters." in again


def test_reasoning_is_a_line_that_goes_away(terminal: Terminal) -> None:
    go_on = threading.Event()
    with streaming_server("<think>It may be 8.", go_on, "</think>\n\nEight meters.") as url:
        terminal.ask(f"%gateway {url}")

        shown = terminal.ask_for("%chat How wide?", "Reasoning", "It may be 8.")
        go_on.set()
        terminal.process.expect_exact("\r\x1b[KEight meters.\r\n")

    assert "<think>" not in shown
    assert terminal.read().strip() == ""


def test_an_answer_cannot_drive_the_terminal(terminal: Terminal) -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\x1b[8mhidden\x9b31m\x08\x08"
    with streaming_server("😀 王さん: ", *hostile, " end.") as url:
        terminal.ask(f"%gateway {url}")

        terminal.process.sendline("%chat What?")
        terminal.process.expect_exact("end.")
        shown = terminal.process.before

    assert shown.lstrip("\r\n").endswith("😀 王さん: ]0;owned[2J[8mhidden31m ")
    assert not set("\x1b\x07\x08\x9b") & set(shown)


def test_a_pipe_gets_text_alone(tmp_path: Path) -> None:
    with streaming_server("<think>Well, ", "well.</think>", "Eight\r", "\nmeters.", pause_s=0.3) as url:
        done = subprocess.run(
            [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", ASKS.format(url=url)],
            env={**os.environ, "IPYTHONDIR": str(tmp_path)},
            capture_output=True,
            timeout=120,
            check=True,
        )

    assert done.stdout.decode().splitlines() == ["Eight", "meters.", "14"]
    assert done.stderr == b""
