"""The recordings that a line of %transcribe names: files, patterns, folders, addresses and variables."""

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import DollarFormatter

from ..core.exceptions import InvalidRequestError
from .files import other_names
from .variables import value_of

SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("wav", "mp3", "m4a", "mp4", "m4b", "mov", "ogg", "oga", "opus", "flac", "webm", "mkv", "mka"),
        *("aac", "amr", "aif", "aiff", "aifc", "wma", "3gp", "caf"),
    )
)


@dataclass(frozen=True, slots=True)
class Source:
    """A recording.

    Attributes:
        name: what to call it.
        place: its path, its bytes, or its address.
    """

    name: str
    place: Path | bytes | str


def expanded(line: str, names: Mapping[str, Any]) -> str:
    """A line in which `{name}` and `$name` have become what they are worth, as in all magics of IPython.

    `{{name}}` stays: that is the value itself. What is no such expression stays as it is, too.
    """
    formatter = DollarFormatter()
    parts = re.split(r"(\{\{.*?\}\})", line)
    parts[::2] = [_formatted(part, formatter, names) for part in parts[::2]]
    return "".join(parts)


def _formatted(text: str, formatter: DollarFormatter, names: Mapping[str, Any]) -> str:
    try:
        return str(formatter.vformat(text, args=(), kwargs=names))
    except Exception:  # as IPython does: a brace in a file's name is no expression
        return text


def is_one_name(words: Sequence[str]) -> bool:
    """Whether the words name one recording, and not a folder or pattern that happens to hold one."""
    if len(words) != 1:
        return True  # a name with blanks
    is_pattern = any(mark in words[0] for mark in "*?[") and not words[0].startswith(("{{", "http"))
    return not is_pattern and (words[0].startswith("{{") or not _path(words[0]).is_dir())


def sources_named(
    words: Sequence[str], shell: InteractiveShell, local_ns: Mapping[str, Any] | None = None
) -> list[Source]:
    """The recordings that these words name, each once, in their order.

    Raises:
        InvalidRequestError: there is no such file, folder or variable, or it holds no recordings.
    """
    found: dict[object, Source] = {}
    try:
        for word in _unsplit(words):
            for source in _named(word, shell, local_ns):
                found.setdefault(source.place, source)
    except OSError as error:  # a name that no file system takes
        raise InvalidRequestError(
            f"{' '.join(words)[:80]!r} can't be read: {error.strerror}.", "Check the name."
        ) from error
    return _with_names_apart(list(found.values()))


def _unsplit(words: Sequence[str]) -> Sequence[str]:
    """A file name with blanks that was written without quotes is one word after all."""
    whole = " ".join(words)
    is_one_file = (
        len(words) > 1 and _path(whole).is_file() and not any(_path(word).exists() for word in words)
    )
    return [whole] if is_one_file else words


def _named(word: str, shell: InteractiveShell, local_ns: Mapping[str, Any] | None) -> Iterable[Source]:
    if word.startswith("{{") and word.endswith("}}"):
        return _of_value(value_of(word, shell, local_ns), word)
    if re.match(r"https?://", word):
        return [Source(word.partition("?")[0].rstrip("/").rpartition("/")[2] or word, word)]
    path = _path(word.removeprefix("file://"))
    if path.is_dir():
        return _in_folder(path)
    if not path.exists() and any(mark in word for mark in "*?["):
        return _matching(path)
    if not path.exists():
        raise InvalidRequestError(f"There is no file {str(path)!r}.", other_names(path))
    return [Source(path.name, path)]


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # ~nobody: there is no such user, and so no such file
        return Path(text)


def _in_folder(folder: Path) -> list[Source]:
    try:
        names = sorted(
            entry.name for entry in os.scandir(folder) if Path(entry.name).suffix.lower() in SUFFIXES
        )
    except OSError as error:
        raise InvalidRequestError(
            f"The folder {str(folder)!r} can't be read: {error.strerror}.", "Check its permissions."
        ) from error
    if not names:
        raise InvalidRequestError(
            f"There is no recording in the folder {str(folder)!r}.",
            "Name files, or a folder with recordings.",
        )
    return [Source(name, folder / name) for name in names]


def _matching(pattern: Path) -> list[Source]:
    found = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - Path.glob takes relative ones alone
    files = [path for path in map(Path, sorted(found)) if path.is_file()]
    recordings = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not files:
        raise InvalidRequestError(
            f"No file matches {str(pattern)!r}.",
            f"The notebook runs in {str(Path.cwd())!r}; check the pattern.",
        )
    return [Source(path.name, path) for path in recordings or files]


def _of_value(value: Any, word: str) -> Iterator[Source]:
    if isinstance(value, bytes | bytearray | memoryview):
        yield Source(word, bytes(value))
    elif isinstance(value, os.PathLike):
        yield from _of_path(Path(value), word)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _of_value(one, f"{word}[{number}]")
    else:
        raise InvalidRequestError(
            f"{word} is no recording but {type(value).__name__}.",
            "Give bytes, a Path, or a list of them: a text is never taken for a file name.",
        )


def _of_path(path: Path, word: str) -> list[Source]:
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise InvalidRequestError(
            f"{word} names the file {str(path)!r}, which is not there.", other_names(path)
        )
    return [Source(path.name, path)]


def _with_names_apart(sources: list[Source]) -> list[Source]:
    """Recordings of one name, from several folders, are told apart by their paths."""
    names = [source.name for source in sources]
    return [
        Source(str(source.place), source.place)
        if names.count(source.name) > 1 and isinstance(source.place, Path)
        else source
        for source in sources
    ]
