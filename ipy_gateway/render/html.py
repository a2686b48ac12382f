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

ANSWERS_STYLE = "answers.css"
# Where a notebook becomes Markdown, an output is a block of HTML there, which ends at the first blank line:
# what follows, say the second half of a model's code, would be read as Markdown.
_BEFORE_BLANK_LINE = re.compile(r"\n(?=[ \t]*\n)")
_COMMENT = re.compile(r"/\*.*?\*/|^[ \t]*//[^\n]*", re.DOTALL | re.MULTILINE)
# A line end that means nothing, in a script as in a style sheet; in a notebook's file each takes 14 bytes.
_IDLE_LINE_END = re.compile(r"^((?:(?!//).)*[;{,(\[=>])\n", re.MULTILINE)
_IDLE_BLANK = re.compile(r"([:,;{]) | (?=\{)")  # in a style sheet


class Html(str):
    """Markup. Whatever is not of this type is text, and gets escaped."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Html:
    """An element with its children; `class_` gives the attribute class, and `open=""` one without value."""
    return Html(f"{unclosed(tag, *children, **attributes)}</{tag}>")


def unclosed(tag: str, *children: str, **attributes: str) -> Html:
    """An element that ends where the next one begins, as an item of a list does (HTML standard, 13.1.2.4)."""
    names = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    opening = "".join(f' {name}="{html.escape(printable(value))}"' for name, value in names.items())
    return Html(f"<{tag}{opening}>{fragment(*children)}")


def fragment(*children: str) -> Html:
    """Children side by side."""
    return Html("".join(child if isinstance(child, Html) else _escape(child) for child in children))


def block(*children: str, has_style: bool = True, styles: tuple[str, ...] = (ANSWERS_STYLE,)) -> Html:
    """A whole output, with the style sheets that it needs, unless an output before it has brought them.

    Args:
        children: what it shows.
        has_style: whether it brings style sheets.
        styles: names of those of ours that it needs besides what all outputs need.
    """
    style = [element("style", *map(_asset, ["base.css", *styles]))] if has_style else []
    markup = element("div", *style, *children, class_=f"ipy-gateway {NO_MATHS}")
    return Html(_BEFORE_BLANK_LINE.sub("&#10;", markup))


def script(*names: str) -> Html:
    """Scripts of ours from their files, in a scope of their own.

    Values reach them by attributes, which are escaped as ever; no value becomes a part of a script.
    """
    return element("script", Html("(() => {\n"), *map(_asset, names), Html("})();"))


def _escape(text: str) -> str:
    """Text between tags, where quotes mean nothing: an hour of speech has hundreds of apostrophes."""
    return html.escape(printable(text), quote=False)


@cache
def _asset(name: str) -> Html:
    """A file of ours without comments, indentation and most line ends: every output carries it."""
    text = _COMMENT.sub("", resources.files(__package__).joinpath("static", name).read_text("utf-8"))
    lines = filter(None, map(str.strip, text.splitlines()))
    if name.endswith(".css"):
        return Html(_IDLE_BLANK.sub(r"\1", "".join(lines)))
    return Html(_IDLE_LINE_END.sub(r"\1", "".join(f"{line}\n" for line in lines)))
