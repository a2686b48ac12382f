r"""Formulas in Markdown: `\(..\)`, `\[..\]` and `$$..$$`. A single dollar is a price.

A formula is as hostile as the text around it, and MathJax has commands that load, link, style and define. So
it is typeset only when every command in it is known to do none of that (`static/tex_commands.txt`).
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

# By the opening, its closing.
DELIMITERS = {r"\(": r"\)", r"\[": r"\]", "$$": "$$"}
# More is an attack on whoever typesets it; the limits also keep the search for an end short.
MAX_TEX_CHARACTERS = 4000
MAX_TEX_LINES = 100
MAX_TEX_NESTING = 30

MATHS_INLINE = "maths_inline"
MATHS_BLOCK = "maths_block"

_STEP = re.compile(r"\\.|\$\$|\n[ \t]*\n", re.DOTALL)
_CONTROL = re.compile(r"\\(?:[A-Za-z]+|.)", re.DOTALL)
# What covers the page rather than standing in the text: \hspace{-2000em}.
_HUGE_LENGTH = re.compile(r"\d{3,}\.?\d*\s*(?:em|ex|mu|px|pt|pc|cm|mm|in)\b")


@dataclass(frozen=True, slots=True)
class Formula:
    """A formula as it stands in a text.

    Attributes:
        opening: its first delimiter.
        tex: what stands between the delimiters.
        end: where the text goes on.
    """

    opening: str
    tex: str
    end: int

    @property
    def source(self) -> str:
        """The formula with its delimiters."""
        return f"{self.opening}{self.tex}{DELIMITERS[self.opening]}"


def formula_at(text: str, start: int) -> Formula | None:
    """The formula that begins there, if one does, and also ends before the next blank line."""
    opening = text[start : start + 2]
    closing = DELIMITERS.get(opening)
    limit = start + 2 + MAX_TEX_CHARACTERS
    if closing is None or text.find(closing, start + 2, limit) < 0:
        return None
    for step in _STEP.finditer(text, start + 2, limit):
        if step[0] == closing:
            return _formula(text, start, step.start())
        if step[0] == opening or step[0].startswith("\n"):
            break
    return None


def _formula(text: str, start: int, tex_end: int) -> Formula | None:
    opening, tex, end = text[start : start + 2], text[start + 2 : tex_end], tex_end + 2
    if not tex.strip() or (opening == "$$" and _are_prices(text, start, end)):
        return None
    return Formula(opening, tex, end)


def _are_prices(text: str, start: int, end: int) -> bool:
    """Whether the dollars are a scale or sums: "($$) to ($$$)", "$$5 or $$6"."""
    before, inner, after = text[start - 1 : start], text[start + 2], text[end : end + 1]
    return before == "$" or inner in "$)]},.;:!?" or after == "$" or after.isdigit()


def is_typeset(tex: str) -> bool:
    """Whether TeX does nothing but typeset."""
    commands = {step[1:] for step in _CONTROL.findall(tex)}
    return (
        {name for name in commands if name[0].isascii() and name[0].isalpha()} <= _known_commands()
        and not _HUGE_LENGTH.search(tex)
        and _nesting(tex) <= MAX_TEX_NESTING
    )


def _nesting(tex: str) -> int:
    depth = deepest = 0
    for character in tex:
        depth += (character == "{") - (character == "}")
        deepest = max(deepest, depth)
    return deepest


@cache
def _known_commands() -> frozenset[str]:
    lines = resources.files(__package__).joinpath("static/tex_commands.txt").read_text("utf-8").splitlines()
    return frozenset(name for line in lines if not line.startswith("#") for name in line.split())


def maths_plugin(parser: MarkdownIt) -> None:
    r"""Let a parser find formulas: tokens `maths_inline` and `maths_block` with the source as content.

    In CommonMark a backslash before a bracket is an escape; a formula wins over it.
    """
    parser.inline.ruler.before("escape", MATHS_INLINE, _inline_rule)
    interrupted = ["paragraph", "reference", "blockquote", "list"]
    parser.block.ruler.before("fence", MATHS_BLOCK, _block_rule, {"alt": interrupted})


def _inline_rule(state: StateInline, silent: bool) -> bool:
    formula = formula_at(state.src, state.pos)
    if formula is None or formula.end > state.posMax:
        return False
    if not silent:
        token = state.push(MATHS_INLINE, "", 0)
        token.content, token.markup = formula.source, formula.opening
    state.pos = formula.end
    return True


def _block_rule(state: StateBlock, start_line: int, end_line: int, silent: bool) -> bool:
    """A formula that has its lines for itself."""
    position = state.bMarks[start_line] + state.tShift[start_line]
    if state.src[position : position + 2] not in (r"\[", "$$") or state.is_code_block(start_line):
        return False
    text = _lines_of_block(state, start_line, end_line)
    formula = formula_at(text, 0)
    if formula is None or text[formula.end :].partition("\n")[0].strip():
        return False
    if silent:
        return True
    state.line = start_line + 1 + text.count("\n", 0, formula.end)
    token = state.push(MATHS_BLOCK, "", 0)
    token.content, token.markup, token.map = formula.source, formula.opening, [start_line, state.line]
    return True


def _lines_of_block(state: StateBlock, start_line: int, end_line: int) -> str:
    stop = start_line + 1
    last = min(end_line, start_line + MAX_TEX_LINES)
    while stop < last and not state.isEmpty(stop) and state.sCount[stop] >= state.blkIndent:
        stop += 1
    return state.getLines(start_line, stop, state.blkIndent, False).lstrip()
