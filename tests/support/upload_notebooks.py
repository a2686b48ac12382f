"""Notebooks that show upload widgets, and what a person does with them."""

import hashlib
import json
import random
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

LOADING = "%load_ext ipy_gateway\nfrom ipy_gateway import AudioUpload"
HASHES = "print(*(f'{one.sha256} {one.size_bytes}' for one in widget.uploads))"
NO_SOUND = "The recording is of no known kind"  # which the embedded engine says of noise
_SHOWING = """
import itertools, json, os, resource
from ipywidgets import HTML, Button
widget, looks, button, seen = {}, itertools.count(), Button(description="Look"), HTML("nothing yet")
def look(_):
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    files = [f"{one.sha256} {one.size_bytes}" for one in widget.uploads]
    seen.value = json.dumps([files, peak_kb, os.getpid(), next(looks)])
button.on_click(look)
display(widget, button, seen)
"""


@dataclass(frozen=True)
class Seen:
    """What the kernel has.

    Attributes:
        files: hash and size of each that has come whole.
        peak_kb: how much memory it has had at most.
        process_id: its number.
        look: how often somebody has looked before.
    """

    files: list[str]
    peak_kb: int
    process_id: int
    look: int


def showing(widget: str) -> str:
    """A cell that shows a widget, and at the press of a button what has come: in Voila there are no cells."""
    return _SHOWING.replace("{}", widget)


def look(page: Page) -> Seen:
    """Press that button."""
    seen = page.locator(".widget-html-content")
    before = seen.inner_text()
    page.get_by_role("button", name="Look", exact=True).click()
    expect(seen).not_to_have_text(before)
    return Seen(*json.loads(seen.inner_text()))


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
