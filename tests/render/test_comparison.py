"""Answers side by side, in text, Markdown and HTML."""

from ipy_gateway.core.answers.chunks import Usage
from ipy_gateway.render.answers import Answer
from ipy_gateway.render.comparison import Column, comparison_bundle, waiting_comparison_bundle

from ..support.strict_html import StrictReader

USAGE = Usage(prompt_tokens=7, completion_tokens=30)
FAST = Column(
    label="fast",
    answer=Answer(
        text="*Fine.*", model="tiny", server="http://a", usage=USAGE, seconds=3.5, first_token_s=0.5
    ),
)
DEAD = Column(label="dead@http://b", error="No server answers at http://b. Start it.")
HOSTILE = "<script>alert(1)</script> ![x](http://evil) </div></div>"


def test_text_lists_one_after_another_with_figures() -> None:
    assert comparison_bundle([FAST, DEAD]).text == (
        "fast\n*Fine.*\n"
        "(tiny · http://a · 7 tokens in, 30 out · 3.5 s, first after 0.5 s · 10.0 tokens/s)\n\n"
        "dead@http://b\n[No server answers at http://b. Start it.]"
    )


def test_html_has_a_column_each() -> None:
    html = str(comparison_bundle([FAST, DEAD]).html)

    assert html.count('<div class="ipg-column">') == 2
    assert "<em>Fine.</em>" in html
    assert '<p class="ipg-notice">No server answers at http://b. Start it.</p>' in html


def test_a_run_that_has_to_be_repeatable_shows_no_times() -> None:
    answer = Answer(text="x", usage=USAGE, seconds=3.5, first_token_s=0.5, is_deterministic=True)

    assert comparison_bundle([Column(label="a", answer=answer)]).text == "a\nx\n(7 tokens in, 30 out)"


def test_an_answer_that_came_at_once_has_no_speed() -> None:
    answer = Answer(text="x", usage=USAGE, seconds=0.5, first_token_s=0.5)

    assert "tokens/s" not in comparison_bundle([Column(label="a", answer=answer)]).text


def test_what_came_before_an_error_stands_above_it() -> None:
    column = Column(label="a", answer=Answer(text="It be", partial=True), error="It broke off.")

    assert comparison_bundle([column]).text.splitlines()[:4] == [
        "a",
        "It be",
        "[Stopped: what follows is missing.]",
        "[It broke off.]",
    ]


def test_those_that_have_not_begun_say_how_long_they_take() -> None:
    columns = [
        Column(label="a", answer=Answer(text="It be", seconds=12.0, first_token_s=0.5), is_under_way=True),
        Column(label="b", answer=Answer(text="", reasoning="Hm."), is_under_way=True),
        Column(label="c", is_under_way=True),
        DEAD,
    ]

    bundle = waiting_comparison_bundle(columns, seconds=12)

    assert bundle.text == (
        "a\nIt be\n(12.0 s, first after 0.5 s)\n\nb\nReasoning … 12 s\n\nc\nWaiting for the answer … 12 s\n\n"
        "dead@http://b\n[No server answers at http://b. Start it.]"
    )


def test_nothing_that_is_hostile_runs_or_leaves_its_column() -> None:
    hostile = Column(label=HOSTILE, answer=Answer(text=HOSTILE, model=HOSTILE), error=HOSTILE)
    growing = Column(label=HOSTILE, answer=Answer(text=HOSTILE), is_under_way=True)

    for bundle in (comparison_bundle([hostile]), waiting_comparison_bundle([growing], seconds=1)):
        assert StrictReader(bundle.data["text/html"]).violations == []
        assert "<script" not in (bundle.markdown or "")


def test_facts_are_kept_by_label() -> None:
    facts = comparison_bundle([FAST, DEAD]).metadata["ipy_gateway"]["answers"]

    assert facts["fast"]["first_token_s"] == 0.5
    assert facts["fast"]["error"] is None
    assert facts["dead@http://b"] == {"error": DEAD.error}
