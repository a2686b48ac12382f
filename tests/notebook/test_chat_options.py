"""What the options of %chat and %%chat do to the request, and to what comes of it."""

from typing import Any

import pytest

from ..support.chat_stream import streamed, unfinished
from ..support.fault_server import fault_server
from ..support.kernel import Kernel

WHAT_IS_ALWAYS_SENT = {"messages", "stream", "stream_options"}


def sent(kernel: Kernel, options: str, *, question: str = "Who?") -> dict[str, Any]:
    """The request that a cell with these options makes."""
    with fault_server(streamed("Me.")) as server:
        run = kernel.run(f"%%chat --url {server.url} {options}\n{question}")
    assert run.status == "ok", run.traceback
    body: dict[str, Any] = server.request.json
    return body


def test_what_is_not_given_is_not_sent(chat_kernel: Kernel) -> None:
    body = sent(chat_kernel, "")

    assert set(body) == WHAT_IS_ALWAYS_SENT
    assert body["messages"] == [{"role": "user", "content": "Who?"}]


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ("-m tiny", {"model": "tiny"}),
        ("--model 'tiny one'", {"model": "tiny one"}),
        ("-t 0", {"temperature": 0}),
        ("-t 0.7", {"temperature": 0.7}),
        ("--max-tokens 5", {"max_tokens": 5}),
        ("--seed 42", {"seed": 42}),
        ("-p top_p=0.9 -p user=me", {"top_p": 0.9, "user": "me"}),
        ('-p stop=["a", "b"]', {"stop": ["a", "b"]}),
        ("-p cache_prompt=false", {"cache_prompt": False}),
        ("-p 'stop=the end'", {"stop": "the end"}),
        (
            '-p chat_template_kwargs={"enable_thinking": false}',
            {"chat_template_kwargs": {"enable_thinking": False}},
        ),
        (
            "-m tiny -t 0 --max-tokens 5 --seed 1 -p top_k=3",
            {"model": "tiny", "temperature": 0, "max_tokens": 5, "seed": 1, "top_k": 3},
        ),
    ],
)
def test_what_is_given_is_sent(chat_kernel: Kernel, options: str, fields: dict[str, Any]) -> None:
    body = sent(chat_kernel, options)

    assert {name: body[name] for name in set(body) - WHAT_IS_ALWAYS_SENT} == fields


def test_a_system_prompt_stands_first(chat_kernel: Kernel) -> None:
    body = sent(chat_kernel, "-s 'Answer in French.'")

    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["messages"][0]["content"] == "Answer in French."


def test_another_server_is_not_asked_for_the_models_of_the_usual_one(chat_kernel: Kernel) -> None:
    chat_kernel.run("_ = %gateway set text_model=usual audio_model=ear")

    body = sent(chat_kernel, "")

    chat_kernel.run("_ = %gateway set text_model=None audio_model=None")
    assert "model" not in body


def test_the_usual_server_is_asked_for_the_configured_model(chat_kernel: Kernel) -> None:
    with fault_server(streamed("Me.")) as server:
        chat_kernel.run(f"_ = %gateway set text_base_url={server.url} text_model=usual")
        chat_kernel.run("%chat Who?")
        chat_kernel.run("%chat -m other Who?")
        chat_kernel.run("_ = %gateway set text_model=None")

    assert [request.json["model"] for request in server.requests] == ["usual", "other"]


def test_a_timeout_ends_an_answer_and_what_came_is_shown(chat_kernel: Kernel) -> None:
    with fault_server(unfinished("It be", "gins")) as server:
        run = chat_kernel.run(f"%%chat --url {server.url} --timeout 0.5\nTell me.")

    assert run.error_name == "UpstreamTimeoutError"
    assert "".join(run.traceback).startswith(
        "UpstreamTimeoutError: The answer was not complete within 0.5 s.Hint: Give it longer with --timeout"
    )
    assert run.text == "It begins\n[Stopped: what follows is missing.]"


@pytest.mark.parametrize("timeout", ["0", "-1"])
def test_a_timeout_that_is_none_asks_nobody(chat_kernel: Kernel, timeout: str) -> None:
    with fault_server(streamed("Me.")) as server:
        run = chat_kernel.run(f"%%chat --url {server.url} --timeout={timeout}\nWho?")

    assert run.error_name == "ConfigurationError"
    assert "timeout_s" in run.error_text
    assert server.requests == []


def test_a_question_on_the_line_is_sent_as_it_is_typed(chat_kernel: Kernel) -> None:
    with fault_server(streamed("Me.")) as server:
        run = chat_kernel.run(f'%chat --url {server.url} Who\'s "there" -t 0 {{x}} \\n $PATH?')

    assert run.status == "ok", run.traceback
    assert server.request.json["messages"][0]["content"] == 'Who\'s "there" -t 0 {x} \\n $PATH?'


@pytest.mark.parametrize(
    "cell",
    [
        "%%chat --url URL -o reply\nWho?",
        "%%chat reply << --url URL\nWho?",
        "%%chat --url URL reply <<\nWho?",
        "%chat --url URL -o reply Who?",
        "%chat reply << --url URL Who?",
        "reply = %chat --url URL Who?",
        "reply = get_ipython().run_cell_magic('chat', '--url URL', 'Who?')",
    ],
)
def test_the_reply_goes_into_a_variable(chat_kernel: Kernel, cell: str) -> None:
    chat_kernel.run("reply = None")

    with fault_server(streamed("Me.")) as server:
        run = chat_kernel.run(cell.replace("URL", server.url))

    assert len(run.outputs) == 1
    assert chat_kernel.run("print(type(reply).__name__, str(reply), reply.message)").text == (
        "Reply Me. {'role': 'assistant', 'content': 'Me.'}\n"
    )


def test_a_partial_reply_is_in_the_variable_too(chat_kernel: Kernel) -> None:
    with fault_server(unfinished("It begins")) as server:
        chat_kernel.run(f"%%chat --url {server.url} -o partial --timeout 0.5\nTell me.")

    assert chat_kernel.run("print(partial.is_complete, partial)").text == "False It begins\n"


def test_real_answers_follow_the_options(chat_kernel: Kernel, text_server: str) -> None:
    chat_kernel.run(f"_ = %gateway {text_server}")
    line = "%chat -t 0 --seed 1 --max-tokens 4 -p top_k=1 -n {} -o {} Count to a hundred."

    for name in ("first", "second"):
        run = chat_kernel.run(line.format(name, name))
        assert run.status == "ok", run.traceback

    shown = chat_kernel.run(
        "print(first.text == second.text, first.cut_off, first.usage.completion_tokens, first.model)"
    )
    assert shown.text == "True True 4 smollm2\n"
