"""A recording at an address, fetched into a file."""

from collections.abc import Generator
from contextlib import aclosing, contextmanager
from pathlib import Path

import httpx

from ..client import START_SERVER, errors_of_ours
from ..config import GatewayConfig
from ..exceptions import (
    AudioProcessingError,
    InvalidRequestError,
    UpstreamResponseError,
    UpstreamUnreachableError,
)
from ..files.temporary_files import explaining_disk_errors, new_file
from ..loop_clients import client_of_this_loop
from ..secret import public_url
from ..waiting.progress import Progress, report
from ..waiting.signals import waking_for_signals
from ..wire.bodies import decoded_pieces, media_type_of

MAX_DOWNLOAD_BYTES = 4_000_000_000  # a day of speech as MP3, or six hours as they come from a camera
WEB_PAGES = ("text/html", "application/xhtml+xml")


async def fetch_recording(
    url: str, path: Path, config: GatewayConfig, *, name: str = "", max_bytes: int = MAX_DOWNLOAD_BYTES
) -> None:
    """Fetch a recording into a new file. Redirects are followed; no key is sent.

    Args:
        url: an address, http or https.
        path: the file, which is not there yet.
        config: how long connecting may take, and how long the server may be silent.
        name: what the progress calls it; by default its path's last part.
        max_bytes: what is larger is refused, whatever its header says.

    Raises:
        InvalidRequestError: it is no such address.
        UpstreamError: it can't be fetched.
        AudioProcessingError: it is too large, or a web page, or the disk is full.
    """
    shown = public_url(url).strip("'")
    origin = _checked_origin(url, shown)
    with _hint_of_addresses(), errors_of_ours(origin, config), waking_for_signals():
        async with aclosing(await _opened(url, shown, config)) as response:
            _check(response, shown, max_bytes)
            await _save(response, path, shown, config, name=name or path.name, max_bytes=max_bytes)


@contextmanager
def _hint_of_addresses() -> Generator[None, None, None]:
    """A recording's address is neither started nor set."""
    try:
        yield
    except UpstreamUnreachableError as error:
        if error.hint != START_SERVER:
            raise
        raise UpstreamUnreachableError(
            error.message, "Check the address, and the network.", upstream=error.upstream
        ) from error.__cause__


def _checked_origin(url: str, shown: str) -> str:
    try:
        address = httpx.URL(url)
        address.host.encode("idna")  # what the resolver does first
    except (httpx.InvalidURL, UnicodeError) as error:
        raise InvalidRequestError(f"{shown!r} is no address.", "Copy it again.") from error
    if address.scheme not in ("http", "https") or not address.host:
        raise InvalidRequestError(
            f"{shown!r} is no address of a recording.", "It begins with http:// or https://."
        )
    return f"{address.scheme}://{address.netloc.decode('ascii')}"


async def _opened(url: str, shown: str, config: GatewayConfig) -> httpx.Response:
    client = await client_of_this_loop()
    timeout = httpx.Timeout(config.between_tokens_timeout_s, connect=config.connect_timeout_s, pool=None)
    request = client.build_request("GET", url, timeout=timeout, headers={"Accept-Encoding": "identity"})
    try:
        return await client.send(request, stream=True, follow_redirects=True)
    except httpx.TooManyRedirects as error:
        raise UpstreamResponseError(f"{shown} redirects in a circle.", upstream=shown) from error


def _check(response: httpx.Response, shown: str, max_bytes: int) -> None:
    if not response.is_success:
        raise UpstreamResponseError(
            f"The recording at {shown} can't be fetched: {response.status_code} {response.reason_phrase}.",
            "Check the address.",
            upstream=shown,
            status_code=response.status_code,
        )
    if media_type_of(response) in WEB_PAGES:
        raise AudioProcessingError(
            f"{shown} is a web page, not a recording.", "Copy the address of the recording itself."
        )
    if (_length_of(response) or 0) > max_bytes:
        raise _too_large(shown, max_bytes)


async def _save(
    response: httpx.Response, path: Path, shown: str, config: GatewayConfig, *, name: str, max_bytes: int
) -> None:
    expected = _length_of(response)
    done = 0
    with explaining_disk_errors(), new_file(path) as file:
        async with aclosing(decoded_pieces(response, shown, config)) as pieces:
            async for piece in pieces:
                done += len(piece)
                if done > max_bytes:
                    raise _too_large(shown, max_bytes)
                file.write(piece)
                report(Progress(name, done, expected))
    if not done:
        raise AudioProcessingError(f"There is nothing at {shown}: it has 0 bytes.", "Check the address.")


def _length_of(response: httpx.Response) -> int | None:
    """What the header says, for a first look and for the progress; the bytes are counted anyway."""
    length = response.headers.get("content-length", "")
    return int(length) if length.isascii() and length.isdigit() else None


def _too_large(shown: str, max_bytes: int) -> AudioProcessingError:
    return AudioProcessingError(
        f"The recording at {shown} has more than {max_bytes / 1e6:,.0f} MB.",
        "Fetch it by other means, and cut it into parts.",
        error_type="audio_too_large",
    )
