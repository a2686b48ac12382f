"""What was heard, kept in a file."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from ipy_gateway import ConfigurationError, GatewayConfig, empty_journal, journal_entries, transcribe
from ipy_gateway.core.transcribing.journal import Journal, JournalRow, JournalWarning, journal_path

from ..support.hearing_server import Ear, hearing_server
from ..support.tones import spoken, wav


def row(
    key: str = "k", *, recording: str = "r", start_s: float = 0.0, text: str = "Yes.", **rest: Any
) -> JournalRow:
    return JournalRow(
        key,
        recording,
        rest.get("source", "talk.wav"),
        "http://a",
        "m",
        start_s,
        start_s + 30,
        text,
        {"a": text},
    )


async def keep(*rows: JournalRow) -> None:
    journal = Journal()
    for one in rows:
        await journal.keep(one)
    await journal.close()


async def test_what_is_kept_is_found_by_any_of_its_keys() -> None:
    await keep(row("k"))
    journal = Journal()

    assert await journal.find(["other", "k"]) == {"a": "Yes."}
    assert await journal.find(["other"]) is None
    await journal.close()


async def test_another_process_leaves_the_file_to_those_who_use_it() -> None:
    journals = [Journal(), Journal()]
    for number, journal in enumerate(journals):
        await journal.keep(row(str(number)))

    program = "from ipy_gateway.core.transcribing.journal import journal_entries; journal_entries()"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

    assert journal_path().with_name(f"{journal_path().name}-wal").exists()
    for journal in journals:
        await journal.close()


async def test_entries_tell_of_each_recording_the_latest_first() -> None:
    await keep(row("2", start_s=30, text="No."), row("1"), row("3", recording="s", text="Later.", source=""))

    later, talk = journal_entries()

    assert (talk.source, talk.text, talk.windows, talk.duration_s) == ("talk.wav", "Yes. No.", 2, 60)
    assert (talk.server, talk.model) == ("http://a", "m")
    assert later.text == "Later."
    assert later.saved_at >= talk.saved_at


@pytest.mark.parametrize(("query", "found"), [("ÄRGER", 1), ("yes", 1), ("talk", 2), ("%", 0), ("", 2)])
async def test_entries_are_searched_by_text_and_name(query: str, found: int) -> None:
    await keep(row("1", text="Ja, Ärger."), row("2", recording="s"))

    assert len(journal_entries(query)) == found


async def test_a_long_text_is_shown_by_its_first_words() -> None:
    await keep(row(text="word " * 100))

    (entry,) = journal_entries("word")

    assert len(entry.text) == 80


async def test_nothing_of_what_was_forgotten_stays_in_the_file() -> None:
    await keep(row("1", text="A secret."), row("2"))

    assert empty_journal() == 2
    assert journal_entries() == []
    for file in journal_path().parent.glob("journal.sqlite3*"):
        assert b"secret" not in file.read_bytes()


def test_without_a_journal_there_is_nothing_to_show(tmp_path: Path) -> None:
    assert journal_entries() == []
    assert empty_journal() == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
async def test_nobody_else_can_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPY_GATEWAY_JOURNAL_FILE", str(tmp_path / "new" / "journal"))
    journal = Journal()
    await journal.keep(row())

    files = list((tmp_path / "new").iterdir())

    assert len(files) == 3
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    await journal.close()


def test_it_is_where_the_system_keeps_what_belongs_to_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IPY_GATEWAY_JOURNAL_FILE")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    monkeypatch.setattr(sys, "platform", "linux")

    assert journal_path() == Path("/data/ipy_gateway/journal.sqlite3")


def no_database(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)


def a_folder(path: Path) -> None:
    path.mkdir()


def another_table(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("create table windows (other)")
    connection.close()


@pytest.mark.parametrize("broken", [no_database, a_folder, another_table])
async def test_a_broken_journal_costs_one_warning_and_nothing_else(broken: Any) -> None:
    broken(journal_path())
    ear = Ear("segments")

    with hearing_server(ear) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", window_s=10)
        with pytest.warns(JournalWarning) as caught:
            transcript = await transcribe(wav(spoken(range(100))), config)

    assert len(transcript.text.split()) == 100
    assert len(caught) == 1


@pytest.mark.parametrize("broken", [no_database, a_folder])
def test_a_broken_journal_is_told_to_whoever_wants_to_see_it(broken: Any) -> None:
    broken(journal_path())

    with pytest.raises(ConfigurationError, match=r"The journal '.*' can't be used"):
        journal_entries()
    with pytest.raises(ConfigurationError, match=r"The journal '.*' can't be used"):
        empty_journal()


async def test_a_value_that_makes_no_sense_is_asked_for_again() -> None:
    ear = Ear("segments")
    recording = wav(spoken(range(10)))

    with hearing_server(ear) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        await transcribe(recording, config)
        connection = sqlite3.connect(journal_path())
        connection.execute("""update windows set answer = '{"transcription": {}}'""")
        connection.commit()
        connection.close()
        transcript = await transcribe(recording, config)

    assert len(ear.windows_s) == 2
    assert len(transcript.text.split()) == 10


async def test_no_key_is_kept() -> None:
    with hearing_server(Ear("segments")) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", api_key="sk-very-secret")
        await transcribe(wav(spoken(range(10))), config, prompt="sk-very-secret")

    assert b"very-secret" not in journal_path().read_bytes()


async def test_a_task_that_is_cancelled_keeps_what_it_has() -> None:
    journal = Journal()
    keeping = asyncio.create_task(journal.keep(row()))
    await asyncio.sleep(0)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await journal.close()

    assert len(journal_entries()) == 1


WRITE = """
import asyncio, sys
from ipy_gateway.core.transcribing.journal import Journal, JournalRow
async def write():
    journal = Journal()
    for number in range(100):
        key = f"{sys.argv[1]}-{number}"
        await journal.keep(JournalRow(key, "r", "", "", "", number, number + 1, "x", {}))
    await journal.close()
