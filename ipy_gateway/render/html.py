"""HTML that is escaped by construction: the only file that writes a tag."""

import html
import re
from functools import cache
from importlib import resources

from .text import printable

# Notebooks typeset what stands between two dollar signs: "It cost $90 million, $5 million less than planned."
NO_MATHS = "tex2jax_ignore mathjax_ignore"
# Inside of that, the formulas that we have read.
MATHS = "tex2jax_process mathjax_process"

# Where a notebook becomes Markdown, an output is a block of HTML there, which ends at the first blank line:
# what follows, say the second half of a model's code, would be read as Markdown.
_BEFORE_BLANK_LINE = re.compile(r"\n(?=[ \t]*\n)")
_COMMENT = re.compile(r"/\*.*?\*/|^[ \t]*//[^\n]*", re.DOTALL | re.MULTILINE)
# A line end that means nothing, in a script as in a style sheet; in a notebook's file each takes 14 bytes.
_IDLE_LINE_END = re.compile(r"^((?:(?!//).)*[;{,(\[])\n", re.MULTILINE)


class Html(str):
    """Markup. Whatever is not of this type is text, and gets escaped."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Html:
    """An element with its children; `class_` gives the attribute class, and `open=""` one without value."""
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    opening = "".join(f' {name}="{_escape(value)}"' for name, value in names.items())
    return Html(f"<{tag}{opening}>{fragment(*children)}</{tag}>")


def fragment(*children: str) -> Html:
    """Children side by side."""
    return Html("".join(child if isinstance(child, Html) else _escape(child) for child in children))


def block(*children: str, has_style: bool = True, extra_style: str = "") -> Html:
    """A whole output, with the style sheet that it needs, unless an output before it has brought that.

    Args:
        children: what it shows.
        has_style: whether it brings a style sheet.
        extra_style: name of a style sheet of ours that only outputs of its kind need.
    """
    sheets = ["style.css", *filter(None, [extra_style])] if has_style else []
    style = [element("style", *map(_asset, sheets))] if sheets else []
    markup = element("div", *style, *children, class_=f"ipy-gateway {NO_MATHS}")
    return Html(_BEFORE_BLANK_LINE.sub("&#10;", markup))


def script(*names: str) -> Html:
    """Scripts of ours from their files, in a scope of their own.

    Values reach them by attributes, which are escaped as ever; no value becomes a part of a script.
    """
    return element("script", Html("(() => {\n"), *map(_asset, names), Html("})();"))


def _escape(text: str) -> str:
    return html.escape(printable(text))


@cache
def _asset(name: str) -> Html:
    """A file of ours without comments, indentation and most line ends: every output carries it."""
    text = _COMMENT.sub("", resources.files(__package__).joinpath("static", name).read_text("utf-8"))
    lines = filter(None, map(str.strip, text.splitlines()))
    return Html(_IDLE_LINE_END.sub(r"\1", "".join(f"{line}\n" for line in lines)))
