"""AudioUpload and %upload in a real kernel, with a real server, and messages as a page sends them."""

from pathlib import Path

import pytest

from ..support.fault_server import Answer, answer, fault_server
from ..support.kernel import Kernel
from ..support.upload_page import HEARD, make, upload_page

NEVER = Answer(b"")
SAYING = "import asyncio\nasyncio.get_running_loop().call_soon(print, 'waiting')"  # once it awaits
BROKEN = answer(400, body={"error": {"message": "This one is beyond me."}})


@pytest.fixture
def kernel(upload_kernel: Kernel) -> Kernel:
    return upload_kernel


def test_an_upload_becomes_a_transcript(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone, slice_bytes=10_000)
            page.wait_for_state("done")

    printed = kernel.run("print(widget.progress, repr(widget.error), widget.transcript, widget.transcripts)")
    path = kernel.run("print(widget.uploads[0].name, widget.uploads[0].path.exists())")
    assert printed.text.strip() == "1.0 '' Eight meters. <Transcripts of 1 recordings>"
    assert path.text.strip() == "talk.wav False"
    assert "Eight meters." in page.state["_view"]
    assert [item["state"] for item in page.state["_items"]] == ["done"]


def test_what_is_saved_shows_the_transcript_without_the_widget(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "widget = AudioUpload()")
        shown = kernel.run("widget")
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("done")

    widget, beside = (output["data"] for output in shown.outputs)
    assert "application/vnd.jupyter.widget-view+json" in widget
    assert beside["text/plain"].startswith("Nothing has been transcribed here yet")
    assert "Eight meters." in page.shown


