"""What no peer has, where nobody watches: a real llama.cpp server, and the same outputs in every run."""

from pathlib import Path

import pytest

from ..support.kernel import CellRun, Kernel

HOW = "-t 0 --seed 1 --max-tokens 20 --new"
SETUP = """
import pydantic
class Animal(pydantic.BaseModel):
    name: str
    legs: int
"""


@pytest.fixture
def kernel(chat_kernel: Kernel, text_server: str) -> Kernel:
    """A kernel that asks a real server."""
    headless(chat_kernel, SETUP)
    headless(chat_kernel, f"_ = %gateway {text_server}")
    return chat_kernel


def headless(kernel: Kernel, cell: str) -> CellRun:
    """A cell as nbclient runs it."""
    run = kernel.run(cell, allow_stdin=False)
    assert run.status == "ok", run.traceback
    return run


@pytest.mark.parametrize(
    "cell",
    [
        f"%%chat --as Animal -o cow {HOW.replace('20', '60')}\nA cow has four legs. What is it?",
        f"%%chat --dry-run {HOW}\nIs {{{{6 * 7}}}} enough?",
        f"%%chat --bg -o r {HOW}\nSay hello.",
        f"%%chat --compare smollm2,local://engine {HOW}\nSay hello.",
        "_ = %gateway doctor",
        "%gateway budget 200k tokens\n_ = %chat -t 0 --new --max-tokens 9 Say hello.\n%gateway budget off",
    ],
    ids=["as", "dry-run", "bg", "compare", "doctor", "budget"],
)
def test_two_runs_show_the_same(kernel: Kernel, cell: str) -> None:
    first, second = headless(kernel, cell), headless(kernel, cell)

    shown = [[output["data"] for output in run.outputs] for run in (first, second)]
    assert shown[0] == shown[1]
    assert shown[0] and first.display_updates == second.display_updates == 0


def test_a_replay_shows_what_was_recorded(kernel: Kernel, tmp_path: Path) -> None:
    cassette = tmp_path / "lesson.json"
    headless(kernel, f"%gateway record {cassette}")
    recorded = headless(kernel, f"%%chat {HOW}\nSay hello.")
    headless(kernel, f"%gateway record off\n%gateway replay {cassette}")

    replayed = headless(kernel, f"%%chat {HOW}\nSay hello.")

    headless(kernel, "%gateway replay off")
    assert replayed.outputs[0]["data"] == recorded.outputs[0]["data"]
