"""Requests over HTTP: with the key for their host, and httpx's errors turned into ours."""

import asyncio
import io
import ssl
import sys
from collections.abc import Mapping
from contextlib import aclosing, suppress
from functools import lru_cache
from typing import Any

import httpx

from .config import GatewayConfig
from .exceptions import (
    ConfigurationError,
    GatewayError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from .hiding import hide_key_in, key_hidden_in_logs
from .loop_clients import client_of_this_loop, is_loopback, proxy_for
from .requests.charges import charged, read_charged
from .routing import endpoint_url
from .secret import public_url
from .waiting.deadline import deadline
from .waiting.signals import waking_for_signals
from .wire.request_bodies import request_with
from .wire.transport_errors import causes_of, reason_of

TRANSCRIPTIONS = "/audio/transcriptions"
START_SERVER = "Start the server, or correct the URL: %gateway URL in a notebook, text_base_url in code."
AUDIO_TYPES = {"mp3": "audio/mpeg", "m4a": "audio/mp4", "wma": "audio/x-ms-wma"}

_PASSED_ON = (GatewayError, asyncio.CancelledError, KeyboardInterrupt)


async def forward_chat_completion(
    request_body: dict[str, Any], base_url: str, config: GatewayConfig
) -> httpx.Response:
    """Send a chat completion request and return the raw response, whatever its status.

    Args:
        request_body: the JSON body, sent as it is.
        base_url: the server, with or without `/v1`.
        config: timeouts and key.

    Raises:
        UpstreamUnreachableError: no connection, or it was lost.
        UpstreamTimeoutError: no complete answer within `config.timeout_s`.
        UpstreamResponseError: what came back is not HTTP.
    """
    return await forward("POST", base_url, "/chat/completions", config, json=request_body)


async def forward_models(base_url: str, config: GatewayConfig) -> httpx.Response:
    """Ask a server for its models and return the raw response, whatever its status.

    Args:
        base_url: the server.
        config: key and timeouts.

    Raises: as `forward_chat_completion`.
    """
    return await forward("GET", base_url, "/models", config)


async def forward_transcription(
    audio_bytes: bytes,
    audio_format: str,
    fields: Mapping[str, str | list[str]],
    base_url: str,
    config: GatewayConfig,
) -> httpx.Response:
    """Send a recording to /v1/audio/transcriptions and return the raw response, whatever its status.

    Args:
        audio_bytes: the recording.
        audio_format: what it is, e.g. "wav"; the file is named after it.
        fields: the form's other fields.
        base_url: the server, with or without `/v1`.
        config: timeouts and key.

    Raises: as `forward_chat_completion`.
    """
    form = _form(audio_bytes, audio_format, fields)
    return await forward("POST", base_url, TRANSCRIPTIONS, config, **form)


async def open_chat_stream(
    request_body: dict[str, Any], base_url: str, config: GatewayConfig
) -> httpx.Response:
    """Send a chat completion request and return the response with its body unread; the caller closes it.

    Read it inside `errors_of_ours`. How long it may take is the caller's affair.

    Raises: as `forward_chat_completion`.
    """
    with errors_of_ours(base_url, config), key_hidden_in_logs(base_url, config):
        return await _send("POST", base_url, "/chat/completions", config, read_s=None, json=request_body)


async def open_transcription_stream(
    audio_bytes: bytes,
    audio_format: str,
    fields: Mapping[str, str | list[str]],
    base_url: str,
    config: GatewayConfig,
) -> httpx.Response:
    """Send what `forward_transcription` sends and return the response as `open_chat_stream` does."""
    form = _form(audio_bytes, audio_format, fields)
    with errors_of_ours(base_url, config), key_hidden_in_logs(base_url, config):
        return await _send("POST", base_url, TRANSCRIPTIONS, config, read_s=None, **form)


def _form(audio_bytes: bytes, audio_format: str, fields: Mapping[str, str | list[str]]) -> dict[str, Any]:
    content = io.BytesIO(audio_bytes)  # which is sent in pieces: no connection holds a copy of all of it
    file = (f"audio.{audio_format}", content, AUDIO_TYPES.get(audio_format, f"audio/{audio_format}"))
    return {"data": dict(fields), "files": {"file": file}}


async def forward(
    method: str, base_url: str, path: str, config: GatewayConfig, **content: Any
) -> httpx.Response:
    """Send any request and return the raw response; without a path the address is asked as it stands."""
    hidden = key_hidden_in_logs(base_url, config)
    with errors_of_ours(base_url, config), hidden, waking_for_signals():
        async with deadline(config.timeout_s):
            response = await _send(method, base_url, path, config, read_s=config.timeout_s, **content)
            async with aclosing(response):
                return await read_charged(response, base_url, config)


async def _send(
    method: str, base_url: str, path: str, config: GatewayConfig, *, read_s: float | None, **content: Any
) -> httpx.Response:
    client = await client_of_this_loop()
    url = _address(base_url, path)
    _check_key_stays_private(url, config)
    request = request_with(method, url, **content)
    connect_s = min(config.connect_timeout_s, config.timeout_s)
    request.extensions["timeout"] = {
        "connect": connect_s,
        "read": read_s,
        "write": config.timeout_s,
        "pool": None,
    }
    key = config.key_for(str(url))
    if key:
        request.headers["Authorization"] = f"Bearer {key}"
    try:
        return await charged(lambda: client.send_unchanged(request), method, content)
    finally:  # responses and errors keep their request, and may be shown or pickled
        with suppress(KeyError):
            del request.headers["Authorization"]  # not pop(), which takes all headers apart


class errors_of_ours:  # noqa: N801 - used like a function
    """A context in which httpx's errors become ours, and no frame is left whose variables hold the key.

    A class, because a generator's context manager gives a passing error its frames back.

    Raises: as `forward_chat_completion`.
    """

    def __init__(self, base_url: str, config: GatewayConfig) -> None:
        self._base_url = base_url
        self._config = config

    def __enter__(self) -> None:
        self._handled_before = sys.exception()

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if not isinstance(error, (httpx.HTTPError, httpx.InvalidURL, TimeoutError, *_PASSED_ON)):
            return
        causes = list(causes_of(error, self._handled_before))
        for cause in causes:
            cause.with_traceback(None)
            hide_key_in(cause, self._base_url, self._config)
        if not isinstance(error, _PASSED_ON):
            raise _error_of_ours(error, causes, self._base_url, self._config) from error


def _check_key_stays_private(url: httpx.URL, config: GatewayConfig) -> None:
    if url.scheme != "http" or config.allow_key_over_http or is_loopback(url.host):
        return
    if config.key_for(str(url)) is not None:
        raise ConfigurationError(
            f"The key would travel unencrypted to {url.scheme}://{url.netloc.decode()}.",
            "Use https://, or allow it with allow_key_over_http=True in a network that you trust.",
        )


@lru_cache
def _address(base_url: str, path: str) -> httpx.URL:
    if len(base_url.split()) > 1:  # before httpx, whose error quotes what follows the blank
        raise _no_url(base_url, "it holds a blank")
    try:
        url = httpx.URL(endpoint_url(base_url, path))
        url.host.encode("idna")  # what the resolver does first
    except (httpx.InvalidURL, UnicodeError) as error:
        raise _no_url(base_url, str(error)) from error
    if not url.scheme or not url.host:
        raise _no_url(base_url, "it names no host")
    return url


def _no_url(base_url: str, reason: str) -> UpstreamUnreachableError:
    return UpstreamUnreachableError(
        f"{public_url(base_url)} is no URL of a server: {reason}.",
        "Give one like http://localhost:8080.",
        upstream=base_url,
    )


def _error_of_ours(
    error: Exception, causes: list[BaseException], base_url: str, config: GatewayConfig
) -> UpstreamError:
    reason = reason_of(causes)
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return _no_connection(causes, reason, base_url)
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return UpstreamTimeoutError(
            f"{base_url} gave no complete answer within {config.timeout_s:g} s.",
            "Raise timeout_s, or ask for less at a time.",
            upstream=base_url,
        )
    if isinstance(error, httpx.NetworkError) or "disconnected" in reason or "closed connection" in reason:
        return UpstreamUnreachableError(
            f"The connection to {base_url} was lost before the answer was complete ({reason}).",
            "Look at the server's log, then try again.",
            upstream=base_url,
        )
    if isinstance(error, httpx.InvalidURL) or "location header" in reason:  # httpx reads it, unasked
        return UpstreamResponseError(
            f"{base_url} redirects to what is no URL.", "Look at the server's settings.", upstream=base_url
        )
    if isinstance(error, httpx.RemoteProtocolError):
        return UpstreamResponseError(
            f"What {base_url} answered is not HTTP ({reason}).",
            "Check the port in the URL.",
            upstream=base_url,
        )
    return UpstreamResponseError(
        f"{base_url} can't be talked to: {reason}.", "Check the URL and the proxy.", upstream=base_url
    )


def _no_connection(causes: list[BaseException], reason: str, base_url: str) -> UpstreamUnreachableError:
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UpstreamUnreachableError(
                f"The certificate of {base_url} is not valid ({cause.verify_message.rstrip('.')}).",
                "Correct the URL; a private authority is named with SSL_CERT_FILE.",
                upstream=base_url,
            )
    proxy = proxy_for(httpx.URL(base_url))
    if proxy:
        return UpstreamUnreachableError(
            f"No server answers at the proxy for {base_url}, {proxy.url.copy_with(userinfo=b'')} ({reason}).",
            "Correct http_proxy, https_proxy or all_proxy, or name the host in no_proxy.",
            upstream=base_url,
        )
    return UpstreamUnreachableError(
        f"No server answers at {base_url} ({reason}).",
        START_SERVER,
        upstream=base_url,
    )
