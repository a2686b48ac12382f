"""An answer that is shown while it is written: whole, however it comes, ends or fails to be shown."""

import io
import sys
from collections.abc import Iterator
from contextlib import nullcontext, suppress

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipy_gateway.core.answers.chunks import ChatChunk
from ipy_gateway.core.exceptions import UpstreamError
from ipy_gateway.notebook.display import is_chat_cell

from ..support.lively import RecordingPublisher, shell_of_a_kernel, show_live, steps
from ..support.long_answers import mixed

BROKEN_OFF = UpstreamError("The answer broke off.", "Ask again.")
STOPPED = "[Stopped: what follows is missing.]"


@pytest.fixture
def terminal() -> Iterator[InteractiveShell]:
    """A shell without a kernel, whose standard output is no terminal."""
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance()
    InteractiveShell.clear_instance()


def texts(*pieces: str) -> list[ChatChunk]:
    return [ChatChunk(text=piece) for piece in pieces]


def shown_in_kernel(chunks: list[ChatChunk], *, ending: BaseException | None = None) -> RecordingPublisher:
    with shell_of_a_kernel() as (shell, publisher), suppress(type(ending)) if ending else nullcontext():
        show_live(shell, chunks, ending=ending)
    return publisher


# In a kernel


def test_an_answer_is_seen_before_it_is_complete() -> None:
    publisher = shown_in_kernel(texts("One ", "two ", "three."))

    assert [message.text for message in publisher.messages] == [
        "One ",
        "One two ",
        "One two three.",
        "One two three.",
    ]


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), BROKEN_OFF], ids=["stopped", "broken off"])
def test_what_came_before_the_end_stays_and_is_marked(ending: BaseException) -> None:
    publisher = shown_in_kernel(texts("One ", "two "), ending=ending)

    (output,) = publisher.outputs.shown
    assert output.text == f"One two\n{STOPPED}"


def test_an_answer_that_was_complete_when_it_was_stopped_is_not_marked() -> None:
    with shell_of_a_kernel() as (shell, publisher), pytest.raises(KeyboardInterrupt):
        show_live(shell, texts("One ", "two "), ending=KeyboardInterrupt(), is_whole=True)

    (output,) = publisher.outputs.shown
    assert output.text == "One two"


def test_what_came_of_a_long_answer_stays_in_one_output() -> None:
    publisher = shown_in_kernel(steps(mixed(4000), 40), ending=KeyboardInterrupt())

    (output,) = publisher.outputs.shown
    assert output.text == f"{mixed(4000).strip()}\n{STOPPED}"


def test_nothing_but_blanks_is_no_answer() -> None:
    publisher = shown_in_kernel([*texts(" ", "\n", "\r\n"), *texts("") * 10], ending=BROKEN_OFF)

    (output,) = publisher.outputs.shown
    assert output.text == "Waiting for the answer: stopped after 1 s."


def test_reasoning_alone_stays_when_it_breaks_off() -> None:
    publisher = shown_in_kernel([ChatChunk(reasoning="Let me think. ")] * 10, ending=BROKEN_OFF)

    assert "Reasoning … 0 s Let me think." in publisher.messages[0].text
    (output,) = publisher.outputs.shown
    assert "Let me think. Let me think." in output.content["data"]["text/html"]
    assert output.text == f"(empty answer)\n{STOPPED}"


def test_a_refusal_is_shown() -> None:
    publisher = shown_in_kernel([ChatChunk(refusal="I won't "), ChatChunk(refusal="do that.")])

    (output,) = publisher.outputs.shown
    assert output.text == "I won't do that."


def test_a_refusal_that_breaks_off_stays() -> None:
    publisher = shown_in_kernel([ChatChunk(refusal="I won't ")], ending=BROKEN_OFF)

    (output,) = publisher.outputs.shown
    assert output.text == f"I won't \n{STOPPED}"


def test_reasoning_in_tags_is_never_shown_as_the_answer() -> None:
    publisher = shown_in_kernel(texts("<th", "ink>So it", " is.</th", "ink>\n", "\nYes."))

    assert not [message.text for message in publisher.messages if "<" in message.text]
    (output,) = publisher.outputs.shown
    assert output.text == "Yes."


def test_beside_other_outputs_of_a_cell_nothing_is_cleared() -> None:
    with shell_of_a_kernel() as (shell, publisher):
        for _ in range(2):
            show_live(shell, steps(mixed(4000), 40), owns_cell=False)

    assert [output.text for output in publisher.outputs.shown] == [mixed(4000).strip()] * 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("%%chat\nGo on.", True),
        ("\n%%gwchat --new\nGo on.", True),
        ("%chat Go on.", False),
        ("%%time\n%chat Go on.", False),
        ("print('first')\nget_ipython().run_cell_magic('chat', '', 'Go on.')", False),
    ],
)
def test_a_cell_is_the_answers_own_where_it_is_a_question_alone(code: str, *, expected: bool) -> None:
    with shell_of_a_kernel(code) as (shell, _):
        assert is_chat_cell(shell) is expected


