"""What a chat shows, in the end and while it goes on, to who watches and to who does not."""

from collections.abc import Iterator
from typing import Any

import pytest

from ..support.chat_stream import USAGE, broken, delta, streamed, unfinished
from ..support.fault_server import Answer, FaultServer, answer, fault_server
from ..support.kernel import CellRun, Kernel
from ..support.strict_html import StrictReader

LONG = [f"Paragraph {number} goes on and on, and it says what it says. " * 5 + "\n\n" for number in range(40)]


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    with fault_server(streamed("*Fine.*", USAGE)) as server:
        chat_kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0")
        yield server


def chat(kernel: Kernel, reply: Answer, *, cell: str = "%%chat\nWell?", allow_stdin: bool = True) -> CellRun:
    """Ask a server that gives this answer."""
    with fault_server(reply) as server:
        kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0")
        return kernel.run(cell, allow_stdin=allow_stdin)


def data_of(run: CellRun) -> dict[str, str]:
    (output,) = run.outputs
    data: dict[str, str] = output["data"]
    return data


def facts_of(run: CellRun) -> dict[str, Any]:
    (output,) = run.outputs
    facts: dict[str, Any] = output["metadata"]["ipy_gateway"]
    return facts


def test_an_answer_is_text_markdown_and_html_with_its_facts(chat_kernel: Kernel, server: FaultServer) -> None:
    run = chat_kernel.run("%%chat\nWell?")

    data, facts = data_of(run), facts_of(run)
    assert (data["text/plain"], data["text/markdown"]) == ("*Fine.*", "*Fine.*")
    assert "<p><em>Fine.</em></p>" in data["text/html"]
    assert StrictReader(data["text/html"]).violations == []
    assert f"scripted · {server.url} · 7 tokens in, 3 out · " in data["text/html"]
    assert (facts["model"], facts["finish_reason"], facts["answer_id"]) == ("scripted", "stop", "answer-1")
    assert facts["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    assert 0 < facts["first_token_s"] <= facts["seconds"]


@pytest.mark.parametrize(
    "reply",
    [
        streamed(delta(reasoning_content="Let me *think*."), "Fine."),
        streamed(delta(reasoning="Let me *think*."), "Fine."),
        streamed("<think>Let me *think*.</think>", "Fine."),
    ],
    ids=["reasoning_content", "reasoning", "tags"],
)
def test_reasoning_is_folded_away(chat_kernel: Kernel, reply: Answer) -> None:
    data = data_of(chat(chat_kernel, reply))

    assert data["text/plain"] == "Fine."
    assert '<details class="ipg-reasoning"><summary>Reasoning</summary>' in data["text/html"]
    assert "<em>think</em>" in data["text/html"]


def test_an_answer_that_was_cut_off_says_so(chat_kernel: Kernel) -> None:
    run = chat(chat_kernel, streamed("It begins", finish_reason="length"))

    assert data_of(run)["text/plain"].endswith(
        "[Cut off at the server's length limit: what follows is missing.]"
    )
    assert facts_of(run)["cut_off"] is True


@pytest.mark.parametrize("cell", ["%%chat\nWell?", "%chat Well?", "r = %chat Well?"])
def test_what_came_before_an_end_that_was_none_stays_and_is_marked(chat_kernel: Kernel, cell: str) -> None:
    run = chat(chat_kernel, broken("It be", "gins"), cell=cell)

    assert run.status == "error"
    assert data_of(run)["text/plain"] == "It begins\n[Stopped: what follows is missing.]"
    assert facts_of(run)["partial"] is True


def test_what_came_before_an_interrupt_stays_and_is_marked(chat_kernel: Kernel, server: FaultServer) -> None:
    with fault_server(unfinished("It begins, and then")) as silent:
        chat_kernel.run(f"_ = %gateway {silent.url}")
        cell = chat_kernel.start("%%chat -o partial\nTell me.")
        while "It begins" not in chat_kernel.client.get_iopub_msg(timeout=30)["content"].get("data", {}).get(
            "text/plain", ""
        ):
            pass
        chat_kernel.interrupt()
        run = chat_kernel.finish(cell)

    assert run.error_name == "KeyboardInterrupt"
    assert chat_kernel.run("partial").text == "It begins, and then\n[Stopped: what follows is missing.]"


def test_an_error_before_the_answer_leaves_no_answer(chat_kernel: Kernel) -> None:
    run = chat(chat_kernel, answer(400, body={"error": {"message": "No."}}))

    assert run.error_name == "UpstreamResponseError"
    assert run.outputs == []


# Nobody watches


@pytest.mark.parametrize("cell", ["%%chat --new\nWell?", "%chat --new Well?", "r = %chat --new Well?"])
def test_headless_there_is_one_output_and_no_update(chat_kernel: Kernel, cell: str) -> None:
    run = chat(chat_kernel, streamed(*LONG), cell=cell, allow_stdin=False)

    assert data_of(run)["text/plain"] == "".join(LONG).strip()
    assert run.display_updates == 0
    assert run.outputs[0]["transient"] == {}


def test_headless_two_runs_show_the_same_bytes(chat_kernel: Kernel, text_server: str) -> None:
    chat_kernel.run(f"_ = %gateway {text_server}")
    cell = "%%chat --new -t 0 --seed 1 --max-tokens 12\nName three cities."

    first, second = (chat_kernel.run(cell, allow_stdin=False) for _ in range(2))

    assert first.status == "ok", first.traceback
    assert data_of(first) == data_of(second)


def test_headless_a_broken_answer_is_one_output_too(chat_kernel: Kernel) -> None:
    run = chat(chat_kernel, broken("It begins"), allow_stdin=False)

    assert run.status == "error"
    assert data_of(run)["text/plain"] == "It begins\n[Stopped: what follows is missing.]"


# What else the cell shows


def test_a_long_answer_is_one_output_in_the_end(chat_kernel: Kernel) -> None:
    with fault_server(streamed(*LONG)) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        run = chat_kernel.run("print('before')\n%chat Well?\nprint('after')")

    before, shown, after = run.outputs
    assert (before["text"], after["text"]) == ("before\n", "after\n")
    assert shown["data"]["text/plain"] == "".join(LONG).strip()


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\nprint('before')\nget_ipython().run_cell_magic('chat', '', 'Well?')",
        "print('before')\nget_ipython().run_cell_magic('chat', '', 'Well?')",
    ],
)
def test_what_was_printed_before_a_chat_in_code_stays(
    chat_kernel: Kernel, server: FaultServer, cell: str
) -> None:
    with fault_server(unfinished(*LONG)) as slow:
        chat_kernel.run(f"_ = %gateway {slow.url}\n_ = %gateway set between_tokens_timeout_s=0.6")
        run = chat_kernel.run(cell)
        chat_kernel.run("_ = %gateway set between_tokens_timeout_s=60")

    assert run.cleared_outputs == 0
    assert run.outputs[0]["text"] == "before\n"


def test_a_reply_is_shown_again_in_a_later_cell(chat_kernel: Kernel, server: FaultServer) -> None:
    first = chat_kernel.run("reply = %chat Well?\nreply")

    again, inside = chat_kernel.run("reply"), chat_kernel.run("[reply]")

    assert data_of(first)["text/plain"] == data_of(again)["text/plain"] == "*Fine.*"
    assert "ipg-facts" in data_of(again)["text/html"]
    assert inside.text == "[<Reply from scripted: '*Fine.*'>]"


def test_a_chat_at_the_end_of_a_cell_is_not_repeated_by_out(chat_kernel: Kernel, server: FaultServer) -> None:
    run = chat_kernel.run("1 + 1\n%chat Well?")

    assert len(run.outputs) == 1
