"""Markdown that is safe to hand on to front ends that render it in their own way."""

from collections.abc import Iterable, Iterator

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ipy_gateway.render.safe_markdown import safe_markdown
from ipy_gateway.render.text import printable

from .hostile import HOSTILE_ANSWERS
from .test_blocks import LINES

HOSTILE_LINES = st.sampled_from(
    [line for text in HOSTILE_ANSWERS.values() for line in text.split("\n") if len(line) < 300]
)
TEXTS = st.lists(st.one_of(LINES, HOSTILE_LINES), max_size=15).map("\n".join)


def parsed(markdown: str, *, preset: str = "js-default") -> list[Token]:
    """What a front end reads that lets everything through."""
    parser = MarkdownIt(preset, {"html": True, "maxNesting": 200})
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # its API
    return list(flat(parser.parse(markdown)))


def parsed_by_a_careful_reader(markdown: str) -> list[Token]:
    parser = MarkdownIt("js-default", {"html": False, "maxNesting": 200})
    parser.validateLink = lambda url: url.lower().startswith("http")  # type: ignore[method-assign]  # its API
    return list(flat(parser.parse(markdown)))


def flat(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or ())


def code_in(tokens: Iterable[Token]) -> list[str]:
    kinds = ("fence", "code_block", "code_inline")
    return [token.content.rstrip() for token in tokens if token.type in kinds]


@pytest.mark.parametrize(
    "text",
    [
        "# Head\n\nSome *words*, `code` and **more**.\n\n* [x](https://a.example)\n* <https://b.example>\n",
        "|a|b|\n|-|-|\n|1|2|\n\n> quote\n\n---\n\n1. one\n2. two\n",
        "```html\n<script>x</script>\n![x](u)\n```\n",
        "    <b>\n\n`<b>` and ``a ` <b>``\n",
        "It costs $5. 1 < 2, a<=b, wow![1] \\(escaped \\*",
        "$$\n\\frac{a}{b}\n$$\n",
        "[x][r] and [r]\n\n[r]: http://a.example 'title'\n",
    ],
)
def test_what_is_harmless_stays_as_it_is_written(text: str) -> None:
    assert safe_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <b>bold</b> `<b>`", "a &lt;b>bold&lt;/b> `<b>`"),
        ("<!-- x --> <?x?> </p>", "&lt;!-- x --> &lt;?x?> &lt;/p>"),
        ("![a *b*](http://a.example/x.png)", "[image: a *b*](http://a.example/x.png)"),
        ("!![x](http://a.example)", "[image: x](http://a.example)"),
        ("\\!![x](http://a.example) Hey!!", "\\![image: x](http://a.example) Hey!!"),
        ("![x][r]\n\n[r]: http://a.example", "[image: x][r]\n\n[r]: http://a.example"),
        ("[x](javascript:alert)", "[x]\\(javascript:alert)"),
        ("[x](/local) [y](HTTPS://a.example)", "[x]\\(/local) [y](HTTPS://a.example)"),
        ("[x]\n\n[x]: javascript:alert", "[x]\n\n[x]\\: javascript:alert"),
        ("> - [x]: data:x", "> - [x]\\: data:x"),
        ("<mailto:a@b.example> <http://a.example>", "&lt;mailto:a@b.example> <http://a.example>"),
        ("|a|\n|-|\n|`<b>` <b>|", "|a|\n|-|\n|`<b>` &lt;b>|"),
        ("```mermaid\nx\n```", "```text\nx\n```"),
        ("```py\nx", "```py\nx\n```"),
        ("~~~~\n```\n", "~~~~\n```\n~~~~"),
        ("- ```\n  <b>\n\n<b>", "- ```\n  <b>\n\n&lt;b>"),
    ],
)
def test_what_would_run_or_load_is_rewritten_outside_of_code(text: str, expected: str) -> None:
    assert safe_markdown(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so \( x_1 \) is", "so $x_1$ is"),
        ("\\[\nx\n\\]", "$$\nx\n$$"),
        (r"\(a<b\) \(x![a](y)\)", "$a< b$ $x! [a] (y)$"),
        (r"\(\href{x}{y}\)", r"`\(\href{x}{y}\)`"),
        (r"\(\href{`x`}{y}\)", r"`` \(\href{`x`}{y}\) ``"),
        (r"\(\text{for $5}\)", r"`\(\text{for $5}\)`"),
        ("$5 or $6 or `$7`", r"\$5 or \$6 or `$7`"),
        (r"$\href{x}{y}$", r"\$\href{x}{y}\$"),
        (r"\begin{align}x\end{align}", r"&#92;begin{align}x\end{align}"),
        (r"`\(x\)` and \\(x\\)", r"`\(x\)` and \\(x\\)"),
    ],
)
def test_formulas_stay_formulas_and_prices_stay_prices(text: str, expected: str) -> None:
    assert safe_markdown(text) == expected


def test_what_no_rewriting_makes_harmless_is_given_as_code() -> None:
    nested = "> " * 150 + "<b>```</b>"

    assert safe_markdown(nested) == f"````text\n{nested}\n````"


@settings(max_examples=400)
@given(TEXTS)
def test_no_text_gives_html_images_or_links_to_elsewhere(text: str) -> None:
    for preset in ("commonmark", "js-default"):
        tokens = parsed(safe_markdown(text), preset=preset)

        assert {token.type for token in tokens}.isdisjoint({"html_block", "html_inline", "image"})
        links = [str(token.attrGet("href")).lower() for token in tokens if token.type == "link_open"]
        assert all(link.startswith(("http://", "https://")) for link in links)


@settings(max_examples=300)
@given(TEXTS.filter(lambda text: "$" not in text and "\\" not in text))
def test_code_keeps_its_characters(text: str) -> None:
    safe = safe_markdown(text)

    assume(not safe.startswith("```text\n"))
    assert code_in(parsed(safe)) == code_in(parsed_by_a_careful_reader(printable(text)))