def test_the_widget_itself_says_what_it_heard_where_widgets_are_unknown(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("done")

    printed = kernel.run("print(widget._repr_mimebundle_()[0]['text/plain'])")

    assert printed.text.strip() == "[0:00] Eight meters."


def test_await_gives_the_next_transcript_while_the_page_goes_on_sending(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            cell = kernel.start("print((await widget).source, (await widget).source)")
            page.upload("first.wav", tone)
            page.upload("second.wav", tone)
            run = kernel.finish(cell)

    assert run.text.strip() == "first.wav second.wav"


def test_await_gives_what_came_before_it(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.upload("first.wav", tone)
            page.wait_for_state("done")

    assert kernel.run("print((await widget).source)").text.strip() == "first.wav"


def test_an_interrupted_await_leaves_all_as_it_was(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            cell = kernel.start(f"{SAYING}\nawait widget")
            page.wait_for_text(cell)
            kernel.interrupt()
            interrupted = kernel.finish(cell)
            page.upload("talk.wav", tone)
            page.wait_for_state("done")
        after = kernel.run("print((await widget).source)")

    assert interrupted.error_name in ("KeyboardInterrupt", "CancelledError")
    assert after.text.strip() == "talk.wav"


def test_a_cancel_is_one_at_the_server(kernel: Kernel, tone: bytes) -> None:
    with fault_server(NEVER) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            upload_id = page.upload("talk.wav", tone)
            server.wait_for_requests(1)
            page.wait_for_state("transcribing")
            page.send("cancel", upload_id)
            page.wait_for_state("idle")
        server.wait_until_all_closed(timeout_s=60)

        assert server.open == 0
        assert page.state["_items"][0]["state"] == "stopped"


def test_an_upload_that_is_cancelled_is_gone(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send("begin", "a1", name="long.wav", size=5_000_000, type="audio/wav", modified=0)
            page.send("slice", "a1", bytes(1000), offset=0)
            page.wait_for_state("uploading")
            page.send("cancel", "a1")
            page.wait_for_state("idle")
            page.send("slice", "a1", bytes(1000), offset=1000)
            refusal = page.answer()

    assert page.state["_items"] == []
    assert "does not know this upload" in refusal["reason"]
    assert server.requests == []


def test_an_upload_goes_on_where_it_was(kernel: Kernel, tone: bytes) -> None:
    half = len(tone) // 2
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send("begin", "a1", name="talk.wav", size=len(tone), type="audio/wav", modified=0)
            page.answer()
            page.send("slice", "a1", tone[:half], offset=0)
            page.answer()
        with upload_page(kernel) as page:  # the page was loaded again
            page.send("resume", "a1")
            received = page.answer()["received"]
            page.send("slice", "a1", tone[received:], offset=received)
            page.wait_for_state("done")

    assert received == half
    assert page.state["_items"][0]["name"] == "talk.wav"


def test_files_wait_for_their_turn_and_keep_apart(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            for _ in range(3):
                page.upload("talk.wav", tone)
            kernel.run("for _ in range(3): await widget")

    names = kernel.run("print(list(widget.transcripts.transcripts))").text
    assert names.strip() == "['talk.wav', 'talk (2).wav', 'talk (3).wav']"


@pytest.mark.parametrize(
    ("name", "data", "kind", "problem"),
    [
        ("empty.wav", b"", "audio/wav", "'empty.wav' is empty: it has 0 bytes."),
        ("notes.txt", b"Some words.", "text/plain", "'notes.txt' is not of a kind that is taken."),
        ("huge.wav", range(3_000_000_000), "audio/wav", "'huge.wav' is too large: it has 3.0 GB,"),
    ],
    ids=["empty", "text", "huge"],
)
def test_what_is_refused_is_said_in_a_sentence(
    kernel: Kernel, name: str, data: bytes, kind: str, problem: str
) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.send("begin", "a1", name=name, size=len(data), type=kind, modified=0)
            refusal = page.answer()
            page.wait_for_state("error")

    assert refusal["kind"] == "refused"
    assert refusal["reason"].startswith(problem)
    assert page.state["error"] == refusal["reason"]
    assert "_items" not in page.state or page.state["_items"] == []


def test_what_was_refused_keeps_its_name_for_the_next_attempt(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            for upload_id in ("a1", "a2"):
                page.send("begin", upload_id, name="notes.txt", size=9, type="text/plain", modified=0)
            reasons = [page.answer()["reason"], page.answer()["reason"]]

    assert reasons[0] == reasons[1]


def test_what_is_removed_is_no_longer_saved_but_in_the_variable(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            upload_id = page.upload("talk.wav", tone)
            page.wait_for_state("done")
            page.send("remove", upload_id)
            page.wait_for_state("idle")

    assert page.state["_view"] == ""
    assert "Eight meters." not in page.shown
    assert kernel.run("print(widget.transcripts['talk.wav'])").text.strip() == "Eight meters."


def test_an_observer_that_fails_is_named_and_costs_nothing(kernel: Kernel, tone: bytes) -> None:
    failing = "widget = AudioUpload()\nwidget.observe(lambda change: 1 / 0, 'transcript')"
    with fault_server(HEARD) as server:
        make(kernel, server, failing)
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("error")

    assert page.state["error"].startswith("An observer of the widget failed: ZeroDivisionError")
    assert kernel.run("print(await widget)").text.strip() == "Eight meters."


def test_what_is_no_sound_fails_and_the_next_one_does_not(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.upload("<img src=x onerror=alert(1)>.wav", b"Only words.")
            page.wait_for_state("error")
            problem = page.state["error"]
            page.upload("talk.wav", tone)
            page.wait_for_state("done")

    assert problem.startswith("<img src=x onerror=alert(1)>.wav: The recording is plain text, not sound")
    assert [item["state"] for item in page.state["_items"]] == ["failed", "done"]


def test_what_has_failed_is_tried_again(kernel: Kernel, tone: bytes) -> None:
    answers = [BROKEN]
    with fault_server(respond=lambda _: answers[-1]) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            upload_id = page.upload("talk.wav", tone)
            page.wait_for_state("error")
            failed = kernel.run("print(widget.transcripts.errors['talk.wav'])").text
            answers.append(HEARD)
            page.send("transcribe", upload_id)
            page.wait_for_state("done")

    assert "This one is beyond me." in failed
    assert kernel.run("print(widget.transcripts)").text.strip() == "<Transcripts of 1 recordings>"


@pytest.mark.parametrize("define", ["def", "async def"])
def test_a_callback_gets_each_transcript_and_prints_in_its_cell(
    kernel: Kernel, tone: bytes, define: str
) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, f"{define} note(transcript): print('noted', transcript, flush=True)")
        cell = kernel.start("widget = AudioUpload(on_transcript=note)")
        kernel.finish(cell)
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            printed = page.wait_for_text(cell)

    assert printed == "noted Eight meters.\n"


def test_a_callback_that_fails_is_named_and_costs_nothing(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "widget = AudioUpload(on_transcript=lambda transcript: 1 / 0)")
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("error")

    assert page.state["error"] == "on_transcript failed: ZeroDivisionError: division by zero"
    assert kernel.run("print(widget.transcript)").text.strip() == "Eight meters."


def test_without_auto_a_file_waits_until_it_is_wanted(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "widget = AudioUpload(auto=False)")
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("uploaded")
            asked_before = len(server.requests)
            kernel.run("widget.start()")
            page.wait_for_state("done")

    assert asked_before == 0


def test_what_was_heard_before_is_shown_without_a_speed(kernel: Kernel, tone: bytes) -> None:
    shown = []
    with fault_server(HEARD) as server:
        for _ in range(2):
            make(kernel, server, "%gateway set journal=True\nwidget = AudioUpload()")
            with upload_page(kernel) as page:
                page.upload("talk.wav", tone)
                page.wait_for_state("done")
            shown.append(page.state["_view"])

    assert len(server.requests) == 1
    assert ["real time" in view for view in shown] == [True, False]
    assert "Eight meters." in shown[1]


def test_options_reach_the_server(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "widget = AudioUpload(language='de', prompt='Zuse', model='large')")
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("done")

    body = server.request.body
    assert b'name="language"\r\n\r\nde\r\n' in body
    assert b'name="model"\r\n\r\nlarge\r\n' in body
    assert b'name="prompt"\r\n\r\nZuse\r\n' in body


def test_the_magic_puts_transcripts_into_a_variable(kernel: Kernel, tone: bytes) -> None:
    with fault_server(HEARD) as server:
        make(kernel, server, "")
        shown = kernel.run("%upload -o talks")
        before = kernel.run("print(talks)").text
        view = shown.outputs[0]["data"]["application/vnd.jupyter.widget-view+json"]
        with upload_page(kernel, view["model_id"]) as page:
            page.upload("talk.wav", tone)
            page.wait_for_state("done")

    after = kernel.run("print(talks['talk.wav'])").text
    assert (before.strip(), after.strip()) == ("<Transcripts of 0 recordings>", "Eight meters.")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("talk.wav", "%upload takes no 'talk.wav'."),
        ("-o 1", "'1' can't be the name of a variable."),
        ("--words --words", "--words is given twice."),
        ("--save x", "%upload has no option '--save'."),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(kernel: Kernel, line: str, problem: str) -> None:
    run = kernel.run(f"%upload {line}")

    assert run.error_text.startswith(problem) or problem in "\n".join(run.traceback)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ("'de'", "config is no GatewayConfig but str."),
        ("on_transcript=1", "on_transcript is no function but int."),
        ("accept='sounds'", "accept has 'sounds', which is neither"),
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(kernel: Kernel, arguments: str, problem: str) -> None:
    run = kernel.run(f"AudioUpload({arguments})")

    collected = kernel.run("import gc\n_ = gc.collect()")
    assert run.error_name == "InvalidRequestError"
    assert problem in run.error_text
    assert collected.text == ""


def test_a_close_removes_the_files(kernel: Kernel, tone: bytes) -> None:
    with fault_server(NEVER) as server:
        make(kernel, server)
        with upload_page(kernel) as page:
            page.upload("talk.wav", tone)
            server.wait_for_requests(1)
            printed = kernel.run("print(widget.uploads[0].path)")
            path = Path(printed.text.strip())
            is_there_before = path.exists()
            kernel.run("widget.close()")
        server.wait_until_all_closed(timeout_s=60)

        assert server.open == 0
    assert is_there_before, printed
    assert not path.exists()
