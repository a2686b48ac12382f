"""The magics in IPython on a terminal, without Jupyter."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.loopback import silent_server, streaming_server
from ..support.terminal import PROMPT, Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a POSIX terminal")

ASKS = """
%load_ext ipy_gateway
reply = %chat --url {url} Say how wide it is.
print(len(reply.text))
"""


@pytest.fixture
def terminal(work_folder: Path, tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(work_folder, tmp_path)
    terminal.ask("%load_ext ipy_gateway")
    yield terminal
    terminal.close()


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


def test_an_object_is_seen_while_it_is_written(terminal: Terminal) -> None:
    go_on = threading.Event()
    with streaming_server('{"name": "Ada", ', go_on, '"age": 36}') as url:
        terminal.ask(f"%gateway {url}")

        terminal.ask_for("p = %chat --as dict Who is it?", "Writing a dict:", '{"name": "Ada",')
        go_on.set()
        shown = terminal.read()

    assert '"age": 36' in shown and "Writing" not in shown
    assert "'Ada', 36" in terminal.ask("p['name'], p['age']")


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
