"""A notebook that was recorded runs without its servers, and gives the same outputs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.fault_server import Answer, RecordedRequest, answer, completion, fault_server
from ..support.kernel import Kernel
from ..support.lessons import checked_by_nbval, recorded_lesson
from .test_completion import completed

KEY = "kept-between-us-two-only"
CELLS = [
    "%load_ext ipy_gateway",
    "%gateway record lesson.json",
    "%gateway {url}",
    "%gateway models",
    "%%chat -t 0.3\nWhat is a decibel?",
    "%%chat\nIn fewer words?",
    "%transcribe tone.wav",
    "%%analyze tone.wav\nWhich note is it?",
    "from ipy_gateway import chat_completion\n"
    "config = %gateway settings\n"
    "answer = await chat_completion([{{'role': 'user', 'content': 'Who am I? {key}'}}], config)\n"
    "answer['choices'][0]['message']['content'], answer.server",
    "%chat refuse",
    "%gateway record off",
]


def respond(request: RecordedRequest) -> Answer:
    """An answer that says what was asked, and repeats the key; and an error where that is asked for."""
    if request.method == "GET":
        return answer(body={"data": [{"id": "tiny"}]})
    content = request.json["messages"][-1]["content"]
    if content == "refuse":
        return answer(401, body={"error": {"message": f"Wrong: {request.headers['authorization']}"}})
    if "Who am I?" in content:
        return completion("Nobody.")
    said = f"You said {json.dumps(content)[:40]}"
    if not request.json.get("stream"):
        return completion(said)
    events = [{"delta": {"content": f"{word} "}} for word in said.split()] + [{"finish_reason": "stop"}]
    lines = [f"data: {json.dumps({'model': 'tiny', 'choices': [event]})}\n\n" for event in events]
    return answer(body="".join(lines).encode(), headers={"Content-Type": "text/event-stream"})


@pytest.fixture(scope="module")
def lesson(tmp_path_factory: pytest.TempPathFactory, tone: bytes) -> Path:
    """A notebook that was run once, while its server was there, with its cassette beside it."""
    folder = tmp_path_factory.mktemp("lesson")
    (folder / "tone.wav").write_bytes(tone)
    with fault_server(respond=respond) as server:
        sources = [cell.format(url=server.url, key=KEY) for cell in CELLS]
        ours = {"IPY_GATEWAY_API_KEY": KEY, "IPY_GATEWAY_TEXT_BASE_URL": server.url}
        path = recorded_lesson(folder, sources, failing=["%chat refuse"], **ours)
        assert server.requests[-1].headers["authorization"] == f"Bearer {KEY}"
    return path


def test_a_recorded_notebook_passes_strict_nbval_without_its_server_and_its_key(lesson: Path) -> None:
    said = checked_by_nbval(lesson, IPY_GATEWAY_REPLAY="lesson.json")

    assert f"{len(CELLS)} passed" in said, said


def test_the_notebook_did_what_it_is_for(lesson: Path) -> None:
    notebook = json.loads(lesson.read_text())
    outputs = [json.dumps(cell["outputs"]) for cell in notebook["cells"]]

    for cell, expected in [
        (3, "tiny"),
        (4, "What is a decibel?"),
        (6, "You said"),
        (9, "answered 401 Unauthorized: Wrong: Bearer **********"),
    ]:
        assert expected in outputs[cell]


def test_no_key_is_in_its_cassette(lesson: Path) -> None:
    text = (lesson.parent / "lesson.json").read_text()

    assert KEY in lesson.read_text()  # pasted by the user
    assert KEY not in text and "Authorization" not in text
    assert "Who am I? **********" in text


@pytest.fixture
def taped_kernel(chat_kernel: Kernel) -> Iterator[Kernel]:
    yield chat_kernel
    chat_kernel.run("%gateway record off\n%gateway replay off")


def test_the_status_says_what_is_recorded_and_replayed(taped_kernel: Kernel, tmp_path: Path) -> None:
    tape = tmp_path / "a tape.json"
    with fault_server(respond=respond) as server:
        taped_kernel.run(f"_ = %gateway {server.url}")
        recorded = taped_kernel.run(f"%gateway record {tape}").text
        recording = taped_kernel.run("%gateway").text
        taped_kernel.run("%gateway record off")
    replayed = taped_kernel.run(f"%gateway replay '{tape}'").text
    replaying = taped_kernel.run("%gateway").text
    taped_kernel.run("%gateway replay off")
    afterwards = taped_kernel.run("%gateway").text

    assert recorded == replayed == f"The exchanges of this notebook with servers are in '{tape}'."
    assert recording.endswith(f"Every exchange is recorded in '{tape}'; so far 1 exchange.")
    assert replaying.startswith(f"{server.url}: answers; ")
    assert replaying.endswith(f"Answers come from '{tape}', which holds 1 exchange; nothing is sent.")
    assert str(tape) not in afterwards and "No server answers" in afterwards


def test_a_question_that_was_not_recorded_is_an_error_that_says_what_differs(
    taped_kernel: Kernel, tmp_path: Path
) -> None:
    with fault_server(respond=respond) as server:
        taped_kernel.run(f"_ = %gateway {server.url}\n%gateway record {tmp_path / 'tape.json'}")
        taped_kernel.run("%chat --new What is a decibel?")
    taped_kernel.run(f"%gateway replay {tmp_path / 'tape.json'}")

    run = taped_kernel.run("%chat --new What is a phon?")

    assert run.error_name == "ReplayError"
    assert run.traceback[0].endswith("differs in messages[0].content; nothing was sent.")
    assert '"What is a decibel?", now "What is a phon?"' in run.traceback[1]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("record", "%gateway record needs the name of a file. Write %gateway record lesson.json, or "),
        ("replay", "%gateway replay needs the name of a file."),
        ("replay nothing.json", "There is no file "),
        ("record nowhere/tape.json", "There is no folder "),
    ],
)
def test_what_can_not_be_recorded_or_replayed_is_a_sentence(
    chat_kernel: Kernel, line: str, sentence: str
) -> None:
    assert chat_kernel.run(f"%gateway {line}").error_text.startswith(sentence)


def test_a_cassette_of_the_environment_that_is_not_there_is_told_when_the_extension_is_loaded(
    chat_kernel: Kernel,
) -> None:
    variable = "os.environ['IPY_GATEWAY_REPLAY']"

    failed = chat_kernel.run(f"import os\n{variable} = 'missing.json'\n%reload_ext ipy_gateway")
    reloaded = chat_kernel.run(f"del {variable}\n%reload_ext ipy_gateway")

    assert failed.error_name == "ConfigurationError"
    assert failed.error_text.startswith("IPY_GATEWAY_REPLAY names what can't be replayed: There is no file")
    assert reloaded.status == "ok"


@pytest.mark.parametrize(
    ("line", "matches"),
    [
        ("%gateway re", ["%gateway record", "%gateway replay"]),
        ("c = %gateway sett", ["c = %gateway settings"]),
        ("%gateway replay of", ["%gateway replay off"]),
        ("%gateway loop ", ["%gateway loop own", "%gateway loop kernel"]),
    ],
)
def test_the_words_of_gateway_are_completed(chat_kernel: Kernel, line: str, matches: list[str]) -> None:
    assert completed(chat_kernel, line) == matches
