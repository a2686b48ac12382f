"""Blocks of Markdown that arrives in pieces: finished once, wherever it is cut."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ipy_gateway.render.blocks import MAX_TAIL_CHARACTERS, BlockSplitter
from ipy_gateway.render.markdown import markdown_html
from ipy_gateway.render.text import printable

from ..support.strict_html import StrictReader

LINES = st.sampled_from(
    [
        *("", "", "", " ", "\t", "words", "more words *and* `code`", "  words", "    words", "\twords"),
        *("# head", "===", "---", "* * *", "- item", "- ", "  - inner", "* other", "+ third", "    - deep"),
        *("1. one", "2. two", "7) seven", "   below", "     code below", "> quote", ">", "> - item", "lazy"),
        *("```", "```python", "~~~", "````", "  ```", "- ```", "> ```", "    ```"),
        *("|a|b|", "|-|-|", "a | b", "- | -", "|1|2|3|"),
        *("$$", "$$x$$", "\\[", "\\]", "\\[ x \\]", "> $$", "- \\[", "  \\]", "so \\(x", "y\\) is", "\\"),
        *("<div>", "</div>", "<!-- x", "-->", "[x](http://a.example)", "![x](u)", "**bold", "text**", "\\"),
    ]
)
TEXTS = st.one_of(
    st.lists(LINES, max_size=30).map("\n".join),
    st.text(alphabet=st.sampled_from("\n\r -*>`~#|1.$\\[]()ab\t=_"), max_size=80),
    st.text(max_size=60),
)


def fed(pieces: Sequence[str]) -> tuple[list[str], str]:
    splitter = BlockSplitter()
    finished = [block for piece in pieces for block in splitter.feed(piece)]
    return finished, splitter.tail


def cut(text: str, places: Sequence[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def inner_html(markdown: str) -> str:
    return markdown_html(markdown).removeprefix('<div class="ipg-answer">').removesuffix("</div>").strip("\n")


@settings(max_examples=400)
@given(TEXTS, st.lists(st.integers(min_value=0), max_size=12))
def test_nothing_is_lost_and_cuts_do_not_matter(text: str, places: Sequence[int]) -> None:
    whole = fed([text])

    in_pieces = fed(cut(text, places))

    assert in_pieces == whole
    assert "".join(whole[0]) + whole[1] == printable(text)


@settings(max_examples=600)
@given(TEXTS)
def test_blocks_look_one_by_one_as_they_look_together(text: str) -> None:
    environment: dict[str, object] = {}
    MarkdownIt("commonmark").parse(printable(text), environment)
    assume(not environment.get("references"))

    finished, tail = fed([text])

    parts = [inner_html(block) for block in (*finished, tail)]
    assert "".join(parts).replace("\n", "") == inner_html(text).replace("\n", "")


@settings(max_examples=200)
@given(TEXTS, st.integers(min_value=0))
def test_what_is_finished_stays_so_whatever_follows(text: str, place: int) -> None:
    beginning, _ = cut(text, [place])

    early, _ = fed([beginning])
    late, _ = fed([text])

    assert late[: len(early)] == early


@pytest.mark.parametrize(
    ("text", "finished", "tail"),
    [
        ("one\n\ntwo", [], "one\n\ntwo"),
        ("one\n\ntwo\n", ["one\n\n"], "two\n"),
        ("# head\ntext\n\nmore\n", ["# head\ntext\n\n"], "more\n"),
        ("head\n", [], "head\n"),
        ("- a\n\n- b\n\n  more\n", [], "- a\n\n- b\n\n  more\n"),
        ("- a\n\n- b\n\nmore\n", ["- a\n\n- b\n\n"], "more\n"),
        ("```\na\n\nb\n", [], "```\na\n\nb\n"),
        ("```\na\n```\n\nb\n", ["```\na\n```\n\n"], "b\n"),
        ("    a\n\n    b\n\nc\n", ["    a\n\n    b\n\n"], "c\n"),
        ("one\r\n\r\ntwo\r", ["one\n\n"], "two\n"),
        ("one\n\n[a]: http://a.example\n\ntwo\n", ["one\n\n[a]: http://a.example\n\n"], "two\n"),
    ],
)
def test_a_block_is_finished_when_the_next_begins_after_a_blank_line(
    text: str, finished: list[str], tail: str
) -> None:
    assert fed(list(text)) == (finished, tail)


def test_a_long_fence_goes_on_in_a_fence_of_the_same_kind() -> None:
    code = "".join(f"print({number})\n\n" for number in range(1000))

    finished, tail = fed([f"So:\n\n  ~~~~ python\n{code}"])

    so, *parts = finished
    assert so == "So:\n\n"
    assert all(part.startswith("  ~~~~ python\n") and part.endswith("\n~~~~\n") for part in parts)
    shown = StrictReader("".join(map(markdown_html, [*parts, tail]))).text
    assert shown.split() == code.split()
    assert len(tail) <= MAX_TAIL_CHARACTERS


def test_a_long_list_is_split_between_items_and_counts_on() -> None:
    items = [f"{number}. item\n   below it\n" for number in range(1, 1000)]

    finished, tail = fed(items)

    assert "".join(finished) + tail == "".join(items)
    markup = "".join(map(markdown_html, [*finished, tail]))
    assert len(finished) > 3
    assert markup.count("<li>") == 999
    assert f'<ol start="{tail.partition(".")[0]}">' in markup


def test_a_long_list_whose_numbers_are_all_the_same_is_not_split() -> None:
    items = ["1. item\n"] * 1000

    assert fed(items) == ([], "".join(items))


def test_a_long_table_repeats_its_head() -> None:
    rows = [f"|{number}|words|\n" for number in range(1000)]

    finished, tail = fed(["|x|y|\n|-|-|\n", *rows])

    assert len(finished) > 1
    assert all(part.startswith("|x|y|\n|-|-|\n") for part in (*finished, tail))
    assert "".join((*finished, tail)).replace("|x|y|\n|-|-|\n", "") == "".join(rows)
