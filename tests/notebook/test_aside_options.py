"""Options of questions beside the conversation, and who is named by them."""

import pytest

from ipy_gateway.core.exceptions import InvalidRequestError
from ipy_gateway.notebook.chat.compare import contestants_of
from ipy_gateway.notebook.lines.analyze_options import parse_analyze_line
from ipy_gateway.notebook.lines.options import CHAT_HELP, ChatOptions, option_words, parse_chat_line


def test_a_line_asks_in_the_background() -> None:
    options = parse_chat_line("--bg -o r Who?", is_cell=False)

    assert options == ChatOptions(question="Who?", background=True, output="r")


def test_a_line_asks_several() -> None:
    options = parse_chat_line("--compare a,b@http://x -t 0", is_cell=True)

    assert options == ChatOptions(compare="a,b@http://x", temperature=0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--bg=1", "--bg takes no value"),
        ("--compare", "--compare needs a value"),
        ("--compare ''", "The value of --compare is empty"),
        ("--compare a,b -m c", "--model and --compare are two wishes"),
        ("--compare a,b -p model=c", "--model and --compare are two wishes"),
        ("--compare a,b --bg", "--compare can't be asked with --bg"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(line: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        parse_chat_line(line, is_cell=True)


@pytest.mark.parametrize("option", ["--bg", "--compare a,b"])
def test_a_recording_is_analyzed_by_one_and_in_the_foreground(option: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"{option.split()[0]} belongs to a conversation"):
        parse_analyze_line(f"{option} talk.wav")


def test_help_and_completion_know_them() -> None:
    assert {"--bg", "--compare"} <= set(option_words(is_cell=True))
    assert "--compare qwen3,llama3@http://localhost:8081,local://engine" in CHAT_HELP


@pytest.mark.parametrize(
    ("label", "model", "url"),
    [
        ("qwen3", "qwen3", None),
        ("llama3:8b@http://localhost:8081/v1", "llama3:8b", "http://localhost:8081/v1"),
        ("local://engine", None, "local://engine"),
        ("https://name:word@host", None, "https://name:word@host"),
        ("claude@20260101@https://name@host", "claude@20260101", "https://name@host"),
        ("claude@20260101", "claude@20260101", None),
    ],
)
def test_who_is_asked_is_a_model_a_server_or_both(label: str, model: str | None, url: str | None) -> None:
    (_, found), _ = contestants_of(ChatOptions(compare=f"{label} ,other"))

    assert (found.model, found.url) == (model, url)


def test_a_server_for_all_is_that_of_those_without_one() -> None:
    found = contestants_of(ChatOptions(compare="a,b@http://b", url="http://all"))

    assert [(label, options.url) for label, options in found] == [
        ("a", "http://all"),
        ("b@http://b", "http://b"),
    ]


@pytest.mark.parametrize(
    ("compare", "message"),
    [("a", "two models or more"), ("a,,b", "two models or more"), ("a, b,a", "names 'a' twice")],
)
def test_who_is_asked_is_told_apart(compare: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        contestants_of(ChatOptions(compare=compare))
