"""A model's Markdown as Markdown that is safe to hand on: front ends that render it run and load nothing.

The rewriting (`rewriting.py`) knows no grammar but that of code. So parsers read what comes out, with HTML
on, and where one still finds something, the whole is given as code.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby

from markdown_it import MarkdownIt
from markdown_it.token import Token

from .markdown import LINK_SCHEMES, MAX_NESTING, block_tokens, closes_fence, is_too_deep
from .rewriting import as_code_block, rewritten
from .text import printable

# Tokens of blocks that own their lines. The lines of no block are empty, or say where a link goes.
LEAVES = ("fence", "code_block", "table_open", "inline", "maths_block")

_CELL_EDGE = re.compile(r"(?<!\\)(\|)")
# Languages that front ends draw rather than show; a diagram can load images.
_DRAWN = re.compile(r"(`{3,}|~{3,})[ \t]*(?:mermaid|math|geojson|topojson|stl)\b", re.IGNORECASE)


def safe_markdown(text: str) -> str:
    """The Markdown with nothing in it that a front end would run or load.

    Outside of code, raw HTML is escaped, images become links, links that go elsewhere than to http(s) become
    text, and formulas that do more than typeset become code. The other formulas get the dollars that GitHub,
    VS Code and nbconvert know, and the dollars of prices, which they would take for formulas, a backslash. A
    fence without end gets one, so that it does not swallow what is written below.
    """
    source = printable(text)
    blocks = block_tokens(source)
    if not is_too_deep(blocks):
        has_images = any(token.type == "image" for token in _flat(_parser(has_html=False).parse(source)))
        safe = "".join(_safe_lines(source, blocks, has_images=has_images)) + _missing_end(source, blocks)
        if _is_harmless(safe):
            return safe
    return as_code_block(source)


def _safe_lines(source: str, blocks: Sequence[Token], *, has_images: bool) -> Iterator[str]:
    lines = re.findall(r"[^\n]*\n|[^\n]+", source)
    owners: list[Token | None] = [None] * len(lines)
    for token in blocks:
        if token.type in LEAVES and token.map:
            for number in range(*token.map):
                owners[number] = owners[number] or token
    for _, group in groupby(zip(lines, owners, strict=True), key=lambda pair: id(pair[1])):
        owned = list(group)
        yield from _safe_block([line for line, _ in owned], owned[0][1], has_images=has_images)


def _safe_block(lines: Sequence[str], owner: Token | None, *, has_images: bool) -> Iterator[str]:
    match owner.type if owner else None:
        case "code_block":
            yield from lines
        case "fence":
            yield _DRAWN.sub(r"\1text", lines[0], count=1)
            yield from lines[1:]
        case "table_open":
            for line in lines:
                yield from (rewritten(cell, has_images=has_images) for cell in _CELL_EDGE.split(line))
        case None:
            yield from (rewritten(line, has_images=has_images) for line in lines)
        case _:
            yield rewritten("".join(lines), has_images=has_images)


def _missing_end(source: str, blocks: Sequence[Token]) -> str:
    last = blocks[-1] if blocks else None
    if last is None or last.type != "fence" or last.map is None:
        return ""
    start, stop = last.map
    final = source.split("\n")[stop - 1]
    if stop - 1 > start and closes_fence(final, last.markup):
        return ""
    return last.markup if source.endswith("\n") else f"\n{last.markup}"


def _is_harmless(markdown: str) -> bool:
    """Whether parsers that let everything through find nothing that runs or loads, with tables or without."""
    for has_tables in (False, True):
        tokens = _parser(has_tables=has_tables).parse(markdown)
        if is_too_deep(tokens) or not all(map(_is_harmless_token, _flat(tokens))):
            return False
    return True


def _is_harmless_token(token: Token) -> bool:
    if token.type == "link_open":
        return str(token.attrGet("href")).lower().startswith(LINK_SCHEMES)
    return token.type not in ("html_block", "html_inline", "image")


def _flat(tokens: Iterable[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or ())


@cache
def _parser(*, has_html: bool = True, has_tables: bool = True) -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": has_html, "maxNesting": MAX_NESTING})
    parser.validateLink = lambda url: True  # type: ignore[method-assign]  # its API
    return parser.enable(["table", "strikethrough"]) if has_tables else parser