def test_where_all_is_captured_there_is_one_output() -> None:
    with shell_of_a_kernel() as (shell, _), capture_output() as captured:
        show_live(shell, steps(mixed(4000), 40))

    (output,) = captured.outputs
    assert output.data["text/plain"] == mixed(4000).strip()


def test_an_answer_that_could_not_be_painted_is_shown_in_the_end() -> None:
    with shell_of_a_kernel() as (shell, publisher):

        def chunks() -> Iterator[ChatChunk]:
            for chunk in texts("One ", "two ", "three."):
                publisher.fails = not chunk.text.endswith(".")
                yield chunk

        show_live(shell, chunks())

    (output,) = publisher.outputs.shown
    assert output.text == "One two three."


def test_an_answer_that_can_not_be_shown_at_all_is_an_error() -> None:
    with shell_of_a_kernel() as (shell, publisher):
        publisher.fails = True

        with pytest.raises(RuntimeError, match="front end is gone"):
            show_live(shell, texts("One ", "two."))


# On a terminal


@pytest.mark.parametrize(
    ("pieces", "written"),
    [
        (("One ", "two", "."), "One two.\n"),
        (("\n\n", "  One", "\n", "\n", "two", "\n\n\n"), "One\n\ntwo\n"),
        (("One\r", "\ntwo\r", "three\r"), "One\ntwo\nthree\n"),
        (("<think>So.", "</think>\n\n", "Yes", "."), "Yes.\n"),
        (("<thin",), "<thin\n"),
        (("<",), "<\n"),
        (("", " ", ""), "(empty answer)\n"),
        (("red \x1b[3", "1m and \x07 \x9b2J", "\x1b]0;title\x07."), "red [31m and  2J]0;title.\n"),
        (("a smile: \ud83d", " and 😀, 王さん"), "a smile: \N{REPLACEMENT CHARACTER} and 😀, 王さん\n"),
    ],
)
def test_the_text_is_written_once_and_ends_its_line(
    terminal: InteractiveShell, capsys: pytest.CaptureFixture[str], pieces: tuple[str, ...], written: str
) -> None:
    show_live(terminal, texts(*pieces))

    assert capsys.readouterr() == (written, "")


def test_what_came_stays_on_the_terminal_and_is_marked(
    terminal: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        show_live(terminal, texts("One ", "two\n", "\n"), ending=KeyboardInterrupt())

    assert capsys.readouterr().out == f"One two\n{STOPPED}\n"


def test_a_refusal_is_written(terminal: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    show_live(terminal, [ChatChunk(refusal="I won't "), ChatChunk(refusal="do that.")])

    assert capsys.readouterr().out == "I won't do that.\n"


def test_what_stdout_can_not_encode_is_a_question_mark(
    terminal: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stdout)

    show_live(terminal, texts("na", "ïve ", "😀."))

    stdout.seek(0)
    assert stdout.read() == "na?ve ?.\n"


class TerminalEnd(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


def write_to_terminal(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, reasoning: str) -> str:
    """What is written to stderr, a terminal, while a model thinks for a second before it answers."""
    monkeypatch.setenv("COLUMNS", "40")
    stderr = TerminalEnd()
    monkeypatch.setattr(sys, "stderr", stderr)
    show_live(shell, [*[ChatChunk(reasoning=reasoning)] * 9, *texts("Yes.")])
    return stderr.getvalue()


@pytest.mark.parametrize(
    ("thought", "lines"),
    [
        ("So. ", ["Reasoning … 0 s So. So. So. So.", "Reasoning … 1 s So. So. So. So. So. So…", ""]),
        (
            "😀王さん",
            ["Reasoning … 0 s 😀王さん😀王さん😀王さ…", "Reasoning … 1 s 😀王さん😀王さん😀王さ…", ""],
        ),
    ],
)
def test_reasoning_is_one_row_that_goes_away(
    terminal: InteractiveShell, monkeypatch: pytest.MonkeyPatch, thought: str, lines: list[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")

    written = write_to_terminal(terminal, monkeypatch, thought)

    assert written.split("\r\x1b[K") == ["", *lines]


def test_hostile_reasoning_does_not_reach_the_terminal(
    terminal: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")

    written = write_to_terminal(terminal, monkeypatch, "\x1b[2J\x1b]0;x\x07\n")

    assert "[2J" in written
    assert "\x1b" not in written.replace("\r\x1b[K", "")


def test_a_terminal_that_can_not_take_a_row_away_gets_none(
    terminal: InteractiveShell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")

    assert write_to_terminal(terminal, monkeypatch, "So. ") == ""
