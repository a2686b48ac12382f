"""A model's Markdown as HTML. The text is hostile until shown otherwise.

Raw HTML is shown, not run; links go to http(s) only; an image is a link, because loading it would send data
out; a formula is typeset when it does nothing else.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from .html import MATHS, Html, element, fragment
from .mathematics import is_typeset, maths_plugin
from .text import printable

LINK_SCHEMES = ("http://", "https://")
# The parser drops what is nested deeper, and recurses for every level.
MAX_NESTING = 100
IN_LINK = "ipy_gateway_in_link"  # in the renderer's environment: how many links are open
RECORDING = "ipy_gateway_recording"  # there, too: the name of the recording that is spoken of, or ""

_CLOCK = r"(?:([0-9]{1,2}):(?=[0-5]))?([0-9]{1,3}):([0-5][0-9])"
# "[12:34]", also "[12:34-13:10]", "[1:02:33 – 1:03:00]": a hyphen or dash of any kind stands before the end.
_TIME = re.compile(rf"\[{_CLOCK}(?:\s?[-\u2010-\u2015]\s?[0-9]{{1,3}}(?::[0-5][0-9]){{1,2}})?\]")
_LANGUAGE = re.compile(r"[\w+#.-]{1,40}")


def markdown_html(text: str, *, recording: str = "") -> Html:
    """The Markdown text as HTML that runs nothing and fetches nothing.

    Args:
        text: the Markdown.
        recording: name of the recording that it is about: `[12:34]` or `[12:34-13:10]` outside of code
            becomes a link to that moment of its newest player in the notebook. Without a name there are no
            such links.
    """
    source = printable(text)
    parser, environment = _parser(), {RECORDING: recording}
    tokens = parser.parse(source, environment)
    if is_too_deep(tokens):
        rendered = element("pre", element("code", source))
    else:
        rendered = Html(parser.renderer.render(tokens, parser.options, environment))
    return element("div", rendered, class_="ipg-answer")


def cites_times(text: str) -> bool:
    """Whether a text names moments of a recording, such as `[12:34]`."""
    return bool(_TIME.search(text))


def block_tokens(source: str) -> list[Token]:
    """The blocks of printable Markdown, without what is in their lines."""
    parser, tokens = _parser(), list[Token]()
    parser.block.parse(source, parser, {}, tokens)
    return tokens


def closes_fence(line: str, markup: str) -> bool:
    """Whether a line ends the code that a fence with this markup, e.g. "```", has begun."""
    marks = line.strip(" \t\n")
    return set(marks) == {markup[0]} and len(marks) >= len(markup)


def is_too_deep(tokens: Sequence[Token]) -> bool:
    """Whether the parser may have dropped text, because it was nested too deeply."""
    return any(token.level >= MAX_NESTING - 1 for token in tokens)


@cache
def _parser() -> MarkdownIt:
    options = {"html": False, "maxNesting": MAX_NESTING}
    parser = MarkdownIt("commonmark", options, renderer_cls=_SafeRenderer)
    parser.enable(["table", "strikethrough"]).use(maths_plugin)
    parser.validateLink = lambda url: url.lower().startswith(LINK_SCHEMES)  # type: ignore[method-assign]  # its API
    return parser


class _SafeRenderer(RendererHTML):
    def text(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        said = tokens[index].content
        if not env.get(RECORDING) or env.get(IN_LINK):
            return fragment(said)
        return fragment(*_with_time_links(said, env[RECORDING]))

    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        token = tokens[index]
        url = str(token.attrs.get("src", ""))
        label = _plain(token.children or []) or url
        if not url or env.get(IN_LINK):
            return fragment(f"image: {label}")
        return element("a", f"image: {label}", href=url, rel="noopener noreferrer", target="_blank")

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        env[IN_LINK] = env.get(IN_LINK, 0) + 1
        if env[IN_LINK] > 1:
            return ""  # an address in angle brackets may stand in the text of a link
        if tokens[index].attrGet("href"):
            tokens[index].attrSet("rel", "noopener noreferrer")
            tokens[index].attrSet("target", "_blank")
        else:
            tokens[index].attrs.clear()  # an empty address is that of the notebook
        return self.renderToken(tokens, index, options, env)

    def link_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        env[IN_LINK] -= 1
        return "" if env[IN_LINK] else self.renderToken(tokens, index, options, env)

    def fence(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        token = tokens[index]
        language = _LANGUAGE.match(token.info.strip())
        attributes = {"class_": f"language-{language[0]}"} if language else {}
        return fragment(element("pre", element("code", token.content, **attributes)), Html("\n"))

    def table_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        return '<div class="ipg-table">' + self.renderToken(tokens, index, options, env)

    def table_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        return self.renderToken(tokens, index, options, env) + "</div>\n"

    def maths_inline(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        source = tokens[index].content
        if not is_typeset(source[2:-2]):
            return element("code", source)
        return element("span", source, class_=f"ipg-maths {MATHS}")

    def maths_block(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        source = tokens[index].content
        if not is_typeset(source[2:-2]):
            return element("pre", element("code", source))
        return element("div", source, class_=f"ipg-maths {MATHS}")


def _with_time_links(text: str, recording: str) -> Iterator[str]:
    end = 0
    for time in _TIME.finditer(text):
        hours, minutes, seconds = (int(part or 0) for part in time.groups())
        moment = f"#t={hours * 3600 + minutes * 60 + seconds}"
        yield text[end : time.start()]
        yield element("a", time[0], class_="ipg-time", href=moment, title=recording)
        end = time.end()
    yield text[end:]


def _plain(tokens: Sequence[Token]) -> str:
    """What the tokens of a label say, without how it looks."""
    return "".join(_plain(token.children) if token.children else _said(token) for token in tokens)


def _said(token: Token) -> str:
    return "\n" if token.type == "softbreak" else token.content
