"""What the journal of transcripts looks like."""

from datetime import UTC, datetime, timedelta

import pytest

from ipy_gateway.core.transcribing.journal import JournalEntry
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.journal import SHOWN_ENTRIES, journal_bundle

from ..support.strict_html import StrictReader
from .hostile import HOSTILE_ANSWERS

NOON = datetime(2026, 5, 17, 12, 0, tzinfo=UTC)
TIME = NOON.astimezone().strftime("%Y-%m-%d %H:%M")
ENTRY = JournalEntry(NOON, "talk.m4a", 3725.0, 63, "Good morning.", "http://host", "tiny")


def read(bundle: Bundle) -> StrictReader:
    return StrictReader(bundle.data["text/html"])


def test_each_recording_is_a_line_with_the_time_here() -> None:
    unnamed = JournalEntry(NOON, "", 5.0, 1, "", "http://host", "")

    assert journal_bundle([ENTRY, unnamed]).data["text/plain"].splitlines() == [
        f"{TIME} · talk.m4a · 1:02:05 · tiny · http://host · Good morning.",
        f"{TIME} · (bytes) · 5 s · http://host",
    ]


def test_the_table_has_the_same_below_its_titles() -> None:
    table = read(journal_bundle([ENTRY]))

    assert table.violations == []
    assert table.text == (
        f"keptrecordinglengthmodelservertext{TIME}talk.m4a1:02:05tinyhttp://hostGood morning."
    )


def test_an_empty_journal_says_so() -> None:
    bundle = journal_bundle([])

    assert bundle.data["text/plain"] == read(bundle).text == "The journal holds nothing."


def test_of_very_many_recordings_the_last_are_shown_and_the_rest_is_a_number() -> None:
    entries = [
        JournalEntry(NOON - timedelta(days=day), f"{day}.wav", 5.0, 1, "", "", "")
        for day in range(SHOWN_ENTRIES + 1234)
    ]

    bundle = journal_bundle(entries)

    *lines, last = bundle.data["text/plain"].splitlines()
    assert len(lines) == SHOWN_ENTRIES
    assert "0.wav" in lines[0]
    assert last == "and 1,234 more: %gateway journal WORDS finds them"
    assert read(bundle).tags.count("tr") == SHOWN_ENTRIES + 1
    assert read(bundle).text.endswith(last)
    assert read(bundle).violations == []


@pytest.mark.parametrize("text", [*HOSTILE_ANSWERS.values(), "</td></table><script> \x1b[31m \u202e \ud800"])
def test_nothing_that_was_kept_gets_out_of_its_cell(text: str) -> None:
    bundle = journal_bundle([JournalEntry(NOON, text, 5.0, 1, text, text, text)])

    assert read(bundle).violations == []
    assert read(bundle).tags.count("td") == 6
    assert len(bundle.data["text/plain"].splitlines()) == 1
    assert not {"\x1b", "\u202e", "\ud800"} & set(str(bundle.data))
