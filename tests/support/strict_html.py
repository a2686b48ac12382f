"""Reads HTML as a browser does, and knows what our outputs may hold."""

import re
from html.parser import HTMLParser

TAGS = frozenset(
    [
        "a",
        "audio",
        "b",
        "blockquote",
        "br",
        "code",
        "del",
        "details",
        "div",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "i",
        "img",
        "li",
        "ol",
        "p",
        "pre",
        "progress",
        "s",
        "span",
        "strong",
        "style",
        "summary",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
ATTRIBUTES = frozenset(["class", "href", "max", "rel", "scope", "start", "style", "target", "title", "value"])
MEDIA_ATTRIBUTES = frozenset(["alt", "class", "controls", "src", "style"])
MEDIA_SOURCES = {"audio": "data:audio/webm;base64,", "img": "data:image/png;base64,"}
DATA_ATTRIBUTES = frozenset(["data-covered", "data-duration", "data-source", "data-times"])
TIME = re.compile("#t=[0-9]+")
VOID_TAGS = frozenset({"br", "hr", "img"})
STYLES = frozenset(
    [
        *("text-align:left", "text-align:right", "text-align:center", "position:relative"),
        *("display:block;width:100%", "display:block;height:48px;width:100%"),
        "list-style:none;margin:0;max-height:28em;overflow:auto;padding:0",
    ]
)


class StrictReader(HTMLParser):
    """Collects what is not allowed, and what is.

    Args:
        markup: what is read.
        own_script: the one script that it may hold.

    Attributes:
        violations: tags, attributes, URLs, comments and wrong nesting that an output must not have.
        tags: every tag.
        links: where links go.
        text: what a person reads, without style sheets.
    """

    def __init__(self, markup: str, *, own_script: str | None = None) -> None:
        super().__init__(convert_charrefs=True)
        self._own_script = own_script
        self.violations: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        self.violations += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "li":
            self._end_item()
        if tag not in TAGS and not (tag == "script" and self._own_script and not attrs):
            self.violations.append(f"<{tag}>")
        if tag == "a" and "a" in self._open:
            self.violations.append("a link in a link")
        for name, value in attrs:
            self._check_attribute(tag, name, value or "")
        if tag not in VOID_TAGS:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID_TAGS:
            return
        if tag in ("ol", "ul"):
            self._end_item()
        if not self._open or self._open.pop() != tag:
            self.violations.append(f"</{tag}> closes something else")

    def _end_item(self) -> None:
        """The end of an item is implied by the next one's beginning and by the list's end."""
        if self._open[-1:] == ["li"]:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if "script" in self._open and data != self._own_script:
            self.violations.append(f"<script>{data}")
        if "style" not in self._open and "script" not in self._open:
            self.text += data

    def handle_comment(self, data: str) -> None:
        self.violations.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.violations.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.violations.append(f"<?{data}>")

    def unknown_decl(self, data: str) -> None:
        self.violations.append(f"<![{data}]>")

    def _check_attribute(self, tag: str, name: str, value: str) -> None:
        allowed = MEDIA_ATTRIBUTES if tag in MEDIA_SOURCES else ATTRIBUTES | DATA_ATTRIBUTES
        if name not in allowed:
            self.violations.append(f"<{tag} {name}={value!r}>")
        if name == "src" and not value.startswith(MEDIA_SOURCES.get(tag, "no such source")):
            self.violations.append(f"src={value!r}")
        if name == "style" and value not in STYLES:
            self.violations.append(f"style={value!r}")
        if name == "href" and tag == "a" and TIME.fullmatch(value):
            return
        if name == "href":
            self.links.append(value)
            if not value.lower().startswith(("http://", "https://")):
                self.violations.append(f"href={value!r}")
