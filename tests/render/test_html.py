"""HTML that is escaped by construction."""

import pytest

from ipy_gateway.core.config import GatewayConfig
from ipy_gateway.core.messages import TranscriptText
from ipy_gateway.core.waiting.progress import Progress
from ipy_gateway.render.answers import Answer, answer_bundle
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.html import Html, block, element, fragment
from ipy_gateway.render.live import block_bundle, reasoning_bundle
from ipy_gateway.render.results import config_bundle, stopped_bundle, transcript_bundle, waiting_bundle

from ..support.strict_html import StrictReader

HOSTILE = "</style></p><script>alert(1)</script><img src=x onerror=alert(1)> \" ' & \x1b[31m \ud800"


def test_text_is_escaped_and_markup_is_kept() -> None:
    assert (
        element("p", "1 < 2 & ", element("em", "so"), class_='a"b')
        == '<p class="a&quot;b">1 &lt; 2 &amp; <em>so</em></p>'
    )


def test_names_of_attributes_become_those_of_html() -> None:
    assert (
        element("th", scope="row", data_name="x", class_="y")
        == '<th scope="row" data-name="x" class="y"></th>'
    )


def test_children_lie_side_by_side() -> None:
    assert fragment("<", Html("<br>"), ">") == "&lt;<br>&gt;"


def test_markup_that_was_cut_or_joined_is_text_again() -> None:
    joined = Html("<b>") + "x"

    assert fragment(joined) == "&lt;b&gt;x"
    assert fragment(Html("<b>")[1:]) == "b&gt;"


def test_control_characters_stay_out() -> None:
    assert element("p", "a\x00\x1b[1mb\N{RIGHT-TO-LEFT OVERRIDE}", title="\x07t") == '<p title="t">a[1mb</p>'


def test_an_output_brings_its_style_and_is_not_read_as_formulas() -> None:
    markup = block("$90 million and $5 million")

    assert markup.startswith('<div class="ipy-gateway tex2jax_ignore mathjax_ignore"><style>')
    assert "prefers-color-scheme" not in markup.partition("</style>")[2]
    assert StrictReader(markup).text == "$90 million and $5 million"


def test_an_output_has_no_blank_lines_which_would_end_it_in_a_markdown_file() -> None:
    code = "first\n\n\n \t\n![x](http://canary.example/)\n"

    markup = block(element("pre", code))

    assert all(line.strip(" \t") for line in markup.split("\n"))
    assert StrictReader(markup).text == code


def test_an_output_after_the_first_needs_no_style() -> None:
    assert block("x", has_style=False) == '<div class="ipy-gateway tex2jax_ignore mathjax_ignore">x</div>'


@pytest.mark.parametrize(
    "bundle",
    [
        transcript_bundle(TranscriptText(HOSTILE, source=HOSTILE, server=HOSTILE, cut_off=True)),
        answer_bundle(Answer(text=HOSTILE, server=HOSTILE, model=HOSTILE, source=HOSTILE)),
        answer_bundle(Answer(text="", reasoning=HOSTILE, notices=(HOSTILE,))),
        block_bundle(HOSTILE),
        reasoning_bundle(HOSTILE, seconds=1.0),
        config_bundle(GatewayConfig(text_model=HOSTILE, ffmpeg_bin=HOSTILE)),
        waiting_bundle(HOSTILE, seconds=1.0, progress=None),
        waiting_bundle("", seconds=1.0, progress=Progress(HOSTILE, 10, 100)),
        waiting_bundle("", seconds=1.0, progress=Progress(HOSTILE, 10, None)),
        stopped_bundle(HOSTILE, seconds=1.0),
    ],
    ids=[
        *("transcript", "answer", "reasoning", "block", "thought", "config"),
        *("waiting", "fetching", "fetching without end", "stopped"),
    ],
)
def test_no_value_gets_out_of_its_place(bundle: Bundle) -> None:
    read = StrictReader(bundle.data["text/html"])

    assert read.violations == []
    assert "<script>alert(1)</script>" in read.text
    assert "\x1b" not in bundle.data["text/html"] + bundle.data["text/plain"]
    bundle.data["text/html"].encode()
    bundle.data["text/plain"].encode()


def test_an_empty_transcript_says_that_nobody_spoke() -> None:
    bundle = transcript_bundle(TranscriptText("", source="a.wav", server="local://engine"))

    assert bundle.data["text/plain"] == "(no speech)"
    assert "(no speech)" in bundle.data["text/html"]


def test_text_and_html_name_the_same_progress() -> None:
    bundle = waiting_bundle("", seconds=3.0, progress=Progress("Whisper tiny.en", 30_000_000, 75_500_000))

    assert bundle.data["text/plain"] == "Fetching Whisper tiny.en: 30.0 MB of 75.5 MB"
    assert "30.0 MB of 75.5 MB" in StrictReader(bundle.data["text/html"]).text
