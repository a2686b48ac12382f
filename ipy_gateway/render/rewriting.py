"""Lines of Markdown rewritten so that nothing in them runs or loads; code keeps its characters."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from .mathematics import Formula, formula_at, is_typeset

_TICKS = re.compile("`+")
# What a line has in front of the label that it gives an address: quotes and items of lists, and a bracket.
_LABEL = re.compile(r"[ \t>*+\d.)-]*\[")
_STEP = re.compile(
    r"""
      (?P<formula>   \\[(\[] | \$\$ )
    | (?P<begin>     \\(?=begin\b) )
    | (?P<kept>      \\. | <https?://[^\s<>`]*> )
    | (?P<ticks>     `+ )
    | (?P<tag>       <(?=[a-z/!?]) )
    | (?P<image>     !+\[? )
    | (?P<elsewhere> \](?=\((?!\s*<?https?://)) )
    | (?P<address>   \](?=:(?!\s*<?https?://)) )
    | (?P<dollar>    \$ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
# What would begin a tag, an image or a link. TeX ignores a space there.
_MARKDOWN_IN_TEX = re.compile(r"<(?=[a-z/!?])|!(?=\[)|\](?=[(\[])", re.IGNORECASE)
_DOLLAR_IN_TEX = re.compile(r"(?<!\\)\$")


def rewritten(text: str, *, has_images: bool) -> str:
    """Lines that belong together, e.g. a paragraph.

    Args:
        text: the lines.
        has_images: whether "![" may begin an image; otherwise it is an exclamation mark before a bracket.
    """
    return "".join(_Rewriting(text, has_images=has_images).pieces())


def as_code_block(text: str) -> str:
    """The text as a fenced code block."""
    ticks = _longer_ticks(text, at_least=3)
    end = "" if text.endswith("\n") else "\n"
    return f"{ticks}text\n{text}{end}{ticks}"


def _as_code_span(text: str) -> str:
    ticks = _longer_ticks(text, at_least=1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def _longer_ticks(text: str, *, at_least: int) -> str:
    longest = max(map(len, _TICKS.findall(text)), default=0)
    return "`" * max(at_least, longest + 1)


class _Rewriting:
    def __init__(self, text: str, *, has_images: bool) -> None:
        self._text = text
        self._has_images = has_images
        self._has_prices = text.count("$") > 1  # a single one is no formula for anybody
        self._ticks: defaultdict[int, list[int]] = defaultdict(list)
        for ticks in _TICKS.finditer(text):
            self._ticks[len(ticks[0])].append(ticks.start())

    def pieces(self) -> Iterator[str]:
        """The text, piece by piece."""
        position = 0
        while step := _STEP.search(self._text, position):
            yield self._text[position : step.start()]
            piece, position = self._replaced(step)
            yield piece
        yield self._text[position:]

    def _replaced(self, step: re.Match[str]) -> tuple[str, int]:
        """What stands there instead of a match, and where the text goes on."""
        found, end = step[0], step.end()
        match step.lastgroup:
            case "formula":
                formula = formula_at(self._text, step.start())
                return (_dollar_formula(formula), formula.end) if formula else (self._bracket(found), end)
            case "ticks":
                stop = self._code_end(step)
                return self._text[step.start() : stop], stop
            case "image" if self._has_images and found.endswith("["):
                return "[image: ", end
            case "begin":
                return "&#92;", end
            case "tag":
                return "&lt;", end
            case "elsewhere":
                return "]\\", end
            case "address" if _LABEL.match(self._text, self._text.rfind("\n", 0, end) + 1, end):
                return "]\\", end
            case "dollar":
                return self._bracket(found), end
            case _:
                return found, end

    def _bracket(self, found: str) -> str:
        """A delimiter that begins no formula."""
        return found.replace("$", r"\$") if self._has_prices else found

    def _code_end(self, ticks: re.Match[str]) -> int:
        """Where code ends that begins with these backticks: after as many of them."""
        closings = self._ticks[len(ticks[0])]
        following = bisect_left(closings, ticks.end())
        return closings[following] + len(ticks[0]) if following < len(closings) else ticks.end()


def _dollar_formula(formula: Formula) -> str:
    if not is_typeset(formula.tex) or _DOLLAR_IN_TEX.search(formula.tex):
        return _as_code_span(formula.source)
    tex = _MARKDOWN_IN_TEX.sub(r"\g<0> ", formula.tex)
    return f"${tex.strip()}$" if formula.opening == r"\(" else f"$${tex}$$"
