"""What an answer looks like when it is there, and while it is being written."""

import pytest

from ipy_gateway.core.answers.chunks import Usage
from ipy_gateway.render.answers import Answer, answer_bundle
from ipy_gateway.render.live import MAX_THOUGHT_CHARACTERS, block_bundle, reasoning_bundle

from ..support.strict_html import StrictReader

WHOLE = Answer(
    text="# Head\n\n*so* it is",
    model="tiny",
    server="http://localhost:8080/v1",
    usage=Usage(prompt_tokens=12, completion_tokens=345, total_tokens=357),
    seconds=2.34,
    first_token_s=0.41,
    finish_reason="stop",
    request_id="r-1",
    answer_id="a-1",
)


def read(answer: Answer) -> StrictReader:
    return StrictReader(answer_bundle(answer).data["text/html"])


def footer(answer: Answer) -> str:
    return (
        answer_bundle(answer)
        .data["text/html"]
        .rpartition('<p class="ipg-facts">')[2]
        .removesuffix("</p></div>")
    )


def test_an_answer_is_its_markdown_in_three_representations() -> None:
    data = answer_bundle(WHOLE).data

    assert data["text/plain"] == "# Head\n\n*so* it is"
    assert data["text/markdown"] == "# Head\n\n*so* it is"
    assert "<h1>Head</h1>\n<p><em>so</em> it is</p>" in data["text/html"]


def test_an_empty_answer_says_so() -> None:
    data = answer_bundle(Answer(text=" \n")).data

    assert data["text/plain"] == data["text/markdown"] == "(empty answer)"
    assert "(empty answer)" in data["text/html"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (WHOLE, "tiny · http://localhost:8080/v1 · 12 tokens in, 345 out · 2.3 s, first after 0.4 s"),
        (Answer(text="x", source="talk.m4a", server="s"), "talk.m4a · s"),
        (Answer(text="x", usage=Usage(prompt_tokens=1)), "1 token in"),
        (Answer(text="x", usage=Usage(completion_tokens=2)), "2 tokens out"),
        (Answer(text="x", usage=Usage(prompt_tokens=0, completion_tokens=0)), "0 tokens in, 0 out"),
        (Answer(text="x", seconds=75.0), "1:15"),
        (Answer(text="x", first_token_s=0.04), "first after 0.0 s"),
        (Answer(text="x"), ""),
    ],
)
def test_the_footer_says_what_is_known(answer: Answer, expected: str) -> None:
    assert footer(answer) == expected


def test_a_deterministic_answer_has_its_times_in_the_facts_alone() -> None:
    answer = Answer(text="x", model="tiny", seconds=2.34, first_token_s=0.41, is_deterministic=True)

    bundle = answer_bundle(answer)

    assert footer(answer) == "tiny"
    assert bundle.metadata["ipy_gateway"]["seconds"] == 2.34
    assert bundle.metadata["ipy_gateway"]["first_token_s"] == 0.41


def test_the_facts_are_for_machines() -> None:
    assert answer_bundle(WHOLE).metadata["ipy_gateway"] == {
        "model": "tiny",
        "server": "http://localhost:8080/v1",
        "source": "",
        "usage": {"prompt_tokens": 12, "completion_tokens": 345, "total_tokens": 357},
        "finish_reason": "stop",
        "cut_off": False,
        "partial": False,
        "request_id": "r-1",
        "answer_id": "a-1",
        "seconds": 2.34,
        "first_token_s": 0.41,
    }


@pytest.mark.parametrize(
    ("answer", "notice"),
    [
        (
            Answer(text="x", finish_reason="length"),
            "Cut off at the server's length limit: what follows is missing.",
        ),
        (Answer(text="x", partial=True), "Stopped: what follows is missing."),
        (
            Answer(text="x", notices=("3 earlier messages were left out.",)),
            "3 earlier messages were left out.",
        ),
    ],
)
def test_a_notice_is_the_last_line_of_every_representation(answer: Answer, notice: str) -> None:
    data = answer_bundle(answer).data

    assert data["text/plain"] == f"x\n[{notice}]"
    assert data["text/markdown"] == f"x\n\n[{notice}]"
    assert read(answer).text.endswith(f"x\n{notice}")


def test_a_notice_does_not_become_code_below_a_fence_that_broke_off() -> None:
    data = answer_bundle(Answer(text="```py\nx = 1", partial=True)).data

    assert data["text/markdown"] == "```py\nx = 1\n```\n\n[Stopped: what follows is missing.]"


def test_reasoning_is_folded_away() -> None:
    answer = Answer(text="Four.", reasoning="2 and 2\n\n* is <b>4</b>\n")

    data, markup = answer_bundle(answer).data, read(answer)

    assert '<details class="ipg-reasoning"><summary>Reasoning</summary>' in data["text/html"]
    assert "is <b>4</b>" in markup.text
    assert markup.violations == []
    assert data["text/plain"] == data["text/markdown"] == "Four."


def test_without_reasoning_nothing_is_folded() -> None:
    assert "details" not in read(Answer(text="x", reasoning="\n")).tags


def test_a_block_brings_the_style_sheet_when_it_is_the_first() -> None:
    first, second = block_bundle("*a*\n"), block_bundle("*a*\n", has_style=False)

    assert first.data["text/plain"] == second.data["text/plain"] == "*a*"
    assert "<style>" in first.data["text/html"]
    assert "<p><em>a</em></p>" in second.data["text/html"]
    assert len(second.data["text/html"]) < 150


def test_reasoning_is_shown_by_its_last_words_on_one_line() -> None:
    bundle = reasoning_bundle("so\nI think\n" * 500 + "that\nit is <four>", seconds=12.3)

    line = bundle.data["text/plain"]
    assert line.startswith("Reasoning … 12 s … ")
    assert line.endswith("I think that it is <four>")
    assert len(line) < MAX_THOUGHT_CHARACTERS + 25
    assert StrictReader(bundle.data["text/html"]).text == line


def test_reasoning_that_has_just_begun_is_shown_whole() -> None:
    assert reasoning_bundle("", seconds=0.4).data["text/plain"] == "Reasoning … 0 s"
    assert reasoning_bundle("Well,", seconds=0.4).data["text/plain"] == "Reasoning … 0 s Well,"
