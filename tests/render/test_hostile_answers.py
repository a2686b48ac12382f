"""Answers made to run, load, or mislead: in no representation do they."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ipy_gateway.render.answers import Answer, answer_bundle
from ipy_gateway.render.blocks import BlockSplitter
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.live import block_bundle, reasoning_bundle

from ..support.strict_html import StrictReader
from .hostile import HOSTILE_ANSWERS, VECTORS

SHOWN_TO_MATHJAX = re.compile(r'mathjax_process">(.*?)</', re.DOTALL)
BAD_TEX = re.compile(
    r"\\(href|require|style|class|cssId|data|unicode|bbox|def|newcommand|let|csname|special|url|includegraphics"
    r"|mmlToken|rule|raise|llap)\b"
)

of_every_vector = pytest.mark.parametrize("text", HOSTILE_ANSWERS.values(), ids=HOSTILE_ANSWERS)


@cache
def bundle_of(text: str) -> Bundle:
    return answer_bundle(Answer(text=text, reasoning=text, partial=True))


def blocks_of(text: str, *, size: int) -> list[str]:
    splitter = BlockSplitter()
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    return [block for piece in pieces for block in splitter.feed(piece)] + [splitter.tail]


def flat(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


def test_there_are_many_and_each_has_a_name() -> None:
    assert len(HOSTILE_ANSWERS) == len(VECTORS) >= 70


@of_every_vector
def test_the_html_has_only_what_an_output_may_have(text: str) -> None:
    markup = bundle_of(text).data["text/html"]

    assert StrictReader(markup).violations == []
    assert not any(map(BAD_TEX.search, SHOWN_TO_MATHJAX.findall(markup)))


@of_every_vector
def test_so_it_is_where_times_are_links_to_a_recording_with_a_hostile_name(text: str) -> None:
    answer = Answer(text=f"[0:05] {text}\n\n[1:02:33-1:03:00] {text}", player=text)

    assert StrictReader(answer_bundle(answer).data["text/html"]).violations == []


@of_every_vector
def test_each_block_has_only_what_an_output_may_have_while_it_is_written(text: str) -> None:
    live = [block_bundle(block, has_style=False) for block in blocks_of(text, size=7)]

    markup = [bundle.data["text/html"] for bundle in [*live, reasoning_bundle(text, seconds=1.0)]]
    assert [violation for part in markup for violation in StrictReader(part).violations] == []
    assert not any(BAD_TEX.search(tex) for part in markup for tex in SHOWN_TO_MATHJAX.findall(part))


@of_every_vector
def test_the_plain_text_commands_no_terminal(text: str) -> None:
    plain = bundle_of(text).data["text/plain"]

    assert {character for character in plain if unicodedata.category(character) in ("Cc", "Cs")} <= {
        "\n",
        "\t",
    }
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", plain)
    plain.encode()


@of_every_vector
@pytest.mark.parametrize("preset", ["commonmark", "js-default"])
def test_the_markdown_has_no_html_no_image_and_no_link_to_elsewhere(text: str, preset: str) -> None:
    parser = MarkdownIt(preset, {"html": True})
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # its API

    tokens = list(flat(parser.parse(bundle_of(text).data["text/markdown"])))

    assert {token.type for token in tokens}.isdisjoint({"html_block", "html_inline", "image"})
    links = [str(token.attrGet("href")) for token in tokens if token.type == "link_open"]
    assert [link for link in links if not link.lower().startswith(("http://", "https://"))] == []


@of_every_vector
def test_no_front_end_draws_a_diagram_of_it(text: str) -> None:
    tokens = flat(MarkdownIt("js-default").parse(bundle_of(text).data["text/markdown"]))

    languages = {token.info.strip().partition(" ")[0].lower() for token in tokens if token.type == "fence"}
    assert languages.isdisjoint({"mermaid", "math"})
