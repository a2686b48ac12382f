"""One attempt to download something: followed while it goes, left when it stalls or nobody waits."""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ..core.waiting.own_threads import in_own_thread
from ..core.waiting.progress import Progress, ProgressCallback
from .children import POLL_S
from .pins import PinnedWeights
from .weights import raise_if_cancelled

# A source that sends nothing for this long is left; pip alone would try a silent server for 100 s.
STALL_S = 60.0
_TIMEOUT = httpx.Timeout(30, connect=10)


class SourceError(Exception):
    """A source has no answer, or not the pinned files; its text is the reason in a few words."""


@dataclass(frozen=True, slots=True)
class Download:
    """One attempt at one source.

    Attributes:
        scratch: an empty folder for whatever comes; the caller removes it.
    """

    weights: PinnedWeights
    scratch: Path
    on_progress: ProgressCallback
    cancelled: threading.Event


def follow(download: Download, has_ended: Callable[[], bool], folder: Path, total_bytes: int) -> None:
    """Report how a folder grows until the work on it has ended, which is asked every POLL_S."""
    title, done_bytes, grew_at = download.weights.title, 0, time.monotonic()
    while not has_ended():
        raise_if_cancelled(download.cancelled)
        size_bytes = min(_size_bytes(folder), total_bytes)
        if size_bytes > done_bytes:
            done_bytes, grew_at = size_bytes, time.monotonic()
            download.on_progress(Progress(title, done_bytes, total_bytes))
        elif time.monotonic() - grew_at > STALL_S:
            raise SourceError(f"sent nothing for {STALL_S:g} s")


def report_end(download: Download, total_bytes: int) -> None:
    """A folder can be complete, and even be gone, before its growth was last looked at."""
    download.on_progress(Progress(download.weights.title, total_bytes, total_bytes))


def _size_bytes(folder: Path) -> int:
    size_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # gone since it was listed
                size_bytes += Path(parent, name).stat().st_size
    return size_bytes


async def stream(client: httpx.AsyncClient, url: httpx.URL, path: Path, max_bytes: int) -> None:
    """Write what a URL answers into a file, up to `max_bytes`."""
    async with client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
        response.raise_for_status()
        with path.open("wb") as file:
            async for chunk in response.aiter_bytes():
                file.write(chunk)
                if file.tell() > max_bytes:
                    raise SourceError(f"{url.host} sent more of {path.name} than {max_bytes} bytes")


def run(
    download: Download, fetch: Callable[[httpx.AsyncClient], Awaitable[None]], folder: Path, total_bytes: int
) -> None:
    """Download on a loop in a thread of its own: there, a server that has gone silent can be left at once."""
    folder.mkdir()
    abandoned = threading.Event()
    outcome: Future[None] = Future()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=_Loop) as runner:
                outcome.set_result(runner.run(_fetch_until(abandoned, fetch)))
        except BaseException as error:  # handed over to the thread that waits
            outcome.set_exception(error)

    threading.Thread(target=work, name="ipy_gateway-download", daemon=True).start()
    try:
        follow(download, lambda: bool(wait([outcome], POLL_S).done), folder, total_bytes)
    finally:
        abandoned.set()
        wait([outcome], 2 * POLL_S)
    try:
        outcome.result()
    except httpx.HTTPStatusError as error:
        raise SourceError(f"{error.request.url.host} answered {error.response.status_code}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceError(f"{type(error).__name__}, {error or 'no more is known'}") from error
    report_end(download, total_bytes)


class _Loop(asyncio.SelectorEventLoop):
    """Looks names up in threads that nobody has to wait for: a name server may not answer."""

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        return await in_own_thread(
            partial(socket.getaddrinfo, host, port, **hints), name=f"looking up {host}"
        )


async def _fetch_until(
    abandoned: threading.Event, fetch: Callable[[httpx.AsyncClient], Awaitable[None]]
) -> None:
    async with _client() as client:
        work = asyncio.ensure_future(fetch(client))
        while not work.done():
            await asyncio.wait({work}, timeout=POLL_S)
            if abandoned.is_set():
                work.cancel()
        return work.result()


def _client() -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(timeout=_TIMEOUT, follow_redirects=True)
    except (OSError, ValueError, ImportError, httpx.InvalidURL) as error:  # SSL_CERT_FILE, or a proxy
        reason = getattr(error, "strerror", None) or str(error)
        raise SourceError(
            f"no connection can be made, {reason}: check SSL_CERT_FILE and the proxy"
        ) from error
