"""A question mark behind %chat: help where nothing stands in between, a question otherwise."""

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ..support.chat_stream import streamed
from ..support.fault_server import FaultServer, fault_server
from ..support.kernel import Kernel


def asked(question: str, *, magic: str = "chat") -> str:
    return f"get_ipython().run_line_magic({magic!r}, {question!r})\n"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("%chat what?", asked("what?")),
        ("%gwchat what?", asked("what?", magic="gwchat")),
        ("%chat what??", asked("what??")),
        ("%chat what's that?", asked("what's that?")),
        ('%chat what is "that?', asked('what is "that?')),
        ("%chat -t 0 what? ", asked("-t 0 what?")),
        ("%chat what? No. Why?", asked("what? No. Why?")),
        ("%chat who (he?", asked("who (he?")),
        ("x = %chat what?", f"x = {asked('what?')}"),
        ("x = %chat what's that?", f"x = {asked(chr(119) + 'hat' + chr(39) + 's that?')}"),
        ("x.y = %chat what?", f"x.y = {asked('what?')}"),
        ("a, b = %chat what?", f"a, b = {asked('what?')}"),
        ("x = %gwchat what?", f"x = {asked('what?', magic='gwchat')}"),
        ("%chat one?\n%chat two?\n", asked("one?") + asked("two?")),
        (
            "x = %chat one?\ny = %chat two?\n%chat three?\n",
            f"x = {asked('one?')}y = {asked('two?')}{asked('three?')}",
        ),
        ("for i in x:\n    %chat what?\n", f"for i in x:\n    {asked('what?')}"),
        ("for i in x:\n    y = %chat what?\n", f"for i in x:\n    y = {asked('what?')}"),
        (
            "def f():\n    if x:\n        r = %chat a?\n        return r\nf()\n",
            f"def f():\n    if x:\n        r = {asked('a?')}        return r\nf()\n",
        ),
        ("print(1)\n%chat what?\nprint(2)\n", f"print(1)\n{asked('what?')}print(2)\n"),
        ("%chat no question", asked("no question")),
    ],
)
def test_it_is_a_question(shell: InteractiveShell, cell: str, code: str) -> None:
    assert shell.transform_cell(cell) == (code if code.endswith("\n") else f"{code}\n")


@pytest.mark.parametrize("cell", ["%chat?", "%chat??", "?%chat", "%gwchat?", "%%chat?", "x = %chat\n%chat?"])
def test_it_is_a_wish_for_help(shell: InteractiveShell, cell: str) -> None:
    assert "run_line_magic('pinfo" in shell.transform_cell(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "x = '%chat what?'",
        "x = '''\n%chat what?\n'''",
        "x = 5 %chat",
        "y = x %chat # what?",
        "print('= %chat what?')",
        "# %chat what?",
        "f(a=1)  # = %chat what?",
        "x = [\n    5\n    %chat # what?\n]",
        "x = 'a' if y else '?'",
        "len?",
        "x = %time 1 # what?",
        "%time what?",
        "!ls what?",
    ],
)
def test_other_code_is_as_it_was(shell: InteractiveShell, cell: str) -> None:
    with_chat = shell.transform_cell(cell)

    shell.run_line_magic("unload_ext", "ipy_gateway")

    assert with_chat == shell.transform_cell(cell)
    shell.run_line_magic("load_ext", "ipy_gateway")


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    with fault_server(streamed("Fine.")) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        yield server


LOOP = """
for word in ("one", "two"):
    %chat --new Is it {{word}}?
    r = %chat --new What's {{word}}?
print(r)
"""


def test_questions_in_a_loop_are_asked(chat_kernel: Kernel, server: FaultServer) -> None:
    run = chat_kernel.run(LOOP)

    assert run.status == "ok", run.traceback
    assert [request.json["messages"][0]["content"] for request in server.requests] == [
        "Is it one?",
        "What's one?",
        "Is it two?",
        "What's two?",
    ]
    assert run.outputs[-1]["text"] == "Fine.\n"


def test_help_is_shown(chat_kernel: Kernel) -> None:
    reply = chat_kernel.client.execute("%chat?", reply=True, timeout=30)["content"]

    (page,) = reply["payload"]
    assert "the conversation goes on from cell to cell" in page["data"]["text/plain"]
    assert "--max-tokens COUNT" in page["data"]["text/plain"]
