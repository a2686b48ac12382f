"""Conversations go on from cell to cell; what fails leaves no trace in them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.chat_stream import broken, delta, streamed, unfinished
from ..support.fault_server import Answer, FaultServer, answer, fault_server
from ..support.kernel import CellRun, Kernel
from ..support.llama import llama_server

ANSWERS = ("One.", "Two.", "Three.", "Four.")
CALL = {"index": 0, "id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    """A server that counts, asked by the kernel."""
    with fault_server(*map(streamed, ANSWERS)) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        yield server


def said(server: FaultServer) -> list[str]:
    """What the messages of the last request say."""
    return [message["content"] for message in server.requests[-1].json["messages"]]


def ok(run: CellRun) -> CellRun:
    assert run.status == "ok", run.traceback
    return run


def history(kernel: Kernel) -> str:
    return ok(kernel.run("%chat --history")).text


def test_a_conversation_goes_on_from_cell_to_cell(chat_kernel: Kernel, server: FaultServer) -> None:
    ok(chat_kernel.run("%%chat -s 'Be brief.'\na?"))
    ok(chat_kernel.run("%chat b?"))
    ok(chat_kernel.run("_ = %chat c?"))

    assert said(server) == ["Be brief.", "a?", "One.", "b?", "Two.", "c?"]


def test_new_begins_anew(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%chat -s 'Be brief.' a?")

    ok(chat_kernel.run("%chat --new b?"))
    assert said(server) == ["b?"]

    ok(chat_kernel.run("%chat c?"))
    assert said(server) == ["b?", "Two.", "c?"]


def test_new_without_a_question_asks_nobody(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%chat a?")

    run = ok(chat_kernel.run("%chat --new"))

    assert run.text == "The conversation begins anew."
    assert len(server.requests) == 1
    assert history(chat_kernel) == "Nothing has been said yet."


def test_new_without_a_question_takes_a_system_prompt(chat_kernel: Kernel, server: FaultServer) -> None:
    ok(chat_kernel.run("%chat --new -s 'Be brief.'"))

    chat_kernel.run("%chat a?")

    assert said(server) == ["Be brief.", "a?"]


def test_new_without_a_question_takes_no_fields_of_a_request(chat_kernel: Kernel) -> None:
    run = chat_kernel.run("%chat --new -t 0")

    assert run.error_text.startswith("--new asks nothing, so that 'temperature' has no meaning.")


def test_names_keep_conversations_apart(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%chat -n one a?")
    chat_kernel.run("%chat -n two b?")

    ok(chat_kernel.run("%chat -n one c?"))

    assert said(server) == ["a?", "One.", "c?"]
    assert ok(chat_kernel.run("%chat --list")).text == "one: 2 questions\ntwo: 1 question"


def test_history_shows_who_said_what(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%chat -s 'Be brief.' a?")

    assert history(chat_kernel) == "system: Be brief.\n\nuser: a?\n\nassistant: One."


def test_undo_takes_back_the_last_turn(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%chat a?")
    chat_kernel.run("%chat b?")

    assert ok(chat_kernel.run("%chat --undo")).text == "Taken back; 2 messages left."

    chat_kernel.run("%chat c?")
    assert said(server) == ["a?", "One.", "c?"]


def test_undo_of_nothing_is_an_error(chat_kernel: Kernel) -> None:
    assert chat_kernel.run("%chat --undo").error_name == "InvalidRequestError"


def test_a_saved_conversation_is_loaded_again(
    chat_kernel: Kernel, server: FaultServer, tmp_path: Path
) -> None:
    file = tmp_path / "my talk.json"
    chat_kernel.run("%chat -s 'Be brief.' a?")

    saved = ok(chat_kernel.run(f"%chat --save '{file}'"))
    loaded = ok(chat_kernel.run(f"file = {str(file)!r}\n%chat -n later --load {{{{file}}}}"))
    chat_kernel.run("%chat -n later b?")

    assert saved.text == f"Saved 3 messages in {str(file)!r}."
    assert loaded.text == f"Loaded 3 messages from {str(file)!r}."
    assert json.loads(file.read_text("utf-8"))[0] == {"role": "system", "content": "Be brief."}
    assert said(server) == ["Be brief.", "a?", "One.", "b?"]


def test_a_file_that_is_none_leaves_the_conversation(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%chat a?")

    assert chat_kernel.run("%chat --load nothing.json").error_name == "InvalidRequestError"

    assert history(chat_kernel) == "user: a?\n\nassistant: One."


@pytest.mark.parametrize("line", ["--history", "--undo", "--load nothing.json", "--save nowhere/x.json"])
def test_looking_for_a_conversation_does_not_make_one(chat_kernel: Kernel, line: str) -> None:
    chat_kernel.run(f"%chat -n tpyo {line}")

    assert "tpyo" not in chat_kernel.run("%chat --list").text


# What fails


@pytest.mark.parametrize(
    "failure",
    [answer(400, body={"error": {"message": "No."}}), broken("It be", "gins")],
    ids=["an error", "a broken stream"],
)
@pytest.mark.parametrize("options", ["", "--new", "--new -s 'Be long.'", "-n other"])
def test_a_turn_that_fails_leaves_no_trace(chat_kernel: Kernel, failure: Answer, options: str) -> None:
    with fault_server(streamed("One."), failure, streamed("Three.")) as server:
        chat_kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0")
        ok(chat_kernel.run("%chat -s 'Be brief.' a?"))

        failed = chat_kernel.run(f"%chat {options} b?")
        ok(chat_kernel.run("%chat c?"))

    assert failed.status == "error"
    assert said(server) == ["Be brief.", "a?", "One.", "c?"]
    assert chat_kernel.run("%chat --list").text == "default: 2 questions, the usual one"


def test_an_interrupted_turn_leaves_no_trace(chat_kernel: Kernel) -> None:
    with fault_server(streamed("One."), unfinished("It begins"), streamed("Three.")) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        ok(chat_kernel.run("%chat a?"))

        cell = chat_kernel.start("%chat --new b?")
        server.wait_for_requests(2)
        chat_kernel.interrupt()
        stopped = chat_kernel.finish(cell)
        ok(chat_kernel.run("%chat c?"))

    assert stopped.error_name == "KeyboardInterrupt"
    assert said(server) == ["a?", "One.", "c?"]


@pytest.mark.parametrize(
    ("chunks", "notice"),
    [
        ([delta(tool_calls=[CALL])], "the model calls weather, and no tools are run here"),
        (["I look. ", delta(tool_calls=[CALL])], "the model calls weather, and no tools are run here"),
        ([delta(reasoning_content="Hm.")], "the answer has no text"),
    ],
    ids=["calls", "text and calls", "thoughts alone"],
)
def test_an_answer_that_can_be_no_history_is_not_kept(
    chat_kernel: Kernel, chunks: list[Any], notice: str
) -> None:
    with fault_server(streamed(*chunks), streamed("Two.")) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        run = ok(chat_kernel.run("%chat a?"))
        ok(chat_kernel.run("%chat b?"))

    assert f"[Not kept in the conversation: {notice}.]" in run.text
    assert said(server) == ["b?"]


# What does not fit


def test_what_is_too_long_is_left_out_and_told(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("_ = %gateway set history_tokens=120")
    chat_kernel.run(f"%chat {'a ' * 50}")
    chat_kernel.run("%chat b?")

    run = ok(chat_kernel.run(f"%chat {'c ' * 50}"))

    chat_kernel.run("_ = %gateway set history_tokens=8000")
    assert said(server)[:2] == ["b?", "Two."]
    assert (
        run.text
        == "Three.\n[2 earlier messages were left out: the conversation is longer than what is sent.]"
    )


def test_what_a_real_server_finds_too_long_is_asked_once_more(chat_kernel: Kernel, chat_model: Path) -> None:
    story = "There was once a telescope on a mountain, and it saw the stars. " * 9
    with llama_server(chat_model, name="tiny", context_tokens=256) as url:
        chat_kernel.run(f"_ = %gateway {url}")
        ok(chat_kernel.run(f"%chat -t 0 --max-tokens 8 {story} What saw the stars?"))

        run = ok(chat_kernel.run(f"%chat -t 0 --max-tokens 8 {story} Where was it?"))

    assert run.text.endswith(
        "[2 earlier messages were left out: the conversation is longer than what is sent.]"
    )
    assert "telescope" in history(chat_kernel).partition("Where was it?")[0]


def test_a_question_that_is_too_long_by_itself_is_asked_once(chat_kernel: Kernel) -> None:
    message = "request (600 tokens) exceeds the available context size (512 tokens)"
    error = {"code": 400, "message": message, "type": "exceed_context_size_error", "n_ctx": 512}
    with fault_server(answer(400, body={"error": error})) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")

        run = chat_kernel.run("%chat a?")

    assert run.error_name == "UpstreamResponseError"
    assert len(server.requests) == 1
