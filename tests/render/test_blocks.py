"""Blocks of Markdown that arrives in pieces: finished once, wherever it is cut, at a cost that is linear."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ipy_gateway.render.blocks import MAX_TAIL_CHARACTERS, BlockSplitter, should_repaint
from ipy_gateway.render.markdown import markdown_html
from ipy_gateway.render.text import printable

from ..support.strict_html import StrictReader

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_REPAINT = 10

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


@settings(deadline=None, max_examples=400)
@given(TEXTS, st.lists(st.integers(min_value=0), max_size=12))
def test_nothing_is_lost_and_cuts_do_not_matter(text: str, places: Sequence[int]) -> None:
    whole = fed([text])

    in_pieces = fed(cut(text, places))

    assert in_pieces == whole
    assert "".join(whole[0]) + whole[1] == printable(text)


@settings(deadline=None, max_examples=600)
@given(TEXTS)
def test_blocks_look_one_by_one_as_they_look_together(text: str) -> None:
    environment: dict[str, object] = {}
    MarkdownIt("commonmark").parse(printable(text), environment)
    assume(not environment.get("references"))

    finished, tail = fed([text])

    parts = [inner_html(block) for block in (*finished, tail)]
    assert "".join(parts).replace("\n", "") == inner_html(text).replace("\n", "")


@settings(deadline=None, max_examples=200)
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


def prose(size: int) -> str:
    return ("The quick brown fox jumps over the lazy dog. " * 9 + "\n\n") * (size // 400)


def one_fence(size: int) -> str:
    return "```python\n" + "value = compute(value)\n\n" * (size // 24)


def one_list(size: int) -> str:
    return "".join(f"{number}. an item of the list\n" for number in range(1, size // 24))


def loose_list(size: int) -> str:
    return "- an item of the list\n\n" * (size // 24)


def same_numbers(size: int) -> str:
    return "1. an item of the list\n" * (size // 24)


def one_table(size: int) -> str:
    return "|a|b|\n|-|-|\n" + "|some words|and others|\n" * (size // 24)


def one_line(size: int) -> str:
    return "word " * (size // 5)


def one_quote(size: int) -> str:
    return "> words that are quoted\n>\n" * (size // 26)


def sent(text: str) -> Iterator[int]:
    """Sizes of what is sent: finished blocks, repaints of the tail, and the whole at the end."""
    splitter = BlockSplitter()
    shown = 0
    step = TOKENS_PER_REPAINT * CHARACTERS_PER_TOKEN
    for start in range(0, len(text), step):
        for block in splitter.feed(text[start : start + step]):
            yield len(block)
            shown = 0
        if should_repaint(shown, len(splitter.tail)):
            shown = len(splitter.tail)
            yield shown
    yield len(text)


@pytest.mark.parametrize(
    "answer",
    [prose, one_fence, one_list, loose_list, same_numbers, one_table, one_line, one_quote],
    ids=lambda answer: answer.__name__,
)
def test_twice_the_answer_is_twice_the_characters_sent(answer: Callable[[int], str]) -> None:
    short, long = answer(5_000 * CHARACTERS_PER_TOKEN), answer(10_000 * CHARACTERS_PER_TOKEN)

    sent_short, sent_long = sum(sent(short)), sum(sent(long))

    assert sent_long / sent_short <= 2.2
    assert sent_long <= 60 * len(long)


def test_a_tail_of_ordinary_length_is_repainted_whenever_it_has_grown() -> None:
    assert should_repaint(0, 1)
    assert should_repaint(100, 101)
    assert not should_repaint(100, 100)


def test_an_endless_tail_is_repainted_when_it_has_grown_by_a_tenth() -> None:
    assert should_repaint(0, 50_000)
    assert not should_repaint(50_000, 54_999)
    assert should_repaint(50_000, 55_000)
