"""MIME bundles: what an output is, in plain text, HTML and Markdown, with facts for machines beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .html import Html
from .text import printable


@dataclass(frozen=True, slots=True)
class Bundle:
    """One output.

    Attributes:
        text: what a terminal shows.
        html: what a notebook shows.
        facts: what changes from run to run (seconds, ids), kept in the output's metadata.
        markdown: what a front end shows that prefers Markdown, already safe, or None.
        excerpt: what a notebook keeps of the text beside the HTML, or None for all of it.
    """

    text: str
    html: Html
    facts: Mapping[str, Any] = field(default_factory=dict)
    markdown: str | None = None
    excerpt: str | None = None

    @property
    def terminal_text(self) -> str:
        """All of the text, without anything that a terminal would obey."""
        return printable(self.text)

    @property
    def data(self) -> dict[str, str]:
        """The representations by MIME type, for a notebook."""
        text = self.text if self.excerpt is None else self.excerpt
        markdown = {} if self.markdown is None else {"text/markdown": self.markdown}
        return {"text/plain": printable(text), **markdown, "text/html": str(self.html)}

    @property
    def metadata(self) -> dict[str, Any]:
        """The facts, under our own name."""
        return {"ipy_gateway": dict(self.facts)} if self.facts else {}
