"""Tab on a line of %chat."""

from collections.abc import Iterator

import pytest

from ..support.fault_server import Answer, FaultServer, answer, fault_server
from ..support.kernel import Kernel

MODELS = {
    "/v1/models": answer(body={"data": [{"id": "llama3:8b"}, {"id": "org/tiny"}, {"id": "llama3:70b"}]})
}


def completed(kernel: Kernel, line: str) -> list[str]:
    """The lines that Tab at the end of this one offers."""
    reply = kernel.client.complete(line, len(line), reply=True, timeout=30)["content"]
    return [line[: reply["cursor_start"]] + match for match in reply["matches"]]


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    with fault_server(answer(500), by_path=MODELS) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        yield server


@pytest.mark.parametrize(
    "line",
    [
        "%chat -m ",
        "%%chat -m ",
        "%gwchat --model ",
        "%%gwchat -t 0 --model ",
        "    %chat -m ",
        "%chat -m=",
        "r = %chat -m ",
    ],
)
def test_behind_the_model_option_stand_the_models_of_the_server(
    chat_kernel: Kernel, server: FaultServer, line: str
) -> None:
    assert completed(chat_kernel, line) == [
        f"{line}{name}" for name in ("llama3:8b", "org/tiny", "llama3:70b")
    ]


@pytest.mark.parametrize(
    ("line", "matches"),
    [
        ("%chat -m ll", ["%chat -m llama3:8b", "%chat -m llama3:70b"]),
        ("%chat -m llama3:", ["%chat -m llama3:8b", "%chat -m llama3:70b"]),
        ("%chat -m llama3:7", ["%chat -m llama3:70b"]),
        ("%chat -m org/t", ["%chat -m org/tiny"]),
        ("%chat --model=llama3:8", ["%chat --model=llama3:8b"]),
        ("%chat --compare org", ["%chat --compare org/tiny"]),
        ("%%chat --compare org/tiny,llama3:8", ["%%chat --compare org/tiny,llama3:8b"]),
        ("%chat --compare=llama3:7", ["%chat --compare=llama3:70b"]),
        ("%chat --compare llama3:8b@http://x,org", ["%chat --compare llama3:8b@http://x,org/tiny"]),
    ],
)
def test_a_model_is_completed(
    chat_kernel: Kernel, server: FaultServer, line: str, matches: list[str]
) -> None:
    assert completed(chat_kernel, line) == matches


def test_the_server_is_asked_once(chat_kernel: Kernel, server: FaultServer) -> None:
    for line in ("%chat -m ", "%chat -m l", "%%chat -m o"):
        completed(chat_kernel, line)

    assert len(server.requests) == 1


def test_a_new_server_is_asked_anew(chat_kernel: Kernel, server: FaultServer) -> None:
    completed(chat_kernel, "%chat -m ")

    with fault_server(answer(body={"data": [{"id": "other"}]})) as other:
        chat_kernel.run(f"_ = %gateway {other.url}")
        assert completed(chat_kernel, "%chat -m ") == ["%chat -m other"]


@pytest.mark.parametrize(
    ("line", "matches"),
    [
        ("%chat --t", ["%chat --temperature", "%chat --timeout"]),
        ("%%chat --t", ["%%chat --temperature", "%%chat --timeout"]),
        ("%chat -m tiny --hi", ["%chat -m tiny --history"]),
        ("%chat --un", ["%chat --undo"]),
    ],
)
def test_options_are_completed(chat_kernel: Kernel, line: str, matches: list[str]) -> None:
    assert completed(chat_kernel, line) == matches


def test_all_options_stand_behind_the_magic(chat_kernel: Kernel) -> None:
    offered = completed(chat_kernel, "%%chat ")

    assert {"%%chat -m", "%%chat --system", "%%chat --new"} <= set(offered)
    assert "%%chat --history" not in offered  # asks nothing, so that a cell would be left over


def test_a_variable_in_a_question_is_completed_as_ever(chat_kernel: Kernel) -> None:
    chat_kernel.run("temperatures = [1]")

    assert "%chat What is in {{temperatures" in completed(chat_kernel, "%chat What is in {{temper")
    assert "%chat What is in --temperature" not in completed(chat_kernel, "%chat What is in ")


@pytest.mark.parametrize(
    "line", ["%time --t", "x = 5 # %chat --t", "x = '%chat --t", "%chatter --t", "chat = --t"]
)
def test_what_is_no_chat_is_completed_as_ever(chat_kernel: Kernel, line: str) -> None:
    assert not [match for match in completed(chat_kernel, line) if match.endswith("timeout")]


def test_options_stand_in_the_first_line_of_a_cell(chat_kernel: Kernel) -> None:
    cell = "%%chat --te\nWhat is --te"

    at_the_line = chat_kernel.client.complete(cell, 11, reply=True, timeout=30)["content"]

    assert at_the_line["matches"] == ["--temperature"]
    assert not [match for match in completed(chat_kernel, cell) if match.endswith("temperature")]


def test_the_chat_of_others_has_no_options_of_ours(chat_kernel: Kernel) -> None:
    chat_kernel.run(
        "from IPython.core.magic import register_cell_magic\n@register_cell_magic\ndef chat(line, cell): pass"
    )

    assert completed(chat_kernel, "%%gwchat --te") == ["%%gwchat --temperature"]
    assert not [match for match in completed(chat_kernel, "%%chat --te") if match.endswith("temperature")]

    chat_kernel.run("%unload_ext ipy_gateway\ndel get_ipython().magics_manager.magics['cell']['chat']")
    assert chat_kernel.run("%load_ext ipy_gateway").status == "ok"


@pytest.mark.parametrize(
    "silent", [answer(500), answer(404), Answer(b"")], ids=["error", "no list", "silence"]
)
def test_a_server_that_gives_no_list_gives_no_models(chat_kernel: Kernel, silent: Answer) -> None:
    with fault_server(silent) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")

        offered = [completed(chat_kernel, "%chat -m zz") for _ in range(3)]

    assert offered == [[], [], []]  # and somebody else's words for zz, of which there are none
    assert len(server.requests) == 1


def test_a_silent_server_hides_no_models_of_another(chat_kernel: Kernel, server: FaultServer) -> None:
    with fault_server(Answer(b"")) as silent:
        chat_kernel.run(f"_ = %gateway {silent.url} {server.url}")

        assert completed(chat_kernel, "%chat -m org") == ["%chat -m org/tiny"]
