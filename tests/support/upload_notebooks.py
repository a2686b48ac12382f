"""Notebooks that show upload widgets, and what a person does with them."""

import hashlib
import random
from pathlib import Path

from playwright.sync_api import Locator

LOADING = "%load_ext ipy_gateway\nfrom ipy_gateway import AudioUpload"
HASHES = "print(*(f'{one.sha256} {one.size_bytes}' for one in widget.uploads))"
NO_SOUND = "The recording is of no known kind"  # which the embedded engine says of noise


def choose(widget: Locator, *paths: Path) -> None:
    """Choose files, as in the browser's dialog."""
    widget.locator("input[type=file]").set_input_files(paths)


def noise(folder: Path, size: int) -> Path:
    """A file of this size that is no recording."""
    path = folder / "noise.wav"
    mebibyte = random.Random(size).randbytes(1 << 20)
    path.write_bytes((size // len(mebibyte) + 1) * mebibyte)
    with path.open("r+b") as file:
        file.truncate(size)
        for offset in range(0, size, len(mebibyte)):  # no two slices are alike
            file.seek(offset)
            file.write(str(offset).encode()[: size - offset])
    return path


def hash_of(path: Path) -> str:
    """What the kernel has to print of a file that came as it is."""
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()} {path.stat().st_size}"
