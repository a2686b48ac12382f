"""What an upload widget takes: what a page announces, and whether that is taken."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from ...core.exceptions import InvalidRequestError
from ...core.printable import one_line
from ...render.text import file_size

SLICE_BYTES: Final = 1 << 20  # a Jupyter server closes the connection over a message of 10 MiB, silently
MAX_BYTES: Final = 2_000_000_000
ACCEPT: Final = (
    *("audio/*", "video/*"),
    # Browsers know no type of some of these.
    *(".aac", ".aif", ".aiff", ".amr", ".flac", ".m4a", ".m4b", ".mka", ".mkv", ".mov", ".mp3", ".mp4"),
    *(".oga", ".ogg", ".opus", ".wav", ".webm", ".wma"),
)
_MAX_NAME_CHARACTERS = 100
_LARGEST_NUMBER = 2**53 - 1  # of those that a page counts exactly
_ID = re.compile(r"[0-9a-z-]{1,40}")
_ACCEPTED = re.compile(r"[\w.+-]+/(?:\*|[\w.+-]+)|\.\w+")


@dataclass(frozen=True, slots=True)
class Announcement:
    """A file that a page wants to send.

    Attributes:
        id: what the page calls it.
        name: its name, safe to show.
        size_bytes: its size.
        type: its MIME type as the browser says it, or "".
        modified_ms: when it was changed, in the browser's clock, which tells it from others of its name.
    """

    id: str
    name: str
    size_bytes: int
    type: str = ""
    modified_ms: int = 0

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """What a message of a page announces.

        Raises:
            InvalidRequestError: it makes no sense.
        """
        return cls(
            upload_id(message),
            shown_name(str(message.get("name", ""))),
            natural_number(message, "size"),
            str(message.get("type", ""))[:_MAX_NAME_CHARACTERS].lower(),
            _whole_number({"modified": 0, **message}, "modified"),
        )

    def is_a(self, kind: str) -> bool:
        """Whether it is of a kind: a MIME type, all of a family such as "audio/*", or a suffix."""
        if kind.startswith("."):
            return self.name.lower().endswith(kind)
        return self.type.startswith(kind[:-1]) if kind.endswith("/*") else self.type == kind


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken.

    Attributes:
        accept: MIME types such as "audio/*", and suffixes such as ".wav".
        max_bytes: how large a file may be.
    """

    accept: tuple[str, ...] = ACCEPT
    max_bytes: int = MAX_BYTES

    @property
    def kinds(self) -> str:
        """What is taken, in words."""
        return "audio or video" if self.accept == ACCEPT else ", ".join(self.accept)

    def check(self, announcement: Announcement) -> None:
        """Refuse what can't be taken, before any of it is sent.

        Raises:
            InvalidRequestError: it is empty, too large, or of another type.
        """
        name, size = announcement.name, announcement.size_bytes
        if size == 0:
            raise InvalidRequestError(f"{name!r} is empty: it has 0 bytes.", "Record or copy it again.")
        if size > self.max_bytes:
            raise InvalidRequestError(
                f"{name!r} is too large: it has {file_size(size)}, "
                f"and up to {file_size(self.max_bytes)} are taken.",
                "Cut it into parts, or make the widget with a larger max_bytes.",
            )
        if not any(map(announcement.is_a, self.accept)):
            raise InvalidRequestError(f"{name!r} is not of a kind that is taken.", f"Choose {self.kinds}.")


def limits_of(accept: str | Sequence[str], max_bytes: int) -> Limits:
    """The limits that a user gives.

    Raises:
        InvalidRequestError: they make no sense.
    """
    words = accept.split(",") if isinstance(accept, str) else accept
    kinds = tuple(str(word).strip().lower() for word in words)
    for kind in kinds:
        if not _ACCEPTED.fullmatch(kind):
            raise InvalidRequestError(
                f"accept has {kind!r:.40}, which is neither a MIME type nor a suffix.", 'Give "audio/*,.m4a".'
            )
    if not kinds:
        raise InvalidRequestError("accept is empty.", 'Give "audio/*,.m4a", or leave it out.')
    if not isinstance(max_bytes, int) or isinstance(max_bytes, bool) or max_bytes < 1:
        raise InvalidRequestError(f"max_bytes is {max_bytes!r:.40}.", "Give a number of bytes.")
    return Limits(kinds, max_bytes)


def limits_for_page(limits: Limits, *, is_automatic: bool) -> dict[str, Any]:
    """What the page has to know before it sends anything."""
    return {
        "accept": list(limits.accept),
        "kinds": limits.kinds,
        "max_bytes": limits.max_bytes,
        "slice_bytes": SLICE_BYTES,
        "is_automatic": is_automatic,
    }


def shown_name(name: str) -> str:
    """A file's name on one line, without folders and whatever turns a text around; at most 100 characters."""
    last = re.split(r"[/\\]", one_line(name))[-1].strip()
    if len(last) > _MAX_NAME_CHARACTERS:
        suffix = Path(last).suffix[:10]
        last = f"{last[: _MAX_NAME_CHARACTERS - len(suffix) - 1]}…{suffix}"
    return last if last.strip(". ") else "recording"


def upload_id(message: Mapping[str, Any]) -> str:
    """What a message calls its upload.

    Raises:
        InvalidRequestError: nothing that makes sense.
    """
    given = message.get("id")
    if isinstance(given, str) and _ID.fullmatch(given):
        return given
    raise InvalidRequestError(f"{given!r:.40} is no name of an upload.", "Reload the page.")


def natural_number(message: Mapping[str, Any], name: str) -> int:
    """A whole number in a message, which is not negative.

    Raises:
        InvalidRequestError: it is none.
    """
    return _whole_number(message, name, smallest=0)


def _whole_number(message: Mapping[str, Any], name: str, *, smallest: int = -_LARGEST_NUMBER) -> int:
    given = message.get(name)
    if isinstance(given, int) and not isinstance(given, bool) and smallest <= given <= _LARGEST_NUMBER:
        return given
    raise InvalidRequestError(f"The {name} of the file is {given!r:.40}.", "Choose the file again.")
