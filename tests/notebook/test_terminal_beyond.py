"""What no peer has, typed into IPython on a terminal, with a real llama.cpp server."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..core.test_doctor import unused_port
from ..support.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a POSIX terminal")

FOUR = "-t 0 --max-tokens 20 --new"  # what is asked is answered in the same words, and briefly


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the terminal is."""
    return tmp_path_factory.mktemp("terminal")


@pytest.fixture(scope="module")
def shared_terminal(folder: Path) -> Iterator[Terminal]:
    """One IPython for all tests."""
    terminal = Terminal(folder, folder / "ipython")
    terminal.ask("%load_ext ipy_gateway")
    yield terminal
    terminal.close()


@pytest.fixture
def terminal(shared_terminal: Terminal, text_server: str) -> Terminal:
    """That IPython, asking a real server."""
    shared_terminal.ask(f"%gateway {text_server}")
    return shared_terminal


def test_an_answer_is_an_object(terminal: Terminal) -> None:
    terminal.ask("from typing import Literal")

    shown = terminal.ask(
        "size = %chat --as Literal['small','large'] -t 0 --max-tokens 30 How large is an ant?"
    )

    assert shown.strip() in ('"small"', '"large"')
    assert "True" in terminal.ask("size in ('small', 'large')")


def test_a_dry_run_sends_nothing_and_shows_all(terminal: Terminal, text_server: str) -> None:
    terminal.ask("width_m = 8")

    shown = terminal.ask_cell(f"%%chat --dry-run {FOUR}", "Is {{width_m}} m wide?")

    assert shown.lstrip().startswith("Dry run: nothing was sent.")
    assert text_server in shown and "user: Is 8 m wide?" in shown
    assert "int: text, 1 character, about 1 token" in shown and "temperature    0.0" in shown


def test_an_answer_in_the_background_is_awaited(terminal: Terminal) -> None:
    started = terminal.ask_cell(f"%%chat --bg -o r {FOUR}", "Say hello.")
    reply = terminal.ask("reply = await r")

    assert "Traceback" not in started + reply
    assert "True" in terminal.ask("reply.is_complete and len(reply.text) > 0 and r.done")


def test_answers_stand_below_each_other_and_a_dead_server_holds_up_none(
    terminal: Terminal, text_server: str
) -> None:
    dead = f"http://127.0.0.1:{unused_port()}"

    shown = terminal.ask_cell(f"%%chat --compare {text_server},{dead} -o both {FOUR}", "Say hello.")

    assert shown.count("Start the server") == 1 and dead in shown
    assert f"{text_server}\r\nHello" in shown
    kinds = terminal.ask("[type(one).__name__ for one in both.values()]")
    assert "['Reply', 'UpstreamUnreachableError']" in kinds


def test_the_doctor_says_what_works_and_what_to_type(terminal: Terminal, text_server: str) -> None:
    shown = terminal.ask("_ = %gateway doctor")

    assert text_server in shown
    assert "stream" in shown and "JSON schema" in shown
    assert "%gateway set" in shown and "local://engine" in shown  # it has no audio
    assert "<" not in shown


def test_what_was_recorded_is_answered_without_a_server(terminal: Terminal, folder: Path) -> None:
    terminal.ask("%gateway record lesson.json")
    first = terminal.ask_cell(f"%%chat {FOUR}", "Say hello.")
    terminal.ask("%gateway record off")
    terminal.ask("%gateway replay lesson.json")
    again = terminal.ask_cell(f"%%chat {FOUR}", "Say hello.")
    other = terminal.ask_cell(f"%%chat {FOUR}", "Say goodbye.")
    terminal.ask("%gateway replay off")

    assert again.strip() and again == first
    assert "ReplayError" in other and "goodbye" in other and "Traceback" not in other
    assert "key" not in json.loads((folder / "lesson.json").read_text("utf-8"))


def test_a_budget_stops_before_it_is_exceeded(terminal: Terminal) -> None:
    told = terminal.ask("%gateway budget 1 request")
    terminal.ask_cell(f"%%chat {FOUR}", "Say hello.")
    refused = terminal.ask_cell(f"%%chat {FOUR}", "Say hello.")
    terminal.ask("%gateway budget off")

    assert "1 request" in told
    assert "BudgetExceededError: The budget of 1 request is spent; this one was not sent." in refused
    assert "Traceback" not in refused
