"""What the stop button does: within a second the cell ends, and what worked for it stops."""

import time
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from ..support.kernel import CellRun, Kernel, running_kernel
from ..support.loopback import SilentServer, silent_server

LIMIT_S = 5.0  # a bound for a hang, on a machine with other work; what is measured is printed
HANG_S = 60.0
LONG_WINDOWS = 8  # Whisper takes speech in by half a minute at most, and long.wav has four
# Processor time, which other work on the machine does not change.
CHAT_STOPS_S = 5.0
ENDLESS_STOPS_S = 20.0  # 8,000 tokens take more than a minute
FOLLOWING_S = HANG_S
LONG_QUESTION = "%%chat\nWrite a very long story about a telescope on a mountain, with many chapters."
SHORT_QUESTION = "%%chat\nName the capital of France, in one word."
AWAITED = """
from pathlib import Path
from ipy_gateway import GatewayConfig, chat_completion, transcribe_audio
config = GatewayConfig({url!r})
"""
COUNT_WINDOWS = """
from ipy_gateway.local.pins import WHISPER_TINY_EN
from ipy_gateway.local.speech_models import load_model
from ipy_gateway.local.weights import ensure_weights
model = load_model(ensure_weights(WHISPER_TINY_EN))
windows, encode = [], model.encode
model.encode = lambda features: windows.append(1) or encode(features)
"""
IS_LISTENING = """
import threading
print("ipy_gateway-speech" in {thread.name for thread in threading.enumerate()})
"""


@dataclass
class Stop:
    """A cell that was interrupted, and how long it took to end."""

    run: CellRun
    latency_s: float


@pytest.fixture(scope="module")
def kernel(work_folder: Path, interview: Path) -> Iterator[Kernel]:
    """A kernel whose engines are loaded, with four minutes of speech in its folder."""
    with wave.open(str(interview)) as source, wave.open(str(work_folder / "long.wav"), "wb") as target:
        target.setparams(source.getparams())
        samples = source.readframes(source.getnframes())
        for _ in range(5):
            target.writeframes(samples)
    with running_kernel(work_folder) as kernel:
        kernel.run("%load_ext ipy_gateway")
        kernel.run("%transcribe note.m4a --again")
        assert kernel.run(COUNT_WINDOWS).status == "ok"
        assert kernel.run(SHORT_QUESTION, timeout_s=120).status == "ok"
        yield kernel


@pytest.fixture
def server() -> Iterator[SilentServer]:
    with silent_server() as server:
        yield server


def interrupt(kernel: Kernel, message_id: str) -> Stop:
    started = time.monotonic()
    kernel.interrupt()
    run = kernel.finish(message_id)
    return Stop(run, time.monotonic() - started)


def interrupt_after(kernel: Kernel, code: str, seconds: float) -> Stop:
    message_id = kernel.start(code)
    kernel.wait_until_begun(message_id)
    time.sleep(seconds)
    return interrupt(kernel, message_id)


def assert_stopped(stop: Stop, *error_names: str) -> None:
    print(f"interrupt answered after {stop.latency_s:.3f} s")
    assert stop.run.error_name in (error_names or ("KeyboardInterrupt",)), stop.run
    assert stop.latency_s < LIMIT_S


def busy_seconds(kernel: Kernel) -> float:
    """Processor time that the kernel and its child processes have used so far."""
    process = psutil.Process(int(kernel.run("import os\nprint(os.getpid())").text))
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def assert_idle_within(kernel: Kernel, processor_s: float) -> None:
    first = before = busy_seconds(kernel)
    while before - first < processor_s:
        time.sleep(0.5)
        now = busy_seconds(kernel)
        if now - before < 0.1:
            return
        before = now
    pytest.fail(f"something still works, {processor_s} s of processor time later")


def wait_until_nobody_listens(kernel: Kernel) -> None:
    deadline = time.monotonic() + HANG_S
    while kernel.run(IS_LISTENING).text != "False\n":
        assert time.monotonic() < deadline, "somebody still listens"


def windows_heard(kernel: Kernel) -> int:
    """How many windows the speech model has taken in since this was asked last."""
    return int(kernel.run("print(len(windows))\nwindows.clear()").text)


def assert_works(kernel: Kernel) -> None:
    assert kernel.run("print(6 * 7)").text == "42\n"


# A server that never answers: closing the connection is what tells it to stop.


@pytest.mark.parametrize(
    "cell", ["%transcribe interview.wav --again", "%%chat\nAnybody?", "%%analyze interview.wav\nWho?"]
)
def test_interrupting_a_magic_hangs_up(kernel: Kernel, server: SilentServer, cell: str) -> None:
    kernel.run(f"%gateway {server.url}")
    message_id = kernel.start(cell)
    server.wait_for_request()

    stop = interrupt(kernel, message_id)

    kernel.run("%gateway local://engine")
    assert_stopped(stop)
    server.wait_for_hang_up()
    assert_works(kernel)


