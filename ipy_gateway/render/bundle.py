"""MIME bundles: what an output is, in plain text and in HTML, with facts for machines beside it."""

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
    """

    text: str
    html: Html
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> dict[str, str]:
        """The representations by MIME type."""
        return {"text/plain": printable(self.text), "text/html": str(self.html)}

    @property
    def metadata(self) -> dict[str, Any]:
        """The facts, under our own name."""
        return {"ipy_gateway": dict(self.facts)} if self.facts else {}
