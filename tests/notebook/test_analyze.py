"""%%analyze in a real kernel: recordings and transcripts of any length, and times that are links."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway.render.html import script
from ipy_gateway.render.player import SCRIPTS

from ..support.analyst import Analyst, analyst_server
from ..support.chat_stream import streamed
from ..support.fault_server import FaultServer, answer, fault_server
from ..support.hearing_server import Ear
from ..support.kernel import CellRun, Kernel
from ..support.strict_html import StrictReader
from ..support.tones import spoken, wav

TRANSCRIPT = """
from pathlib import Path
from ipy_gateway import Segment, Transcript
from ipy_gateway.core.transcripts.transcripts import Transcripts
said = [Segment(10 * n, 10 * n + 9, f"Sentence {n} goes on.") for n in range(120)]
t = Transcript("", said, source="talk.m4a")
"""
OWN_SCRIPT = script(*SCRIPTS).removeprefix("<script>").removesuffix("</script>")


@pytest.fixture
def analyst() -> Analyst:
    return Analyst(Ear("segments"))


@pytest.fixture
def kernel(chat_kernel: Kernel, analyst: Analyst) -> Iterator[Kernel]:
    """A kernel that asks the analyst, with a transcript `t` of 20 minutes."""
    with analyst_server(analyst) as server:
        run = chat_kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set max_retries=0{TRANSCRIPT}")
        assert run.status == "ok", run.traceback
        yield chat_kernel


def data_of(run: CellRun) -> dict[str, Any]:
    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    data: dict[str, Any] = output["data"]
    return data


def test_a_transcript_is_analyzed_in_parts(kernel: Kernel, analyst: Analyst) -> None:
    kernel.run("_ = %gateway set history_tokens=1500")

    run = kernel.run("%%analyze {{t}} -o places --model tiny --system 'Be brief.'\nWhich {{1 + 1}} places?")

    data = data_of(run)
    assert data["text/plain"].startswith("Together: 0:00-")
    assert run.outputs[0]["metadata"]["ipy_gateway"]["source"] == "talk.m4a"
    assert all(body["model"] == "tiny" for body in analyst.bodies)
    assert all(body["messages"][0] == {"role": "system", "content": "Be brief."} for body in analyst.bodies)
    assert all(question.startswith("Which 2 places?\n\n") for question in analyst.questions)
    assert kernel.run("print(type(places).__name__, places)").text.startswith("Reply Together: 0:00-")


def test_a_long_recording_in_bytes_is_analyzed_as_sound(kernel: Kernel, analyst: Analyst) -> None:
    recording = wav(spoken(range(75), pause_s=0.5, pause_every=10))
    kernel.run(f"data = __import__('base64').b64decode('{_base64(recording)}')")

    data = data_of(kernel.run("%%analyze {{data}}\nWhat?"))

    assert len(analyst.sounds_s) == 2
    assert data["text/plain"].startswith("Together: 0:00-0:")


def test_times_in_an_answer_are_links_to_the_player(kernel: Kernel) -> None:
    about_a_transcript = data_of(kernel.run("%%analyze {{t[600:660]}}\nWhen?"))

    assert about_a_transcript["text/plain"] == "It begins at [10:00]"
    link = '<a class="ipg-time" href="#t=600" title="talk.m4a">[10:00]</a>'
    assert link in about_a_transcript["text/html"]
    assert StrictReader(about_a_transcript["text/html"]).violations == []


# The player of an answer about a recording

HEARD = answer(body={"text": "Hello.", "segments": [{"start": 0, "end": 5, "text": "Hello."}]})


@pytest.fixture
def web(note: Path) -> Iterator[FaultServer]:
    """A server with a recording."""
    with fault_server(answer(body=note.read_bytes(), headers={"Content-Type": "audio/mp4"})) as web:
        yield web


def asked(kernel: Kernel, cell: str, *, said: str = "At [0:02].") -> CellRun:
    """A cell, run where the server transcribes and says that."""
    routes = {"/v1/audio/transcriptions": HEARD, "/v1/chat/completions": streamed(said)}
    with fault_server(by_path=routes) as server:
        kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set audio_api=transcriptions")
        return kernel.run(cell)


def test_an_answer_about_a_recording_at_an_address_brings_its_player(
    chat_kernel: Kernel, web: FaultServer
) -> None:
    data = data_of(asked(chat_kernel, f"%%analyze {web.url}/shows/talk%201.m4a?key=secret\nWhen?"))

    html = data["text/html"]
    assert data["text/plain"] == "At [0:02]."
    assert '<a class="ipg-time" href="#t=2" title="talk 1.m4a">[0:02]</a>' in html
    assert 'data-source="talk 1.m4a"' in html and 'src="data:audio/webm;base64,' in html
    assert "secret" not in html
    assert StrictReader(html, own_script=OWN_SCRIPT).violations == []


@pytest.mark.parametrize(
    ("line", "said"),
    [("--no-audio {}", "At [0:02]."), ("{}", "Nowhere."), ("{}", "At 0:02.")],
    ids=["not wanted", "no time", "no link"],
)
def test_an_answer_brings_no_player_where_nothing_leads_to_it(
    chat_kernel: Kernel, web: FaultServer, line: str, said: str
) -> None:
    data = data_of(asked(chat_kernel, f"%%analyze {line.format(web.url)}/talk.m4a\nWhen?", said=said))

    assert data["text/plain"] == said
    assert "<audio" not in data["text/html"]


def test_an_answer_about_bytes_brings_its_player_too(chat_kernel: Kernel, note: Path) -> None:
    chat_kernel.run(f"data = open({str(note)!r}, 'rb').read()")

    html = data_of(asked(chat_kernel, "%%analyze {{data}}\nWhen?"))["text/html"]

    assert 'href="#t=2" title="{{data}}"' in html and 'data-source="{{data}}"' in html


def test_a_dry_run_fetches_nothing(chat_kernel: Kernel, web: FaultServer) -> None:
    data = data_of(chat_kernel.run(f"%%analyze {web.url}/talk.m4a --dry-run\nWhen?"))

    assert "recording, which would be fetched first" in data["text/plain"]
    assert web.requests == []


def test_what_is_at_no_address_is_said_in_a_sentence(chat_kernel: Kernel) -> None:
    with fault_server(answer(404, body=b"")) as web:
        run = asked(chat_kernel, f"%%analyze {web.url}/talk.m4a\nWhen?")

    assert "can't be fetched: 404" in run.error_text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{{[t, t]}}", "{{[t, t]}} is no recording but list"),
        ("{{'talk.wav'}}", "is no recording but str"),
        ("{{Transcripts({'a.m4a': t}, {})}}", "holds the transcripts of several recordings. Give one"),
        ("{{never_named}}", "no variable 'never_named'"),
        ("talk.wav --new", "--new belongs to a conversation"),
        ("{{Path('gone.wav')}}", "There is no file 'gone.wav'"),
    ],
)
def test_what_cannot_be_analyzed_is_refused_in_a_sentence(
    kernel: Kernel, analyst: Analyst, line: str, said: str
) -> None:
    run = kernel.run(f"%%analyze {line}\nWhat?")

    assert said in run.error_text
    assert analyst.questions == []


def test_an_interrupt_says_that_what_is_transcribed_is_kept(chat_kernel: Kernel) -> None:
    heard = answer(body={"text": "Hello.", "segments": [{"start": 0, "end": 1, "text": "Hello."}]})
    chat, endpoint = "/v1/chat/completions", "/v1/audio/transcriptions"
    recording = wav(spoken(range(10)))
    with fault_server(by_path={chat: answer(delay_s=60), endpoint: heard}) as server:
        chat_kernel.run(f"_ = %gateway {server.url}\n_ = %gateway set audio_api=transcriptions")
        chat_kernel.run(f"data = __import__('base64').b64decode('{_base64(recording)}')")

        started = chat_kernel.start("%%analyze {{data}}\nWhat?")
        server.wait_for_requests(2, timeout_s=30)
        chat_kernel.interrupt()
        run = chat_kernel.finish(started)

    assert run.error_name == "KeyboardInterrupt"
    assert "What is transcribed is kept" in run.text


# Times in the answers of a chat


def chat(kernel: Kernel, *cells: str) -> list[str]:
    """The HTML of the answers to these questions, each of which is the same."""
    with fault_server(streamed("At [0:02], and at [1:02:33 – 1:03:00].")) as server:
        kernel.run(f"_ = %gateway {server.url}{TRANSCRIPT}other = Transcript('', source='other.wav')")
        return [data_of(kernel.run(cell))["text/html"] for cell in cells]


def test_times_of_a_chat_about_a_transcript_are_links_in_later_answers_too(chat_kernel: Kernel) -> None:
    answers = chat(chat_kernel, "%%chat\nWhen? {{t}}", "%%chat\nAnd who?", "%%chat --new\nWhat?")

    links = [re.findall('<a class="ipg-time" href="(.*?)"', html) for html in answers]
    assert links == [["#t=2", "#t=3753"], ["#t=2", "#t=3753"], []]


def test_times_are_text_where_a_chat_is_about_two_recordings(chat_kernel: Kernel) -> None:
    both, after = chat(chat_kernel, "%%chat\nWhen? {{t}} {{other}}", "%%chat\nAnd in {{t}}?")

    assert "ipg-time" not in both.partition("</style>")[2]
    assert "ipg-time" not in after.partition("</style>")[2]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