@pytest.mark.parametrize(
    "call",
    [
        "await transcribe_audio(Path('interview.wav').read_bytes(), config)",
        "await chat_completion([{'role': 'user', 'content': 'Anybody?'}], config)",
    ],
)
def test_interrupting_an_await_hangs_up(kernel: Kernel, server: SilentServer, call: str) -> None:
    message_id = kernel.start(AWAITED.format(url=server.url) + call)
    server.wait_for_request()

    stop = interrupt(kernel, message_id)

    assert_stopped(stop, "CancelledError", "KeyboardInterrupt")
    server.wait_for_hang_up()
    assert_works(kernel)


def test_a_cell_that_awaits_and_has_a_magic_is_interrupted(kernel: Kernel, server: SilentServer) -> None:
    kernel.run(f"%gateway {server.url}")
    message_id = kernel.start(
        "import asyncio\nawait asyncio.sleep(0.1)\nt = %transcribe interview.wav --again"
    )
    server.wait_for_request()

    stop = interrupt(kernel, message_id)

    kernel.run("%gateway local://engine")
    assert_stopped(stop)
    server.wait_for_hang_up()
    assert_works(kernel)


def test_ten_interrupts_in_a_row_leave_it_working(kernel: Kernel, server: SilentServer) -> None:
    kernel.run(f"%gateway {server.url}")

    for _ in range(10):
        message_id = kernel.start("%%chat\nAnybody?")
        server.wait_for_request()
        assert_stopped(interrupt(kernel, message_id))
        server.wait_for_hang_up()

    kernel.run("%gateway local://engine")
    assert kernel.run(SHORT_QUESTION, timeout_s=120).status == "ok"


def test_what_was_shown_while_waiting_says_that_it_was_stopped(kernel: Kernel, server: SilentServer) -> None:
    kernel.run(f"%gateway {server.url}")

    stop = interrupt_after(kernel, "%%chat\nAnybody?", 1.2)

    kernel.run("%gateway local://engine")
    assert_stopped(stop)
    assert "Waiting for the answer: stopped after 1 s." in stop.run.text


# The embedded engine: what it does after the interrupt shows whether it has stopped.


def test_interrupting_a_local_transcription_stops_the_work(kernel: Kernel) -> None:
    windows_heard(kernel)

    stop = interrupt_after(kernel, "%transcribe long.wav --again", 1.0)

    assert_stopped(stop)
    wait_until_nobody_listens(kernel)
    assert windows_heard(kernel) < LONG_WINDOWS
    assert "Wilson" in kernel.run("%transcribe note.m4a --again").text


def test_interrupting_a_local_chat_stops_the_work(kernel: Kernel) -> None:
    stop = interrupt_after(kernel, LONG_QUESTION, 1.0)

    assert_stopped(stop)
    assert_idle_within(kernel, CHAT_STOPS_S)
    following = kernel.run(SHORT_QUESTION)
    assert "Paris" in following.text
    assert following.seconds < FOLLOWING_S


def test_interrupting_an_awaited_local_transcription_stops_the_work(kernel: Kernel) -> None:
    kernel.run(AWAITED.format(url="local://engine") + "recording = Path('long.wav').read_bytes()")
    windows_heard(kernel)

    stop = interrupt_after(kernel, "await transcribe_audio(recording, config)", 1.0)

    assert_stopped(stop, "CancelledError", "KeyboardInterrupt")
    wait_until_nobody_listens(kernel)
    assert windows_heard(kernel) < LONG_WINDOWS
    assert_works(kernel)


def test_interrupting_an_awaited_local_chat_stops_the_work(kernel: Kernel) -> None:
    kernel.run(AWAITED.format(url="local://engine"))
    question = "[{'role': 'user', 'content': 'Write a long story.'}]"
    endless = f"await chat_completion({question}, config, max_tokens=8000, ignore_eos=True)"

    stop = interrupt_after(kernel, endless, 1.0)

    assert_stopped(stop, "CancelledError", "KeyboardInterrupt")
    assert_idle_within(kernel, ENDLESS_STOPS_S)
    assert_works(kernel)


@pytest.mark.parametrize("delay_s", [0.02, 0.3, 1.0])
def test_a_transcription_is_interrupted_at_any_moment(kernel: Kernel, delay_s: float) -> None:
    stop = interrupt_after(kernel, "%transcribe interview.wav --again", delay_s)

    assert_stopped(stop)
    wait_until_nobody_listens(kernel)
    assert_works(kernel)


# Cells that wait in the queue


def test_a_cell_queued_behind_a_magic_runs(kernel: Kernel) -> None:
    first = kernel.start("%transcribe note.m4a --again")
    second = kernel.start("print('and this')")

    assert "Wilson" in kernel.finish(first).text
    assert kernel.finish(second).text == "and this\n"


def test_a_cell_queued_behind_an_interrupted_magic_is_given_up(kernel: Kernel, server: SilentServer) -> None:
    kernel.run(f"%gateway {server.url}")
    first = kernel.start("%%chat\nAnybody?")
    second = kernel.start("print('not this')")
    server.wait_for_request()

    stop = interrupt(kernel, first)

    assert_stopped(stop)
    assert kernel.finish(second).text == ""
    kernel.run("%gateway local://engine")
    assert_works(kernel)
