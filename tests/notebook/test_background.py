"""Answers in the background: other cells run meanwhile, and each answer keeps to its own cell."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ..support.chat_stream import broken, streamed, unfinished
from ..support.fault_server import Answer, FaultServer, RecordedRequest, answer, fault_server
from ..support.kernel import CellRun, Kernel, running_kernel
from ..support.scripted_chat import ScriptedChat, scripted_chat

PATIENCE_S = 30.0  # a bound for a hang
UNTIL = "import time\nwhile not ({}): time.sleep(0.01)"


@pytest.fixture
def chat(chat_kernel: Kernel) -> Iterator[ScriptedChat]:
    """A server that speaks when it is told to, asked by the kernel."""
    with scripted_chat() as server:
        ok(chat_kernel.run(f"_ = %gateway {server.url}"))
        yield server


@pytest.fixture
def endless(chat_kernel: Kernel) -> Iterator[FaultServer]:
    """A server that begins an answer and says no more."""
    with fault_server(unfinished("It begins")) as server:
        ok(chat_kernel.run(f"_ = %gateway {server.url}"))
        yield server


def ok(run: CellRun) -> CellRun:
    assert run.status == "ok", run.traceback
    return run


def asked_of(kernel: Kernel, *answers: Answer) -> FaultServer:
    """What a server saw that gave these answers to `r`, which has ended."""
    with fault_server(*answers) as server:
        ok(kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0"))
        ok(kernel.run("%%chat --bg -o r\nWell?"))
        ok(kernel.run(UNTIL.format("r.done")))
    return server


def updates_until(kernel: Kernel, text: str) -> list[dict[str, Any]]:
    """The display updates up to the one that says this."""
    found: list[dict[str, Any]] = []
    while not found or text not in found[-1]["content"]["data"]["text/plain"]:
        message = kernel.client.get_iopub_msg(timeout=PATIENCE_S)
        if message["msg_type"] == "update_display_data":
            found.append(message)
    return found


def test_three_answers_come_in_while_a_fourth_cell_computes(chat_kernel: Kernel, chat: ScriptedChat) -> None:
    runs = [ok(chat_kernel.run(f"%%chat --bg -o {name}\nAbout {name}?")) for name in ("a", "b", "c")]
    answerings = {answering.question: answering for answering in [chat.next_question() for _ in runs]}
    computing = chat_kernel.start(UNTIL.format("a.text and b.text and c.text") + "\nprint('computed')")
    for question, answering in answerings.items():
        answering.say(f"{question} Yes.")

    computed = ok(chat_kernel.finish(computing))

    assert computed.text == "computed\n"
    assert ok(chat_kernel.run("print([r.done for r in (a, b, c)])")).text == "[False, False, False]\n"
    for answering in answerings.values():
        answering.end()
    awaited = ok(chat_kernel.run("import asyncio\nprint(*await asyncio.gather(a, b, c), sep='\\n')"))
    assert awaited.text == "About a? Yes.\nAbout b? Yes.\nAbout c? Yes.\n"


def test_an_answer_is_painted_into_the_output_of_its_own_cell(
    chat_kernel: Kernel, chat: ScriptedChat
) -> None:
    asking = chat_kernel.start("%%chat --bg\nWell?")
    (shown,) = ok(chat_kernel.finish(asking)).outputs
    answering = chat.next_question()
    other = chat_kernel.start("import time; time.sleep(600)")

    answering.say("It grows")
    updates = updates_until(chat_kernel, "It grows")
    answering.end()
    last = updates_until(chat_kernel, "It grows")[-1]
    chat_kernel.interrupt()
    chat_kernel.finish(other)

    assert shown["data"]["text/plain"].startswith("Waiting for the answer")
    assert {update["content"]["transient"]["display_id"] for update in [*updates, last]} == {
        shown["transient"]["display_id"]
    }
    assert last["parent_header"]["msg_id"] == asking


def test_what_another_cell_captures_is_not_the_answer(chat_kernel: Kernel, chat: ScriptedChat) -> None:
    ok(chat_kernel.run("%%chat --bg -o r\nWell?"))
    answering = chat.next_question()

    capturing = chat_kernel.start("%%capture seen\n" + UNTIL.format("r.done"))
    answering.say("Fine.")
    answering.end()
    updates_until(chat_kernel, "Fine.")
    ok(chat_kernel.finish(capturing))

    assert ok(chat_kernel.run("print(seen.outputs)")).text == "[]\n"


def test_a_handle_tells_how_it_is(chat_kernel: Kernel, chat: ScriptedChat) -> None:
    ok(chat_kernel.run("r = %chat --bg Well?"))
    answering = chat.next_question()
    answering.say("It begins")
    before = ok(chat_kernel.run(UNTIL.format("r.text") + "\nprint(r.done, r.error, r.text)\nr"))
    answering.say(" and ends.")
    answering.end()
    after = ok(chat_kernel.run("reply = await r\nprint(r.done, r.error, reply is await r, r)\nr"))

    assert before.text == "False None It begins\n\n<BackgroundAnswer: 9 characters so far>"
    assert after.text == (
        "True None True <BackgroundAnswer: <Reply from scripted: 'It begins and ends.'>>\n\n"
        "It begins and ends."
    )


def test_to_cancel_hangs_up_and_keeps_what_came(chat_kernel: Kernel, endless: FaultServer) -> None:
    ok(chat_kernel.run("%%chat --bg -o r\nWell?"))
    ok(chat_kernel.run(UNTIL.format("r.text")))

    ok(chat_kernel.run("r.cancel()\nr.cancel()"))
    endless.wait_until_all_closed()
    awaited = chat_kernel.run("await r")

    assert endless.open == 0
    assert awaited.traceback == [
        "AnswerCancelledError: The answer was cancelled.",
        "Hint: Read .text for what had come, or ask again.",
    ]
    assert ok(chat_kernel.run("print(r.error.partial_text, r.reply.is_complete)")).text == "It begins False\n"


def test_what_came_before_it_was_cancelled_is_shown_and_marked(
    chat_kernel: Kernel, endless: FaultServer
) -> None:
    ok(chat_kernel.run("%%chat --bg -o r\nWell?"))
    ok(chat_kernel.run(UNTIL.format("r.text")))

    chat_kernel.start("r.cancel()")

    assert updates_until(chat_kernel, "Stopped")[-1]["content"]["data"]["text/plain"] == (
        "It begins\n[Stopped: what follows is missing.]"
    )


def test_an_interrupt_ends_the_waiting_and_not_the_answer(chat_kernel: Kernel, chat: ScriptedChat) -> None:
    ok(chat_kernel.run("%%chat --bg -o r\nWell?"))
    answering = chat.next_question()

    for code in ("print('on')\nawait r", "print('on')\nimport time; time.sleep(600)"):
        waiting = chat_kernel.start(code)
        while chat_kernel.client.get_iopub_msg(timeout=PATIENCE_S)["msg_type"] != "stream":
            pass
        chat_kernel.interrupt()
        assert chat_kernel.finish(waiting).error_name in ("CancelledError", "KeyboardInterrupt")
    answering.say("Fine.")
    answering.end()

    assert ok(chat_kernel.run("print(await r)")).text == "Fine.\n"


def test_an_error_is_told_in_the_output_and_raised_by_await(chat_kernel: Kernel) -> None:
    with fault_server(answer(400, body={"error": {"message": "No."}})) as server:
        ok(chat_kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0"))
        chat_kernel.start("%%chat --bg -o r\nWell?")
        message = updates_until(chat_kernel, "No.")[-1]["content"]["data"]["text/plain"]
    awaited = [chat_kernel.run("await r") for _ in range(2)]

    assert [run.error_name for run in awaited] == ["UpstreamResponseError"] * 2
    assert ok(chat_kernel.run("print(r.error)")).text == f"{message}\n"
    assert "\n" not in message


def test_what_came_before_an_error_stands_above_it(chat_kernel: Kernel) -> None:
    asked_of(chat_kernel, broken("It begins"))

    shown = ok(chat_kernel.run("print(r.error, r.text, sep='\\n')")).text.splitlines()

    assert shown[0].startswith("The")
    assert shown[1] == "It begins"


def test_nobody_hears_of_an_error_that_nobody_awaits(tmp_path: Path) -> None:
    with running_kernel(tmp_path) as kernel, fault_server(unfinished("It begins")) as endless:
        ok(kernel.run(f"%load_ext ipy_gateway\n_ = %gateway {endless.url}"))
        ok(kernel.run("%chat --bg --url http://127.0.0.1:9 -o failed Well?"))
        ok(kernel.run(UNTIL.format("failed.done") + "\ndel failed\nimport gc; gc.collect()"))
        ok(kernel.run("%chat --bg -o r Well?"))
        endless.wait_for_requests(1)

        quiet = ok(kernel.run("import asyncio; await asyncio.sleep(0.2)"))
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=60)
        endless.wait_until_all_closed()
        fresh = kernel.run("'r' in globals()")

    assert quiet.outputs == []
    assert endless.open == 0
    assert fresh.text == "False"


@pytest.mark.parametrize("line", ["%unload_ext ipy_gateway", "%reload_ext ipy_gateway"])
def test_to_take_the_extension_away_hangs_up(chat_kernel: Kernel, endless: FaultServer, line: str) -> None:
    ok(chat_kernel.run("%%chat --bg -o r\nWell?"))
    endless.wait_for_requests(1)

    left = ok(chat_kernel.run(line))

    endless.wait_until_all_closed()
    assert endless.open == 0
    assert left.outputs == []
    assert ok(chat_kernel.run("print(r.done)")).text == "True\n"


# Conversations


def echo(request: RecordedRequest) -> Answer:
    """An answer that says how many messages came along."""
    return streamed(f"{len(json.loads(request.body)['messages'])}")


def test_without_a_name_it_knows_the_conversation_and_is_no_part_of_it(chat_kernel: Kernel) -> None:
    with fault_server(respond=echo) as server:
        ok(chat_kernel.run(f"_ = %gateway {server.url}"))
        ok(chat_kernel.run("%chat -s 'Be brief.' a?"))
        answers = ok(chat_kernel.run("b = %chat --bg b?\nc = %chat --bg --new c?\nprint(await b, await c)"))

    assert answers.text.splitlines()[-1] == "4 1"
    assert chat_kernel.run("%chat --history").text == "system: Be brief.\n\nuser: a?\n\nassistant: 2"


def test_with_a_name_it_is_a_turn_once_it_is_complete(chat_kernel: Kernel, chat: ScriptedChat) -> None:
    ok(chat_kernel.run("%%chat --bg -n talk -o r\na?"))
    answering = chat.next_question()

    refused = [chat_kernel.run(f"%chat -n talk {rest}") for rest in ("b?", "--bg b?", "--new", "--undo")]
    listed = ok(chat_kernel.run("%chat -n talk --history")).text
    answering.say("One.")
    answering.end()
    ok(chat_kernel.run("_ = await r"))

    told = "In the conversation 'talk' a question is being answered in the background."
    assert [told in run.error_text for run in refused] == [True] * 4
    assert listed == "Nothing has been said yet."
    assert chat_kernel.run("%chat -n talk --history").text == "user: a?\n\nassistant: One."


def test_a_turn_that_was_cancelled_leaves_its_conversation_free(
    chat_kernel: Kernel, endless: FaultServer
) -> None:
    ok(chat_kernel.run("r = %chat --bg -n talk a?\nr.cancel()\n" + UNTIL.format("r.done")))

    assert "talk" not in ok(chat_kernel.run("%chat --list")).text
    assert ok(chat_kernel.run("%chat -n talk --new -s 'Be brief.'")).text == "The conversation begins anew."


# Nobody watches


def test_headless_it_waits_and_shows_one_output(chat_kernel: Kernel) -> None:
    with fault_server(streamed("Fine.")) as server:
        ok(chat_kernel.run(f"_ = %gateway {server.url}"))
        run = ok(chat_kernel.run("%%chat --bg -o r\nWell?", allow_stdin=False))

    (output,) = run.outputs
    assert (output["data"]["text/plain"], output["transient"]) == ("Fine.", {})
    assert run.display_updates == 0
    assert ok(chat_kernel.run("print(r.done, await r)")).text == "True Fine.\n"


def test_headless_it_fails_as_any_cell(chat_kernel: Kernel) -> None:
    run = chat_kernel.run("%%chat --bg --url http://127.0.0.1:9\nWell?", allow_stdin=False)

    assert run.error_name == "UpstreamUnreachableError"


def test_a_terminal_is_told_once(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    with fault_server(streamed("Fine.")) as server:
        shell.run_line_magic("chat", f"--bg --url {server.url} -o r Well?")
        shell.run_cell("print(await r)")

    assert capsys.readouterr().out == "It is being answered; await what this returned.\nFine.\n"
