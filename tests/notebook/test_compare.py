"""One question to several: all answers in one output, and none waits for another."""

import json
from collections.abc import Iterator

import pytest

from ..support.chat_stream import USAGE, streamed, unfinished
from ..support.fault_server import Answer, FaultServer, RecordedRequest, answer, fault_server
from ..support.kernel import CellRun, Kernel
from ..support.strict_html import StrictReader

PATIENCE_S = 30.0  # a bound for a hang
DEAD = "http://127.0.0.1:9"
MODELS = {"/v1/models": answer(body={"data": [{"id": "llama3:8b"}, {"id": "qwen3"}]})}


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    """A server with the models "a" and "b", asked by the kernel."""
    with fault_server(respond=named) as server:
        ok(chat_kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0"))
        yield server


def named(request: RecordedRequest) -> Answer:
    """An answer that says by whom it is, and how many messages came."""
    asked = json.loads(request.body)
    if asked.get("model") not in ("a", "b"):
        return answer(404, body={"error": {"message": f"The model {asked.get('model')} does not exist."}})
    return streamed(f"*{asked['model']}* {len(asked['messages'])} {asked.get('temperature')}", USAGE)


def ok(run: CellRun) -> CellRun:
    assert run.status == "ok", run.traceback
    return run


def test_two_answer_and_one_is_dead(chat_kernel: Kernel, server: FaultServer) -> None:
    with fault_server(streamed("Me, too.", USAGE)) as other:
        label = f"x@{other.url}"
        run = ok(chat_kernel.run(f"%%chat -o r -t 0 --compare a,{label},{DEAD}\nWho?"))

    (output,) = run.outputs
    html = output["data"]["text/html"]
    first, second, third = run.text.split("\n\n")
    assert first.startswith(f"a\n*a* 1 0.0\n(scripted · {server.url} · 7 tokens in, 3 out · ")
    assert second.startswith(f"{label}\nMe, too.\n(scripted · {other.url} · 7 tokens in, 3 out · ")
    assert third.startswith(f"{DEAD}\n[No server answers at {DEAD}")
    assert html.count('class="ipg-column"') == 3
    assert StrictReader(html).violations == []
    assert other.request.json["model"] == "x"
    kept = ok(chat_kernel.run("print([type(one).__name__ for one in r.values()], list(r))")).text
    assert kept == f"['Reply', 'Reply', 'UpstreamUnreachableError'] ['a', '{label}', '{DEAD}']\n"


def test_two_real_models_answer_and_a_dead_server_holds_up_none(
    chat_kernel: Kernel, text_server: str
) -> None:
    asked = f"local://engine,{text_server},{DEAD}"
    ok(chat_kernel.run(f"%%chat -o r -t 0 --max-tokens 8 --compare {asked}\nWhat is a decibel?"))

    kept = ok(chat_kernel.run("print([type(one).__name__ for one in r.values()])")).text
    texts = ok(
        chat_kernel.run(f"print(all(r[name].text for name in ('local://engine', '{text_server}')))")
    ).text
    assert kept == "['Reply', 'Reply', 'UpstreamUnreachableError']\n"
    assert texts == "True\n"


def test_a_model_that_nobody_knows_is_an_error_in_its_column(
    chat_kernel: Kernel, server: FaultServer
) -> None:
    run = ok(chat_kernel.run("%chat --compare a,nobody Who?"))

    assert run.text.startswith("a\n*a* 1 None\n")
    assert "\n\nnobody\n[" in run.text
    assert "The model nobody does not exist." in run.text


def test_where_all_fail_the_cell_fails_below_its_columns(chat_kernel: Kernel, server: FaultServer) -> None:
    run = chat_kernel.run(f"%chat -o r --compare nobody,{DEAD} Who?")

    assert run.error_text.startswith("None of the 2 that were asked has answered.")
    assert len(run.text.split("\n\n")) == 2
    assert ok(chat_kernel.run("print(len(r))")).text == "2\n"


def test_an_answer_is_seen_while_others_are_silent_and_a_stop_keeps_it(
    chat_kernel: Kernel, server: FaultServer
) -> None:
    with fault_server(unfinished("It begins")) as slow, fault_server(Answer(b"")) as silent:
        cell = chat_kernel.start(f"%%chat -o r --compare a,{slow.url},{silent.url}\nWho?")
        shown = ""
        while "*a* 1 None" not in shown or "It begins" not in shown:
            content = chat_kernel.client.get_iopub_msg(timeout=PATIENCE_S)["content"]
            shown = content.get("data", {}).get("text/plain", "")
        chat_kernel.interrupt()
        run = chat_kernel.finish(cell)
        slow.wait_until_all_closed()
        silent.wait_until_all_closed()

    last = shown_last(chat_kernel)
    assert run.error_name == "KeyboardInterrupt"
    assert (slow.open, silent.open) == (0, 0)
    assert last == [("Reply", "*a* 1 None", True), ("Reply", "It begins", False), ("Reply", "", False)]


def shown_last(kernel: Kernel) -> list[tuple[str, str, bool]]:
    """What `r` holds."""
    code = "print([(type(one).__name__, one.text, one.is_complete) for one in r.values()])"
    found: list[tuple[str, str, bool]] = eval(ok(kernel.run(code)).text)
    return found


def test_a_comparison_knows_the_conversation_and_is_no_part_of_it(
    chat_kernel: Kernel, server: FaultServer
) -> None:
    ok(chat_kernel.run("%chat -m a Who?"))

    known = ok(chat_kernel.run("%chat --compare a,b Who?")).text
    anew = ok(chat_kernel.run("%chat --new --compare a,b Who?")).text

    assert ("*a* 3 None" in known, "*b* 3 None" in known) == (True, True)
    assert ("*a* 1 None" in anew, "*b* 1 None" in anew) == (True, True)
    assert ok(chat_kernel.run("%chat --list")).text == "default: 1 question, the usual one"


def test_a_comparison_is_shown_again_where_it_is_looked_at(chat_kernel: Kernel, server: FaultServer) -> None:
    ok(chat_kernel.run("%chat -o r --compare a,nobody Who?"))

    (output,) = ok(chat_kernel.run("r")).outputs

    assert output["data"]["text/html"].count('class="ipg-column"') == 2


def test_headless_two_runs_show_the_same_bytes(chat_kernel: Kernel, server: FaultServer) -> None:
    cell = "%%chat --compare a,nobody,b\nWho?"

    first, second = (ok(chat_kernel.run(cell, allow_stdin=False)) for _ in range(2))

    assert first.outputs[0]["data"] == second.outputs[0]["data"]
    assert first.display_updates == 0


def test_an_address_that_is_none_asks_nobody(chat_kernel: Kernel, server: FaultServer) -> None:
    run = chat_kernel.run("%chat --compare a,b@ftp://x Who?")

    assert run.error_name == "ConfigurationError"
    assert server.requests == []


def test_placeholders_may_name_who_is_asked(chat_kernel: Kernel, server: FaultServer) -> None:
    run = ok(chat_kernel.run("models = 'a,b'\n%chat --compare {{models}} Who?"))

    assert "*b* 1 None" in run.text
