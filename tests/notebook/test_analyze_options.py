"""The line of %%analyze."""

import pytest

from ipy_gateway.core.exceptions import InvalidRequestError
from ipy_gateway.notebook.lines.analyze_options import ANALYZE_HELP, analyze_option_words, parse_analyze_line


@pytest.mark.parametrize(
    ("line", "recording"),
    [
        ("talk.wav", "talk.wav"),
        ("talk.wav ;", "talk.wav"),
        ("my  long talk.wav", "my  long talk.wav"),
        ("'my talk.wav'", "'my talk.wav'"),
        (r"my\ talk.wav", r"my\ talk.wav"),
        ("{{talks['a b']}}", "{{talks['a b']}}"),
    ],
)
@pytest.mark.parametrize("options", ["{}", "-m tiny -t 0 {}", "{} -m tiny -t 0", "-m tiny {} -t=0"])
def test_options_stand_before_and_behind_the_recording(line: str, recording: str, options: str) -> None:
    found = parse_analyze_line(options.format(line.removesuffix(";")) + ";" * line.endswith(";"))

    assert found.question == recording
    assert (found.model, found.temperature) in [(None, None), ("tiny", 0.0)]


@pytest.mark.parametrize("line", ["places << talk.wav", "-o places talk.wav", "talk.wav --output places"])
def test_the_answer_goes_into_a_variable(line: str) -> None:
    assert parse_analyze_line(line).output == "places"


@pytest.mark.parametrize("option", ["--new", "-n work", "--history", "--undo", "--save x.json", "--list"])
def test_what_belongs_to_conversations_is_refused(option: str) -> None:
    with pytest.raises(InvalidRequestError, match="belongs to a conversation, and %%analyze is in none"):
        parse_analyze_line(f"talk.wav {option}")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "needs the name of a recording"),
        ("-m tiny", "needs the name of a recording"),
        ("talk.wav --modle tiny", "has no option '--modle'"),
        ("talk.wav -t 0 -t 1", "--temperature is given twice"),
        ("talk.wav -p stream=true", "can't set 'stream'"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(line: str, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        parse_analyze_line(line)


def test_the_help_names_every_option() -> None:
    assert all(word in ANALYZE_HELP for word in analyze_option_words())
    assert "--new" not in ANALYZE_HELP
