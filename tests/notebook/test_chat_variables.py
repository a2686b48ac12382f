"""Variables in a chat: what becomes of them in the request that a server gets."""

import base64
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..support.chat_stream import streamed
from ..support.fault_server import FaultServer, fault_server
from ..support.kernel import CellRun, Kernel


@pytest.fixture
def server(chat_kernel: Kernel) -> Any:
    with fault_server(streamed("Fine.")) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        yield server


def ok(run: CellRun) -> CellRun:
    assert run.status == "ok", run.traceback
    return run


def content(server: FaultServer) -> Any:
    """What the last question holds."""
    return server.requests[-1].json["messages"][-1]["content"]


def test_a_table_is_sent_as_text(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run(
        "import pandas\ntable = pandas.DataFrame({'city': ['Oslo', 'Rome'], 'height_m': [23, 21]})"
    )

    ok(chat_kernel.run("%%chat\nWhich is higher?\n{{table}}"))

    assert content(server).startswith("Which is higher?\n")
    for word in ("city", "height_m", "Oslo", "23", "Rome", "21"):
        assert word in content(server)


def test_a_long_table_says_what_is_left_out(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("import pandas\nlong = pandas.DataFrame({'n': range(100_000)})")

    run = ok(chat_kernel.run("%chat Sum of {{long}}?"))

    assert "[{{ long }}" in run.text
    assert "100,000" in run.text
    assert "100,000 rows" in content(server)


def test_a_picture_is_sent_as_one(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("from PIL import Image\npicture = Image.new('RGB', (3, 2), 'red')")

    ok(chat_kernel.run("%chat What is in {{picture}} here?"))

    before, picture, after = content(server)
    assert (before, after) == (
        {"type": "text", "text": "What is in "},
        {"type": "text", "text": " here?"},
    )
    kind, _, data = picture["image_url"]["url"].partition(",")
    assert kind == "data:image/png;base64"
    assert base64.b64decode(data).startswith(b"\x89PNG")


def test_a_recording_is_sent_as_one(
    chat_kernel: Kernel, server: FaultServer, interview: Path, tmp_path: Path
) -> None:
    recording = Path(shutil.copy(interview, tmp_path))
    chat_kernel.run(f"from pathlib import Path\ntalk = Path({str(recording)!r})")

    ok(chat_kernel.run("%chat Who speaks in {{talk}}"))

    text, sound = content(server)
    assert text == {"type": "text", "text": "Who speaks in "}
    assert sound["input_audio"]["format"] == "wav"
    assert base64.b64decode(sound["input_audio"]["data"])[:4] == b"RIFF"


def test_a_picture_stays_in_the_conversation(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("from PIL import Image\npicture = Image.new('RGB', (3, 2), 'red')")
    ok(chat_kernel.run("%chat {{picture}} What is it?"))

    ok(chat_kernel.run("%chat Why?"))

    assert server.requests[-1].json["messages"][0]["content"][0]["type"] == "image_url"
    assert "[picture]" in chat_kernel.run("%chat --history").text


def test_a_transcript_is_sent_as_text(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run(
        "from ipy_gateway.core.messages import TranscriptText\n"
        "said = TranscriptText('Call Peter Wilson.', source='note.m4a', server='')"
    )

    ok(chat_kernel.run("%chat Whom? {{said}}"))

    assert "Call Peter Wilson." in content(server)


def test_a_reply_is_sent_as_text(chat_kernel: Kernel, server: FaultServer) -> None:
    ok(chat_kernel.run("first = %chat Who?"))

    ok(chat_kernel.run("%chat Is this true: {{first}}"))

    assert content(server) == "Is this true: Fine."


@pytest.mark.parametrize(
    "cell",
    [
        "%%chat\nWhat is {{nohting}}?",
        "%chat What is {{nohting}}?",
        "%%chat -s '{{nohting}}'\nWhat?",
        "%%chat -p user={{nohting}}\nWhat?",
        "%chat -m {{nohting}} What?",
    ],
)
def test_a_name_that_is_none_is_an_error_and_nothing_is_sent(
    chat_kernel: Kernel, server: FaultServer, cell: str
) -> None:
    chat_kernel.run("nothing = 1")

    run = chat_kernel.run(cell)

    assert run.error_text.startswith(
        "There is no variable 'nohting', which {{ nohting }} asks for. Did you mean"
    )
    assert "nothing" in run.error_text
    assert server.requests == []


def test_options_are_filled(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("name, style, who = 'tiny', 'in rhyme', 'me'")

    ok(chat_kernel.run("%%chat -m {{name}} -s 'Answer {{style}}.' -p user={{who}} -n {{who}}\nWho?"))

    body = server.request.json
    assert (body["model"], body["user"]) == ("tiny", "me")
    assert body["messages"][0]["content"] == "Answer in rhyme."
    assert chat_kernel.run("%chat --list").text == "me: 1 question"


def test_a_field_of_the_request_is_what_its_variable_is(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("k, words, form = 3, ['a', 'b'], {'type': 'json_object'}")

    ok(chat_kernel.run('%chat -p top_k={{k}} -p stop={{words}} -p form={{form}} -p x={"n":{{k}}} Who?'))

    body = server.request.json
    assert (body["top_k"], body["stop"], body["form"], body["x"]) == (
        3,
        ["a", "b"],
        {"type": "json_object"},
        {"n": 3},
    )


def test_what_is_left_out_of_an_option_is_told(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("essay = 'x' * 100_001")

    run = ok(chat_kernel.run("%%chat -s '{{essay}}'\nShorter?"))

    assert run.text == "Fine.\n[{{ essay }} is too long: 1 of 100,001 characters left out.]"


FUNCTION = """
word = "global"
def ask(word):
    limit = 3
    reply = %chat -n {{word}} Is {{word}} in {{[word for n in range(9) if n > limit][:1]}}?
    return reply
"""


def test_the_variables_of_a_function_come_first(chat_kernel: Kernel, server: FaultServer) -> None:
    ok(chat_kernel.run(FUNCTION))

    run = ok(chat_kernel.run("ask('local')"))

    assert content(server) == 'Is local in ["local"]?'
    assert len(run.outputs) == 1
    assert chat_kernel.run("%chat --list").text == "local: 1 question"


def test_a_loop_asks_with_each_value(chat_kernel: Kernel, server: FaultServer) -> None:
    run = ok(chat_kernel.run("for city in ['Oslo', 'Rome']:\n    %chat --new Where is {{city}}?"))

    assert [request.json["messages"][0]["content"] for request in server.requests] == [
        "Where is Oslo?",
        "Where is Rome?",
    ]
    assert [output["data"]["text/plain"] for output in run.outputs] == ["Fine.", "Fine."]
