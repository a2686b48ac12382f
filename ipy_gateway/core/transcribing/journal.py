"""The journal: what was heard in each window, kept in a file of the user, so that nothing is asked twice."""

import asyncio
import json
import os
import sqlite3
import threading
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from ..cassettes.tape import tape_in_use
from ..exceptions import ConfigurationError
from ..files.user_data import data_folder

Result = TypeVar("Result")

_VARIABLE = "IPY_GATEWAY_JOURNAL_FILE"
_BUSY_TIMEOUT_S = 5.0
_PREVIEW_CHARACTERS = 80
_creating = threading.Lock()  # nobody uses the file before it is closed by whoever made it
_SCHEMA = """
create table if not exists windows (
    key text primary key, saved_at real not null, recording text not null, source text not null,
    server text not null, model text not null, start_s real not null, end_s real not null,
    text text not null, answer text not null
) without rowid
"""
_ENTRIES = """
select max(saved_at), source, server, model, max(end_s), count(*), group_concat(text, ' ') from (
    select * from windows where end_s > start_s order by start_s
) group by recording, source, server, model order by max(saved_at) desc
"""


class JournalWarning(UserWarning):
    """The journal can't be used: what is transcribed now will be asked for again next time."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """What the journal holds of a recording.

    Attributes:
        saved_at: when the last window of it was kept.
        source: name of the recording, or "".
        duration_s: up to where it is known, in seconds from its start.
        windows: how many pieces of it are kept.
        text: the first words.
        server: base URL of the server that heard it.
        model: the name of its model, or "".
    """

    saved_at: datetime
    source: str
    duration_s: float
    windows: int
    text: str
    server: str
    model: str


@dataclass(frozen=True, slots=True)
class JournalRow:
    """A window as it is kept; keys and prompts are not among it.

    Attributes:
        key: hash of the window's samples and of all that was asked.
        recording: hash of the recording's first window: what keeps recordings of one name apart.
        source: name of the recording, or "".
        server: base URL of the server.
        model: the name of its model, or "".
        start_s: where the window begins, in seconds from the start of the recording.
        end_s: where it ends; the same for one that is kept as nothing but halved.
        text: what is said.
        answer: all that is needed to have the answer again, as JSON.
    """

    key: str
    recording: str
    source: str
    server: str
    model: str
    start_s: float
    end_s: float
    text: str
    answer: Mapping[str, Any]


def journal_entries(query: str = "") -> list[JournalEntry]:
    """What the journal holds, the latest recording first.

    Args:
        query: words that the text or the name has to contain, in upper or lower case; "" for everything.

    Raises:
        ConfigurationError: the journal can't be read.
    """
    path = _existing_path()
    if path is None:
        return []
    with _explaining(path), closing(_open(path)) as connection:
        rows = connection.execute(_ENTRIES).fetchall()
    wanted = query.casefold()
    return [_entry(row) for row in rows if wanted in f"{row[6]} {row[1]}".casefold()]


def empty_journal() -> int:
    """Forget everything, so that nothing of it stays in the file; how many windows that were.

    Raises:
        ConfigurationError: the journal can't be written.
    """
    path = _existing_path()
    if path is None:
        return 0
    with _explaining(path), closing(_open(path)) as connection:
        count = connection.execute("delete from windows").rowcount
        connection.execute("vacuum")
        connection.execute("pragma wal_checkpoint(truncate)")
    return count


def journal_path() -> Path:
    """`IPY_GATEWAY_JOURNAL_FILE`, or a file in the folder that this system has for a user's data.

    Raises:
        ConfigurationError: this user has no home folder.
    """
    try:
        if given := os.environ.get(_VARIABLE):
            return Path(given).expanduser()
        return data_folder() / "ipy_gateway" / "journal.sqlite3"
    except RuntimeError as error:
        raise ConfigurationError(
            "This user has no home folder, so there is no place for the journal.",
            f"Set {_VARIABLE} to a file that can be written, or journal=False.",
        ) from error


class Journal:
    """The journal during a transcription. Whatever is wrong with it costs a warning, and nothing else."""

    def __init__(self, *, is_on: bool = True) -> None:
        self._is_on = is_on and tape_in_use() is None  # what it answers would be missing in a cassette
        self._trouble: Exception | None = None
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()
        self._under_way: set[asyncio.Future[None]] = set()

    async def find(self, keys: Sequence[str]) -> dict[str, Any] | None:
        """The answer that is kept under the first of these keys that is there, or None."""
        found = await asyncio.to_thread(self._find, keys) if self._is_on else None
        self._tell_trouble()
        return found

    async def keep(self, row: JournalRow) -> None:
        """Keep an answer, also where the caller is cancelled meanwhile."""
        if not self._is_on:
            return
        keeping = asyncio.ensure_future(asyncio.to_thread(self._keep, row))
        self._under_way.add(keeping)
        keeping.add_done_callback(self._under_way.discard)
        await asyncio.shield(keeping)
        self._tell_trouble()

    async def close(self) -> None:
        """Give the file free, when all is kept, also where the caller is cancelled meanwhile."""
        self._closing = asyncio.ensure_future(self._closed())
        await asyncio.shield(self._closing)

    async def _closed(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way)
        await asyncio.to_thread(self._let_go)

    def _let_go(self) -> None:
        # A search goes on when nobody waits for it any more, and to close the file under it ends the process.
        with self._lock:
            self._is_on = False
            if self._connection:
                self._connection.close()
            self._connection = None

    def _tell_trouble(self) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble:
            reason = str(trouble).rstrip(".")
            warnings.warn(
                f"What is heard now is not kept in the journal: {reason}.", JournalWarning, stacklevel=2
            )

    def _find(self, keys: Sequence[str]) -> dict[str, Any] | None:
        def find(connection: sqlite3.Connection) -> dict[str, Any] | None:
            for key in keys:
                row = connection.execute("select answer from windows where key = ?", (key,)).fetchone()
                answer = _json_object(row[0]) if row else None
                if answer is not None:
                    return answer
            return None

        return self._if_usable(find)

    def _keep(self, row: JournalRow) -> None:
        values = (
            *(row.key, datetime.now(UTC).timestamp(), row.recording, row.source, row.server, row.model),
            *(row.start_s, row.end_s, row.text, json.dumps(row.answer, ensure_ascii=False)),
        )
        statement = "insert or replace into windows values (?,?,?,?,?,?,?,?,?,?)"
        self._if_usable(lambda connection: connection.execute(statement, values))

    def _if_usable(self, action: Callable[[sqlite3.Connection], Result]) -> Result | None:
        with self._lock:
            if not self._is_on:
                return None
            try:
                self._connection = self._connection or _open(journal_path())
                return action(self._connection)
            except (OSError, sqlite3.Error, ConfigurationError) as error:
                self._is_on, self._trouble = False, error
                return None


def _existing_path() -> Path | None:
    path = journal_path()
    return path if path.exists() else None


def _open(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _create(path)
    connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("pragma journal_mode=wal")  # who reads does not wait for who writes
        connection.execute("pragma synchronous=normal")
        connection.execute("pragma secure_delete=on")
        connection.execute(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _create(path: Path) -> None:
    """Make the file, where it is not there yet, for this user alone: what was said in private stays so.

    SQLite gives its other files the same permissions. A file that is there is not opened: closing it again
    would take SQLite's locks away from all who use it in this process (https://sqlite.org/howtocorrupt.html,
    2.2), and another process would remove the write-ahead log under their feet.
    """
    with _creating, suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


@contextmanager
def _explaining(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(
            f"The journal {str(path)!r} can't be used: {error}.",
            f"Remove the file, or set {_VARIABLE} to another one.",
        ) from error


def _entry(row: Sequence[Any]) -> JournalEntry:
    saved_at, source, server, model, end_s, windows, text = row
    preview = text if len(text) <= _PREVIEW_CHARACTERS else f"{text[: _PREVIEW_CHARACTERS - 1]}…"
    moment = datetime.fromtimestamp(saved_at, UTC)
    return JournalEntry(moment, source, end_s, windows, preview, server, model)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
