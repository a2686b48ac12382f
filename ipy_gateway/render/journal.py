"""What the journal of transcripts looks like."""

from collections.abc import Sequence

from ..core.printable import one_line
from ..core.transcribing.journal import JournalEntry
from .bundle import Bundle
from .html import Html, block, element
from .recordings import STYLE
from .text import duration

NOTHING_KEPT = "The journal holds nothing."
SHOWN_ENTRIES = 200
TITLES = ("kept", "recording", "length", "model", "server", "text")


def journal_bundle(entries: Sequence[JournalEntry]) -> Bundle:
    """The recordings in the journal, the last first."""
    if not entries:
        return Bundle(NOTHING_KEPT, block(element("p", NOTHING_KEPT, class_="ipg-facts")))
    head = element("tr", *(element("th", title, scope="col") for title in TITLES))
    shown = entries[:SHOWN_ENTRIES]
    table = element("table", head, *map(_row, shown), class_="ipg-recordings")
    left_out = len(entries) - len(shown)
    rest = [f"and {left_out:,} more: %gateway journal WORDS finds them"] if left_out else []
    notes = [element("p", text, class_="ipg-notice") for text in rest]
    return Bundle("\n".join([*map(_line, shown), *rest]), block(table, *notes, styles=(STYLE,)))


def _line(entry: JournalEntry) -> str:
    return one_line(" · ".join(filter(None, _cells(entry))))


def _row(entry: JournalEntry) -> Html:
    kept, source, length, *others = _cells(entry)
    short = [element("td", cell, class_="ipg-short") for cell in (kept, length)]
    return element("tr", short[0], element("td", source), short[1], *(element("td", cell) for cell in others))


def _cells(entry: JournalEntry) -> tuple[str, ...]:
    return (
        entry.saved_at.astimezone().strftime("%Y-%m-%d %H:%M"),
        entry.source or "(bytes)",
        duration(entry.duration_s),
        entry.model,
        entry.server,
        entry.text,
    )
