"""Bytes, files and IPython's display objects: the picture, recording or text that they hold."""

import codecs
from pathlib import Path

from ...core.exceptions import AudioProcessingError, InvalidRequestError
from ...core.recordings.recording_kinds import recognize
from .parts import Filled, Sound, capped
from .pictures import filled_with_picture, media_type_of

_MAX_FILE_BYTES = 500_000_000  # it is read whole; what is sent of it has limits of its own


def filled_with_bytes(data: bytes, label: str) -> Filled:
    """The picture or recording that these bytes are.

    Raises:
        InvalidRequestError: they are neither.
    """
    media_type = media_type_of(data)
    if media_type:
        return filled_with_picture(data, media_type, label)
    try:
        recognize(data, accept_truncated=True)  # what the configuration allows is looked at before it is sent
    except AudioProcessingError as error:
        reason = f"{error.message[:1].lower()}{error.message[1:]}"
        raise InvalidRequestError(
            f"{label} is no picture, and can't be used as a recording: {reason}",
            "Send a PNG, JPEG, GIF or WebP picture, a recording, or text: decode() makes it of bytes.",
        ) from error
    return Filled((Sound(data, label),))


def filled_with_file(path: Path, label: str) -> Filled:
    """The text, picture or recording in a file.

    Raises:
        InvalidRequestError: there is no such file, it is too large, or it holds something else.
    """
    data = _read(path, label)
    if not data:
        return Filled(("",), (f"{label} is {str(path)!r}, an empty file.",))
    text = _decoded(data)
    return filled_with_bytes(data, f"{label} ({path.name})") if text is None else capped(text, label)


def filled_with_display_data(data: object, label: str) -> Filled:
    """What `IPython.display.Image` or `Audio` holds.

    Raises:
        InvalidRequestError: it holds no data, or something else.
    """
    if isinstance(data, bytes):
        return filled_with_bytes(data, label)
    raise InvalidRequestError(
        f"{label} holds no data but the address of some, which is not followed.",
        "Download it first, or give embed=True.",
    )


def _read(path: Path, label: str) -> bytes:
    try:
        if not path.exists():
            raise InvalidRequestError(
                f"{label} is {str(path)!r}, and there is no such file.",
                f"Check the name; the notebook runs in {str(Path.cwd())!r}.",
            )
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "no regular file"
            raise InvalidRequestError(f"{label} is {str(path)!r}, which is {kind}.", "Name a file.")
        size = path.stat().st_size
        if size > _MAX_FILE_BYTES:
            limit = f"the limit is {_MAX_FILE_BYTES:,} bytes"
            raise InvalidRequestError(
                f"{label} is {str(path)!r}, a file of {size:,} bytes, and {limit}.",
                "Read the part that matters, and give that.",
            )
        return path.read_bytes()
    except OSError as error:
        raise InvalidRequestError(
            f"{label} is {str(path)!r}, which can't be read: {error.strerror}.", "Check its permissions."
        ) from error


def _decoded(data: bytes) -> str | None:
    """The text that these bytes are, or None: no binary file is without a NUL and valid UTF-8."""
    is_utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = data.decode("utf-16" if is_utf_16 else "utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
