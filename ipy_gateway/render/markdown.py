"""A model's Markdown as HTML. The text is hostile until shown otherwise.

Raw HTML is shown, not run; links go to http(s) only; an image is a link, because loading it would send data
out.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from .html import Html, element, fragment
from .text import printable

LINK_SCHEMES = ("http://", "https://")
IN_LINK = "ipy_gateway_in_link"  # in the renderer's environment: whether a link is open


def markdown_html(text: str) -> Html:
    """The Markdown text as HTML that runs nothing and fetches nothing."""
    return element("div", Html(_parser().render(printable(text))), class_="ipg-answer")


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_SafeRenderer)
    parser.enable(["table", "strikethrough"])
    parser.validateLink = lambda url: url.lower().startswith(LINK_SCHEMES)  # type: ignore[method-assign]  # its API
    return parser


class _SafeRenderer(RendererHTML):
    def image(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        token = tokens[index]
        url = str(token.attrs.get("src", ""))
        label = self.renderInlineAsText(token.children or [], options, env) or url
        if not url or env.get(IN_LINK):
            return fragment(f"image: {label}")
        return element("a", f"image: {label}", href=url, rel="noopener noreferrer", target="_blank")

    def link_open(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        env[IN_LINK] = True
        if tokens[index].attrGet("href"):
            tokens[index].attrSet("rel", "noopener noreferrer")
            tokens[index].attrSet("target", "_blank")
        else:
            tokens[index].attrs.clear()  # an empty address is that of the notebook
        return self.renderToken(tokens, index, options, env)

    def link_close(self, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
        env[IN_LINK] = False  # links do not nest
        return self.renderToken(tokens, index, options, env)