asyncio.run(write())
"""


STOPPED = """
import asyncio
from ipy_gateway.core.transcribing.journal import Journal, JournalRow

async def main():
    journal = Journal()
    for number in range(80):
        answer = {"text": "Yes." * 5000}
        await journal.keep(JournalRow(str(number), "r", "", "http://a", "", 0.0, 30.0, "Yes.", answer))
    await journal.close()
    for number in range(200):
        journal = Journal()
        searches = [asyncio.create_task(journal.find(["none", *map(str, range(80))])) for _ in range(6)]
        await asyncio.sleep(number * 0.00002)
        for search in searches:
            search.cancel()
        await journal.close()

asyncio.run(main())
"""


def test_a_stop_while_it_is_searched_is_no_crash() -> None:
    run = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, timeout=60)

    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="looks at open files as Linux has them")
async def test_a_stop_while_it_waits_for_another_process_leaves_no_file_open() -> None:
    await keep(row())
    other = sqlite3.connect(journal_path(), isolation_level=None)
    other.execute("pragma journal_mode=delete")
    other.execute("begin exclusive")

    async def use(journal: Journal) -> None:
        try:
            await journal.find(["k"])
        finally:
            await journal.close()

    using = asyncio.create_task(use(Journal()))
    await asyncio.sleep(0.2)  # for it to wait
    using.cancel()
    await asyncio.sleep(0.2)
    using.cancel()
    await asyncio.wait({using})
    other.close()

    async with asyncio.timeout(20):
        while str(journal_path()) in (file.path for file in psutil.Process().open_files()):
            await asyncio.sleep(0.05)
    assert using.cancelled()


def test_several_processes_write_at_once() -> None:
    command = [sys.executable, "-W", "error", "-c", WRITE]
    writers = [subprocess.Popen([*command, str(number)]) for number in range(3)]

    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    (entry,) = journal_entries()
    assert entry.windows == 300
