"""What is asked is sent as it is typed, and what is answered is shown as it came, whatever it looks like."""

from typing import Any

import pytest

from ..support.chat_stream import USAGE, broken, delta, finish, streamed
from ..support.fault_server import Answer, answer, completion, fault_server
from ..support.kernel import CellRun, Kernel


def ask(kernel: Kernel, cell: str, reply: Answer, *, magic: str = "%%chat") -> tuple[CellRun, Any]:
    """A cell's run, and the question as the server got it."""
    with fault_server(reply) as server:
        run = kernel.run(f"{magic} --url {server.url}\n{cell}")
    assert run.status == "ok", run.traceback
    return run, server.request.json["messages"][-1]["content"]


@pytest.mark.parametrize(
    "question",
    [
        "What does {} do in a format string?",
        "Explain print({'a': 1}) and f'{x!r}'.",
        r"What is \frac{a}{b} in $\sqrt{2}$ and $$x^2$$?",
        "Is $5 less than $10, and what is $HOME?",
        "What does %timeit do?\n%chat is text here\n!ls is, too",
        "  def f(x):\n      return {x: x}\n\nWhat is f(2)?",
        'What\'s "this", and `that`?\\n',
        "Wie heißt 東京 🗼 auf Deutsch?",
        "# No comment?",
    ],
)
def test_a_question_is_sent_as_it_is_typed(chat_kernel: Kernel, question: str) -> None:
    _, sent = ask(chat_kernel, question, streamed("Fine."))

    assert sent == question.strip()


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com/index.html",
        "https://example.com",
        ".",
        "..",
        "/etc/hostname",
        "print({'a': 1})",
        "It costs $5, not $10.",
        r"$\frac{1}{2}$",
        "{braces} {{and}} more",
        "<b>bold</b> & <script>alert(1)</script>",
        "%chat again",
        "0",
        "None",
    ],
)
def test_an_answer_is_shown_as_it_came(chat_kernel: Kernel, text: str) -> None:
    run, _ = ask(chat_kernel, "Well?", streamed(text))

    (output,) = run.outputs
    assert output["data"]["text/plain"] == text
    assert "<script>alert" not in output["data"]["text/html"]


@pytest.mark.parametrize(
    "chunks",
    [
        [{"choices": []}, "Fi", {"choices": []}, "ne."],
        [{"choices": [], "prompt_filter_results": []}, "Fine."],
        [delta(role="assistant"), "Fine.", delta("")],
        [{"choices": [{"index": 0, "delta": {"content": None}}]}, "Fine."],
        ["Fine.", finish(), USAGE],
        ["Fine.", {"choices": [], "usage": None}],
    ],
    ids=["empty choices", "filter results", "a role alone", "null", "usage at the end", "usage null"],
)
def test_chunks_without_text_do_no_harm(chat_kernel: Kernel, chunks: list[Any]) -> None:
    run, _ = ask(chat_kernel, "Well?", streamed(*chunks))

    assert run.text == "Fine."


def test_an_answer_without_usage_is_one(chat_kernel: Kernel) -> None:
    run, _ = ask(chat_kernel, "Well?", streamed("Fine."))

    assert run.outputs[0]["metadata"]["ipy_gateway"]["usage"] is None
    assert "tokens" not in run.outputs[0]["data"]["text/html"].rpartition("ipg-facts")[2]


def test_an_answer_in_one_piece_is_one(chat_kernel: Kernel) -> None:
    run, _ = ask(chat_kernel, "Well?", completion("Fine."))

    assert run.text == "Fine."


def status_of(kernel: Kernel, cell: str) -> str:
    while True:
        message = kernel.client.get_shell_msg(timeout=30)
        if message["parent_header"]["msg_id"] == cell:
            return str(message["content"]["status"])


@pytest.mark.parametrize("failure", [answer(400, body={"error": "No."}), broken("It begins")])
@pytest.mark.parametrize(
    "cell", ["%%chat --url URL\nWell?", "%chat --url URL Well?", "r = %chat --url URL Well?"]
)
def test_an_error_stops_run_all(chat_kernel: Kernel, failure: Answer, cell: str) -> None:
    with fault_server(failure) as server:
        code = cell.replace("URL", server.url)
        first = chat_kernel.start(code)
        second = chat_kernel.start("print('marched on')")
        statuses = {cell: status_of(chat_kernel, cell) for cell in (first, second)}

    assert statuses == {first: "error", second: "aborted"}
