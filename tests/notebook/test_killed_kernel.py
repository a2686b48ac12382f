"""A kernel that is killed while it transcribes leaves what was heard to the next one."""

import os
from collections import Counter
from pathlib import Path

import pytest

from ..support.fault_server import RecordedRequest
from ..support.hearing_server import Ear, hearing_server
from ..support.kernel import Kernel, running_kernel
from ..support.tones import spoken, wav

NUMBERS = range(600)
WINDOW_S, AT_ONCE = 20, 2
CELL = "talk = %transcribe talk.wav\nprint(talk.text)\nprint(talk.segments)"


def ready(kernel: Kernel, url: str) -> Kernel:
    line = f"%gateway set audio_api=transcriptions window_s={WINDOW_S} max_requests={AT_ONCE}"
    prepared = kernel.run(f"%load_ext ipy_gateway\n%gateway {url}\n{line}")
    assert prepared.status == "ok", prepared.error_text
    return kernel


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_kernel_leaves_what_was_heard_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(wav(spoken(NUMBERS, pause_s=0.6, pause_every=7)))
    journal = {"IPY_GATEWAY_JOURNAL_FILE": str(tmp_path / "journal.sqlite3")}
    heard: list[int] = []
    ear = Ear("segments", delay_s=0.1)

    def respond(request: RecordedRequest) -> object:
        heard.append(hash(request.body.partition(b"RIFF")[2]))
        return ear.respond(request)

    with hearing_server(ear) as server:
        server.respond = respond  # type: ignore[assignment]  # what it answers is the ear's
        with running_kernel(tmp_path, **journal) as kernel:
            ready(kernel, server.url).start(CELL)
            server.wait_for_requests(6, timeout_s=60)
            kernel.manager.signal_kernel(9)
        before = len(heard)
        with running_kernel(tmp_path, **journal) as kernel:
            finished = ready(kernel, server.url).run(CELL)
            asked = len(heard)
            undisturbed = kernel.run(CELL.replace("talk.wav", "talk.wav --again"))

    assert finished.status == "ok", finished.traceback
    assert finished.outputs[-1] == undisturbed.outputs[-1]
    assert finished.outputs[-1]["text"].split("\n")[0].split() == [f"w{number % 40}" for number in NUMBERS]
    in_all = len(set(heard))
    assert 6 <= before < in_all
    assert asked - in_all <= AT_ONCE  # what was under way when it was killed, and nothing else
    assert max(Counter(heard[:asked]).values()) <= 2
