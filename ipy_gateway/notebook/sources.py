"""The recordings that a line of %transcribe names: files, patterns, folders, addresses and variables."""

import glob
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import DollarFormatter

from ..core.exceptions import InvalidRequestError
from ..core.files.numbered import numbered_apart
from ..core.files.whole_files import expanded as expanded_home
from ..core.printable import one_line
from ..core.recordings.fsspec_source import path_of
from ..core.secret import public_url
from .files import other_names
from .values.variables import value_of

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


@dataclass(frozen=True, slots=True)
class Sources:
    """The recordings that a line names.

    Attributes:
        items: each once, in their order, under names of their own.
        is_one: whether a recording is named, and not a folder, pattern or list that may hold several.
    """

    items: tuple[Source, ...]
    is_one: bool


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


def sources_named(
    words: Sequence[str], shell: InteractiveShell, local_ns: Mapping[str, Any] | None = None
) -> Sources:
    """The recordings that these words name.

    Raises:
        InvalidRequestError: there is no such file, folder or variable, or it holds no recordings.
    """
    try:
        named = [_named(word, shell, local_ns) for word in _unsplit(words)]
    except OSError as error:  # a name that no file system takes
        raise InvalidRequestError(
            f"{' '.join(words)[:80]!r} can't be read: {error.strerror}.", "Check the name."
        ) from error
    found: dict[object, Source] = {}
    for source in (source for of_word in named for source in of_word.items):
        found.setdefault(source.place, source)
    return Sources(_with_names_apart(list(found.values())), len(named) == 1 and named[0].is_one)


def source_at(word: str) -> Source | None:
    """The recording at an address of the web; None where a word is no such address."""
    return Source(_name_of_address(word), word) if re.match(r"https?://", word) else None


def _unsplit(words: Sequence[str]) -> Sequence[str]:
    """A file name with blanks that was written without quotes is one word after all."""
    whole = " ".join(words)
    if len(words) < 2 or any(_path(word).exists() for word in words):
        return words
    return [whole] if _path(whole).is_file() or _reads_as_one_name(words) else words


def _reads_as_one_name(words: Sequence[str]) -> bool:
    """Whether the last word alone ends like a recording's name: the error is to name the whole then."""
    return not re.search(r"[*?\[]|\{\{|://", "".join(words)) and not any(
        Path(word).suffix.lower() in SUFFIXES for word in words[:-1]
    )


def _named(word: str, shell: InteractiveShell, local_ns: Mapping[str, Any] | None) -> Sources:
    if word.startswith("{{") and word.endswith("}}"):
        return _of_value(value_of(word, shell, local_ns), word[2:-2].strip())
    at_address = source_at(word)
    if at_address:
        return _one(at_address)
    path = _path(word)
    if path.is_dir():
        return _in_folder(path)
    if not path.exists() and any(mark in word for mark in "*?["):
        return _matching(path)
    if not path.exists():
        raise InvalidRequestError(f"There is no file {str(path)!r}.", other_names(path))
    return _one(Source(path.name, path))


def _one(source: Source) -> Sources:
    return Sources((source,), is_one=True)


def _several(sources: Sequence[Source]) -> Sources:
    return Sources(tuple(sources), is_one=False)


def _name_of_address(url: str) -> str:
    """The last part of an address, as people read it; nothing of its query, which may hold a secret."""
    path = re.split("[?#]", url)[0].partition("://")[2].partition("/")[2]
    last = path.rstrip("/").rpartition("/")[2].rpartition("@")[2]
    return one_line(unquote(last)) or _shown_address(url)


def _path(text: str) -> Path:
    return expanded_home(path_of(text))


def _in_folder(folder: Path) -> Sources:
    try:
        entries = [entry.name for entry in os.scandir(folder) if entry.is_file()]
    except OSError as error:
        raise InvalidRequestError(
            f"The folder {str(folder)!r} can't be read: {error.strerror}.", "Check its permissions."
        ) from error
    names = sorted((name for name in entries if Path(name).suffix.lower() in SUFFIXES), key=_as_people_sort)
    if not names:
        raise InvalidRequestError(
            f"There is no recording in the folder {str(folder)!r}.",
            "Name files, or a folder with recordings.",
        )
    return _several([Source(name, folder / name) for name in names])


def _matching(pattern: Path) -> Sources:
    folder = next((parent for parent in pattern.parents if parent.is_dir()), Path(pattern.anchor))
    escaped = glob.escape(str(folder))  # the name of a folder is none, even where it is [2024]
    rest = str(pattern.relative_to(folder))
    found = glob.glob(os.path.join(escaped, rest), recursive=True)  # noqa: PTH118, PTH207 - pathlib matches otherwise
    files = [path for path in map(Path, sorted(found, key=_as_people_sort)) if path.is_file()]
    recordings = [path for path in files if path.suffix.lower() in SUFFIXES]
    if not files:
        raise InvalidRequestError(
            f"No file matches {str(pattern)!r}.",
            f"The notebook runs in {str(Path.cwd())!r}; check the pattern.",
        )
    return _several([Source(path.name, path) for path in recordings or files])


def _as_people_sort(name: str) -> tuple[list[str | int], str]:
    """A key that has "talk 2" before "talk 10", and "Anna" beside "anna"."""
    parts = re.split(r"(\d+)", name)  # texts and numbers in turns
    return [int(part) if place % 2 else part.casefold() for place, part in enumerate(parts)], name


def _of_value(value: Any, name: str) -> Sources:
    if isinstance(value, bytes | bytearray | memoryview):
        return _one(Source(name, bytes(value)))
    if isinstance(value, os.PathLike):
        return _of_path(Path(value), name)
    if isinstance(value, list | tuple):
        parts = (_of_value(one, f"{name}[{number}]") for number, one in enumerate(value))
        sources = [source for part in parts for source in part.items]
        if not sources:
            raise InvalidRequestError(f"{{{{{name}}}}} is empty.", "Give it bytes or Paths of recordings.")
        return _several(sources)
    raise InvalidRequestError(
        f"{{{{{name}}}}} is no recording but {type(value).__name__}.",
        "Give bytes, a Path, or a list of them: a text is never taken for a file name.",
    )


def _of_path(path: Path, name: str) -> Sources:
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise InvalidRequestError(
            f"{{{{{name}}}}} names the file {str(path)!r}, which is not there.", other_names(path)
        )
    return _one(Source(path.name, path))


def _with_names_apart(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Recordings of one name are told apart by where they are, and where that is no help by numbers."""
    count = Counter(source.name for source in sources)
    longer = [
        replace(source, name=_longer_name(source)) if count[source.name] > 1 else source for source in sources
    ]
    names = numbered_apart([source.name for source in longer])
    return tuple(replace(source, name=name) for source, name in zip(longer, names, strict=True))


def _longer_name(source: Source) -> str:
    if isinstance(source.place, Path):
        return str(source.place)
    return source.name if isinstance(source.place, bytes) else _shown_address(source.place)


def _shown_address(url: str) -> str:
    return public_url(url).strip("'")
