"""Files on their way from a page to the kernel: slices, written to private temporary files as they come."""

import contextlib
import hashlib
import re
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from ...core.exceptions import AudioProcessingError, InvalidRequestError
from ...core.files.temporary_files import disk_error, explaining_disk_errors, new_file, temporary_folder
from ...render.text import file_size
from .upload_limits import SLICE_BYTES, Announcement, Limits

_MAX_UNFINISHED = 50  # each is an open file; a page sends one after the other
_MAX_NAME_BYTES = 200  # file systems take 255
_NO_FILE_SYSTEM_TAKES = re.compile(r'[<>:"/\\|?*\x00-\x1f]')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that has come whole.

    Attributes:
        id: what the page calls it.
        name: its name, safe to show.
        path: the temporary file, which is the user's alone; it is removed when nothing needs it any more.
        size_bytes: its size.
        sha256: hash of its bytes, in hexadecimal digits.
    """

    id: str
    name: str
    path: Path
    size_bytes: int
    sha256: str


@dataclass
class _Partial:
    announcement: Announcement
    path: Path
    file: BinaryIO
    received: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


class UploadSpool:
    """What pages send, on its way to files. Its methods may be called on any thread."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.RLock()
        self._partials: dict[str, _Partial] = {}
        self._paths: dict[str, Path] = {}
        self._folder: Path | None = None
        self._count = 0
        self._clean_up = contextlib.ExitStack()

    def begin(self, announcement: Announcement) -> None:
        """Make room for a file.

        Raises:
            InvalidRequestError: it is not taken.
            AudioProcessingError: there is no room for it.
        """
        self._limits.check(announcement)
        with self._lock:
            with explaining_disk_errors():
                path = self._new_path(announcement)
                self._partials[announcement.id] = _Partial(announcement, path, new_file(path))
            self._paths[announcement.id] = path

    def has(self, upload_id: str) -> bool:
        """Whether an upload has begun, and was not discarded."""
        return upload_id in self._paths

    def received(self, upload_id: str) -> int:
        """How many bytes are there: from here on a page sends.

        Raises:
            InvalidRequestError: no such upload is under way.
        """
        with self._lock:
            return self._partial(upload_id).received

    def write(self, upload_id: str, offset: int, data: bytes | memoryview) -> Upload | None:
        """Take a slice; one that is there already, or that comes too early, changes nothing.

        Returns:
            The upload when this was its last slice, else None.

        Raises:
            InvalidRequestError: no such upload is under way, the slice is too large, or more comes than was
                announced.
            AudioProcessingError: it can't be written.
        """
        with self._lock:
            partial = self._partial(upload_id)
            if offset != partial.received:
                return None
            if len(data) > SLICE_BYTES:
                raise InvalidRequestError(
                    f"A slice has {len(data)} bytes, and up to {SLICE_BYTES} are taken.", "Reload the page."
                )
            if not data or offset + len(data) > partial.announcement.size_bytes:
                self.discard(upload_id)
                raise InvalidRequestError(
                    f"{partial.announcement.name!r} has changed while it was sent.", "Choose it again."
                )
            try:
                with explaining_disk_errors():
                    partial.file.write(data)
            except AudioProcessingError:
                self.discard(upload_id)
                raise
            partial.digest.update(data)
            partial.received += len(data)
            return self._finish(partial) if partial.received == partial.announcement.size_bytes else None

    def discard(self, upload_id: str) -> None:
        """Forget an upload, and remove its file, if there is one."""
        with self._lock:
            partial = self._partials.pop(upload_id, None)
            if partial:
                with contextlib.suppress(OSError):  # what could not be written can't be flushed
                    partial.file.close()
            if path := self._paths.pop(upload_id, None):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove all files."""
        with self._lock:
            for upload_id in list(self._paths):
                self.discard(upload_id)
            self._clean_up.close()
            self._folder = None

    def _partial(self, upload_id: str) -> _Partial:
        try:
            return self._partials[upload_id]
        except KeyError:
            raise InvalidRequestError(
                "The kernel does not know this upload.", "Choose the file again."
            ) from None

    def _new_path(self, announcement: Announcement) -> Path:
        if len(self._partials) >= _MAX_UNFINISHED:
            raise InvalidRequestError(
                f"{_MAX_UNFINISHED} files are on their way already.", "Remove those that were interrupted."
            )
        if self._folder is None or not self._folder.is_dir():  # whoever empties /tmp takes it along
            self._clean_up.close()
            self._folder = self._clean_up.enter_context(temporary_folder())
        free = shutil.disk_usage(self._folder).free
        announced = sum(one.announcement.size_bytes - one.received for one in self._partials.values())
        if announcement.size_bytes + announced > free:
            needed = file_size(announcement.size_bytes + announced)
            raise disk_error(f"{needed} are needed and {file_size(free)} are free")
        self._count += 1
        return self._folder / f"{self._count}-{_file_name(announcement.name)}"

    def _finish(self, partial: _Partial) -> Upload:
        announcement = partial.announcement
        with explaining_disk_errors():
            partial.file.close()
        del self._partials[announcement.id]
        digest = partial.digest.hexdigest()
        return Upload(announcement.id, announcement.name, partial.path, announcement.size_bytes, digest)


def _file_name(name: str) -> str:
    """A name that every file system takes, behind a number, so that Windows does not reserve it."""
    plain = _NO_FILE_SYSTEM_TAKES.sub("_", name).rstrip(". ")
    suffix = Path(plain).suffix[:10]
    stem = plain.removesuffix(suffix).encode()[: _MAX_NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix
