"""%%chat --as: answers as objects of classes from the notebook."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.chat_stream import streamed
from ..support.fault_server import FaultServer, fault_server
from ..support.kernel import CellRun, Kernel
from ..support.strict_html import StrictReader

ADA = '{"name": "<b>Ada</b>", "age": 36}'
SETUP = """
import pydantic
class Person(pydantic.BaseModel):
    name: str
    age: int
"""


@pytest.fixture
def kernel(chat_kernel: Kernel) -> Kernel:
    ready = chat_kernel.run(SETUP)
    assert ready.status == "ok", ready.traceback
    return chat_kernel


@pytest.fixture
def server(kernel: Kernel) -> Iterator[FaultServer]:
    """A server that says what Ada is, whom the kernel asks."""
    with fault_server(streamed(ADA)) as server:
        kernel.run(f"_ = %gateway {server.url}")
        yield server


def data_of(run: CellRun) -> dict[str, Any]:
    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    data: dict[str, Any] = output["data"]
    return data


def test_the_answer_is_an_object_in_a_variable(kernel: Kernel, server: FaultServer) -> None:
    data = data_of(kernel.run("%%chat --as Person -o p\nWho?"))

    assert kernel.run("print(type(p).__name__, p.age)").text == "Person 36\n"
    assert json.loads(data["text/plain"]) == {"name": "<b>Ada</b>", "age": 36}
    assert "&lt;b&gt;Ada&lt;/b&gt;" in data["text/html"]
    assert StrictReader(data["text/html"]).violations == []


def test_a_line_gives_the_object_and_shows_it_once(kernel: Kernel, server: FaultServer) -> None:
    data_of(kernel.run("%chat --as Person Who?"))
    data_of(kernel.run("p2 = %chat --as Person Who?"))

    assert kernel.run("print(p2.name, Out[max(Out)] == p2)").text == "<b>Ada</b> True\n"


def test_the_conversation_keeps_question_and_json(kernel: Kernel, server: FaultServer) -> None:
    server.script[:] = [streamed(f"It is ```json\n{ADA}\n```."), streamed("Well.")]

    kernel.run("%%chat --as Person\nWho?")
    kernel.run("%%chat\nAnd?")

    assert server.requests[1].json["messages"] == [
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": ADA},
        {"role": "user", "content": "And?"},
    ]


def test_a_list_is_shown_as_a_table(kernel: Kernel, server: FaultServer) -> None:
    server.script[:] = [streamed(f'{{"answer": [{ADA}, {ADA}]}}')]

    data = data_of(kernel.run("%%chat --as list[Person] -o people\nWho?"))

    assert data["text/html"].count("<tr>") == 3
    assert kernel.run("print(len(people), people[1].age)").text == "2 36\n"


def test_a_data_frame_needs_no_import(kernel: Kernel, server: FaultServer) -> None:
    server.script[:] = [streamed('{"answer": [{"a": 1, "b": "x"}, {"a": 2}]}')]

    data = data_of(kernel.run("%%chat --as DataFrame -o frame\nWhich?"))

    assert json.loads(data["text/plain"]) == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert kernel.run("print(type(frame).__name__, frame.shape)").text == "DataFrame (2, 2)\n"


def test_the_second_try_is_seen_at_the_server(kernel: Kernel, server: FaultServer) -> None:
    server.script[:] = [streamed('{"name": "Ada"}'), streamed(ADA)]

    data_of(kernel.run("%%chat --as Person -o p\nWho?"))

    assert "age: Field required" in server.requests[1].json["messages"][-1]["content"]
    assert kernel.run("print(p.age)").text == "36\n"


def test_what_is_no_object_is_shown_and_leaves_no_trace(kernel: Kernel, server: FaultServer) -> None:
    server.script[:] = [streamed("I <i>will</i> not.")]
    kernel.run("p = 'before'")

    run = kernel.run("%%chat --as Person -o p\nWho?")

    assert run.error_name == "InvalidAnswerError"
    assert "gave no Person in 2 tries" in run.error_text
    assert "I <i>will</i> not." in run.text
    assert StrictReader(run.outputs[0]["data"]["text/html"]).violations == []
    assert kernel.run("print(p)\n%chat --history").text == "before\n\nNothing has been said yet."


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Persn", "There is no variable 'Persn', which --as Persn asks for. Did you mean Person?"),
        ("Person.x", "--as Person.x raised AttributeError"),
        ("3", "3 is no type that JSON has a word for."),
        ("'Person['", "--as Person[ can't be evaluated"),
    ],
)
def test_a_wrong_class_is_told_before_anything_is_sent(
    kernel: Kernel, server: FaultServer, name: str, sentence: str
) -> None:
    run = kernel.run(f"%%chat --as {name}\nWho?")

    assert run.error_name == "InvalidRequestError"
    assert run.error_text.startswith(sentence)
    assert server.requests == []


def test_an_analysis_has_no_type(kernel: Kernel, server: FaultServer) -> None:
    run = kernel.run("%%analyze --as Person talk.wav\nWho?")

    assert "--as belongs to %%chat" in run.error_text
