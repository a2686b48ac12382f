"""What a page might send to an upload widget, what else goes on meanwhile, and what goes wrong."""

import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest

from ..support.fault_server import fault_server
from ..support.kernel import Kernel
from ..support.upload_page import HEARD, UploadPage, make, run_on_subshell, upload_page

TALK = {"name": "talk.wav", "type": "audio/wav", "modified": 0}
MIB = 1 << 20
WAITING = "for _ in range(1200):\n  if not widget.transcript: time.sleep(0.05)\nprint(widget.transcript)"
NOBODY = "http://127.0.0.1:9"  # the port of the discard protocol, where nobody listens


@pytest.fixture
def kernel(upload_kernel: Kernel) -> Kernel:
    return upload_kernel


def refusal(page: UploadPage) -> str:
    """The reason of the next message to the page, which has to be a refusal."""
    message = page.answer()
    assert message["kind"] == "refused"
    return str(message["reason"])


@pytest.mark.parametrize(
    ("content", "buffers", "problem"),
    [
        ({"kind": "slice", "id": "a1", "offset": -1}, [b"x"], "The offset of the file is -1."),
        ({"kind": "slice", "id": "a1", "offset": "0"}, [b"x"], "The offset of the file is '0'."),
        ({"kind": "slice", "id": "a1", "offset": 1e300}, [b"x"], "The offset of the file is 1e+300."),
        ({"kind": "slice", "id": "a1"}, [b"x"], "The offset of the file is None."),
        ({"kind": "slice", "id": "a1", "offset": 0}, [bytes(MIB + 1)], "A slice has 1048577 bytes"),
        ({"kind": "slice", "id": "other", "offset": 0}, [b"x"], "The kernel does not know this upload."),
        ({"kind": "resume", "id": "other"}, [], "The kernel does not know this upload."),
        ({"kind": "resume", "id": "a1", "ask": "1"}, [], "The ask of the file is '1'."),
        ({"kind": "begin", "id": {"a": [1]}}, [], "{'a': [1]} is no name of an upload."),
        ({"kind": "begin", "id": "b", **TALK, "size": 10**400}, [], "The size of the file is 1000"),
        (
            {"kind": "begin", "id": "b", **TALK, "size": 9, "modified": 10**400},
            [],
            "The modified of the file",
        ),
        ({"kind": "cancel"}, [], "None is no name of an upload."),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)
def test_what_no_page_of_ours_sends_is_refused_and_the_upload_goes_on(
    kernel: Kernel, tone: bytes, content: dict[str, Any], buffers: list[bytes], problem: str
) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send("begin", "a1", size=len(tone), **TALK)
            page.answer()
            page.send_anything(content, *buffers)
            reason = refusal(page)
            page.send("slice", "a1", tone, offset=0)
            page.wait_for_state("done")

    assert reason.startswith(problem)
    assert [item["name"] for item in page.state["_items"]] == ["talk.wav"]


@pytest.mark.parametrize(
    "content", [None, [], "begin", 7, {"kind": "fly", "id": "a1"}, {"kind": [], "id": "a1"}]
)
def test_what_is_no_message_changes_nothing(kernel: Kernel, tone: bytes, content: Any) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send_anything(content)
            page.upload("talk.wav", tone)
            page.wait_for_state("done")

    assert not page.state.get("error")


def test_announcements_without_end_are_refused_and_those_before_go_on(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            for number in range(50):
                page.send("begin", f"a{number}", size=len(tone), **TALK)
                page.answer()
            page.send("begin", "one-more", size=len(tone), **TALK)
            reason = refusal(page)
            page.send("slice", "a49", tone, offset=0)
            page.answer()
            page.send("begin", "one-more", size=len(tone), **TALK)
            taken = page.answer()

    assert reason == "50 files are on their way already. Remove those that were interrupted."
    assert taken["kind"] == "ack"


def test_each_answer_says_what_it_answers(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send("begin", "a1", size=len(tone), ask=1, **TALK)
            page.send("slice", "a1", tone[:100], offset=0, ask=2)
            page.send("resume", "a1", ask=2)
            answers = [page.answer() for _ in range(3)]

    assert [(answer["ask"], answer["received"]) for answer in answers] == [(1, 0), (2, 100), (2, 100)]


def test_a_file_from_before_1970_is_taken(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send("begin", "a1", size=len(tone), **{**TALK, "modified": -1_000_000_000_000})

            assert page.answer()["kind"] == "ack"


def test_two_widgets_keep_apart(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "widget, other = AudioUpload(), AudioUpload()")
        other = kernel.run("print(other.model_id)").text.strip()
        with upload_page(kernel) as page, upload_page(kernel, other) as other_page:
            for one in (page, other_page):
                one.send("begin", "a1", size=len(tone), **TALK)
                one.answer()
            page.send("slice", "a1", tone, offset=0)
            page.wait_for_state("done")
            other_page.wait_for_state("uploading")
            printed = kernel.run("print(widget.transcripts, other.transcripts, other.state)").text
            other_page.send("slice", "a1", tone, offset=0)
            other_page.wait_for_state("done")

    assert printed.strip() == "<Transcripts of 1 recordings> <Transcripts of 0 recordings> uploading"


def test_a_subshell_takes_a_file_while_a_cell_runs(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "import time")
        subshell_id = run_on_subshell(kernel, "widget = AudioUpload()")
        with upload_page(kernel) as page:
            page.subshell_id = subshell_id
            cell = kernel.start(WAITING)
            page.upload("talk.wav", tone)
            run = kernel.finish(cell)

    assert run.text.strip() == "Eight meters."


def test_what_comes_while_a_cell_runs_is_taken_when_it_is_interrupted(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            cell = kernel.start("import time\nprint('running', flush=True)\ntime.sleep(600)")
            page.wait_for_text(cell)
            page.send("begin", "a1", size=len(tone), **TALK)
            page.send("slice", "a1", tone, offset=0)
            kernel.interrupt()
            interrupted = kernel.finish(cell)
            page.wait_for_state("done")

    assert interrupted.error_name == "KeyboardInterrupt"
    assert [item["state"] for item in page.state["_items"]] == ["done"]


def test_a_close_ends_who_waits_for_a_transcript(kernel: Kernel) -> None:
    closing = "import asyncio\nasyncio.get_running_loop().call_later(0.2, widget.close)\nawait widget"
    with fault_server(HEARD) as server:
        make(kernel, server)
        run = kernel.run(closing)

    assert run.error_text.startswith("The widget was closed: no transcript will come.")


def test_a_video_without_sound_fails_in_a_sentence(kernel: Kernel, tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    picture = ["-f", "lavfi", "-i", "color=size=64x64:duration=1", "-pix_fmt", "yuv420p"]
    subprocess.run(
        [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, str(silent)], check=True, timeout=60
    )
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.upload("silent.mp4", silent.read_bytes(), kind="video/mp4")
            page.wait_for_state("error")

    assert page.state["error"].startswith("silent.mp4: The recording is a video without sound.")
    assert server.requests == []


def test_a_dead_server_fails_in_a_sentence_and_the_file_stays_for_another_try(
    kernel: Kernel, tone: bytes
) -> None:
    made = f"widget = AudioUpload(GatewayConfig(text_base_url='{NOBODY}/v1', max_retries=0))"
    with fault_server(HEARD) as server:
        make(kernel, server, made)
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("error")
            exists = kernel.run("print(widget.uploads[0].path.exists())").text

    assert NOBODY in page.state["error"]
    assert page.state["error"].startswith("talk.wav: ")
    assert "\n" not in page.state["error"]
    assert exists.strip() == "True"
