"""The HTTP side: connections, keys, proxies, and httpx's errors turned into ours."""

import asyncio
import importlib
import ipaddress
import os
import socket
import ssl
import sys
import threading
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from .bodies import READABLE_ENCODINGS, read_response
from .config import GatewayConfig
from .connections import ConnectionStack
from .deadline import deadline
from .exceptions import (
    ConfigurationError,
    GatewayError,
    InvalidRequestError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from .routing import endpoint_url
from .secret import public_url
from .signals import waking_for_signals

# Transports of other URL schemes, as "module:attribute"; the package mounts its embedded engine here.
mounted_transports: dict[str, str] = {}

AUDIO_TYPES = {"mp3": "audio/mpeg", "m4a": "audio/mp4", "wma": "audio/x-ms-wma"}

# What httpx.create_ssl_context() reads, in its order.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")

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
    return await _forward("POST", base_url, "/chat/completions", config, json=request_body)


async def forward_models(base_url: str, config: GatewayConfig) -> httpx.Response:
    """Ask a server for its models and return the raw response, whatever its status.

    Raises: as `forward_chat_completion`.
    """
    return await _forward("GET", base_url, "/models", config)


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
    file = (f"audio.{audio_format}", audio_bytes, AUDIO_TYPES.get(audio_format, f"audio/{audio_format}"))
    path = "/audio/transcriptions"
    return await _forward("POST", base_url, path, config, data=dict(fields), files={"file": file})


async def open_chat_stream(
    request_body: dict[str, Any], base_url: str, config: GatewayConfig
) -> httpx.Response:
    """Send a chat completion request and return the response with its body unread; the caller closes it.

    Read it inside `errors_of_ours`. How long it may take is the caller's affair.

    Raises: as `forward_chat_completion`.
    """
    with errors_of_ours(base_url, config):
        return await _send("POST", base_url, "/chat/completions", config, read_s=None, json=request_body)


async def _forward(
    method: str, base_url: str, path: str, config: GatewayConfig, **content: Any
) -> httpx.Response:
    with errors_of_ours(base_url, config), waking_for_signals():
        async with deadline(config.timeout_s):
            response = await _send(method, base_url, path, config, read_s=config.timeout_s, **content)
            async with aclosing(response):
                return await read_response(response, base_url)


async def _send(
    method: str, base_url: str, path: str, config: GatewayConfig, *, read_s: float | None, **content: Any
) -> httpx.Response:
    client = await _client_of_this_loop()
    url = _address(base_url, path)
    _check_key_stays_private(url, config)
    connect_s = min(config.connect_timeout_s, config.timeout_s)
    timeout = httpx.Timeout(config.timeout_s, connect=connect_s, read=read_s, pool=None)
    try:
        request = client.build_request(method, url, timeout=timeout, **content)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"The request can't be written as JSON: {error}.", "Use strings, numbers, lists and dicts alone."
        ) from error
    return await client.send(request, auth=_KeyForHost(config), stream=True)


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
        if not isinstance(error, (httpx.HTTPError, TimeoutError, *_PASSED_ON)):
            return
        causes = list(_causes(error, self._handled_before))
        for cause in causes:
            cause.with_traceback(None)
        if not isinstance(error, _PASSED_ON):
            raise _error_of_ours(error, _reason(causes), self._base_url, self._config) from error


def _check_key_stays_private(url: httpx.URL, config: GatewayConfig) -> None:
    may_be_read = url.scheme == "http" and not _is_loopback(url.host) and config.key_for(str(url)) is not None
    if may_be_read and not config.allow_key_over_http:
        raise ConfigurationError(
            f"The key would travel unencrypted to {url.scheme}://{url.netloc.decode()}.",
            "Use https://, or allow it with allow_key_over_http=True in a network that you trust.",
        )


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


class _KeyForHost(httpx.Auth):
    """Lends the request the key for the host that is asked, and for no other."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        key = self._config.key_for(str(request.url))
        if key:
            request.headers["Authorization"] = f"Bearer {key}"
        try:
            yield request
        finally:  # responses and errors keep their request, and may be shown or pickled
            request.headers.pop("Authorization", None)


def _error_of_ours(error: Exception, reason: str, base_url: str, config: GatewayConfig) -> UpstreamError:
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        return UpstreamUnreachableError(
            f"No server answers at {base_url} ({reason}).",
            "Start the server, or correct the URL: %gateway URL in a notebook, text_base_url in code.",
            upstream=base_url,
        )
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
    if isinstance(error, httpx.RemoteProtocolError):
        return UpstreamResponseError(
            f"What {base_url} answered is not HTTP ({reason}).",
            "Check the port in the URL.",
            upstream=base_url,
        )
    return UpstreamResponseError(
        f"{base_url} can't be talked to: {reason}.", "Check the URL and the proxy.", upstream=base_url
    )


def _reason(causes: list[BaseException]) -> str:
    """The plainest word about an error: httpx hides what the operating system said."""
    error = causes[0]
    if isinstance(error, httpx.ConnectTimeout):
        return "connecting took too long"
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "no such host"
        if isinstance(cause, OSError) and (cause.errno or isinstance(cause, ssl.SSLError)):
            return _os_reason(cause)
    text = str(error)
    if isinstance(error, httpx.RemoteProtocolError):
        text = text.partition(":")[0]  # what follows is the server's bytes
    return text.rstrip(".") or type(error).__name__


def _os_reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return str(error.strerror or error)
    return os.strerror(error.errno) if error.errno else str(error)


def _causes(error: BaseException, handled_before: BaseException | None) -> Iterator[BaseException]:
    """What led to an error; not what the caller was handling when it asked us."""
    cause: BaseException | None = error
    while cause and cause is not handled_before:
        yield cause
        cause = cause.__cause__ or cause.__context__
        if isinstance(cause, BaseExceptionGroup):  # anyio tries each address of a host
            cause = cause.exceptions[0]


class _LoopClients:
    """One httpx client for each running event loop, closed when the loop shuts down its generators."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # loops of several threads come here
        self._lifetimes: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[AsyncGenerator[httpx.AsyncClient, None], httpx.AsyncClient]
        ] = weakref.WeakKeyDictionary()

    async def get(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        known = self._lifetimes.get(loop)
        if known:
            return known[1]
        # asyncio.run() and our own loop close what is left of generators, and with it the client.
        lifetime = _client_lifetime()
        client = await anext(lifetime)
        with self._lock:
            for closed in [other for other in self._lifetimes if other.is_closed()]:
                del self._lifetimes[closed]
            self._lifetimes[loop] = lifetime, client
        return client

    async def close(self) -> None:
        """Close the client of the running loop; the next request opens a new one."""
        with self._lock:
            known = self._lifetimes.pop(asyncio.get_running_loop(), None)
        if known:
            await known[0].aclose()

    def forget_all(self) -> None:
        """After a fork: the sockets belong to the parent."""
        self.__init__()  # type: ignore[misc]  # as new: the lock may be held by a thread that is no more


_loop_clients = _LoopClients()
_client_of_this_loop = _loop_clients.get
close_connections = _loop_clients.close
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loop_clients.forget_all)


async def _client_lifetime() -> AsyncGenerator[httpx.AsyncClient, None]:
    mounts = {f"{scheme}://": _load_transport(scheme) for scheme in mounted_transports}
    async with httpx.AsyncClient(
        transport=ConnectionStack(_open_connection),
        mounts=mounts,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none: all configurations share us
        headers={"User-Agent": "ipy-gateway", "Accept-Encoding": READABLE_ENCODINGS},
    ) as client:
        yield client


def _load_transport(scheme: str) -> httpx.AsyncBaseTransport:
    module, _, attribute = mounted_transports[scheme].partition(":")
    transport = getattr(importlib.import_module(module), attribute)()
    assert isinstance(transport, httpx.AsyncBaseTransport)
    return transport


def _open_connection(url: httpx.URL) -> httpx.AsyncBaseTransport:
    verify = _ssl_context() if url.scheme == "https" else _untrusting_ssl_context()
    try:
        return httpx.AsyncHTTPTransport(
            verify=verify,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            proxy=_proxy_for(url),
            trust_env=False,
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise ConfigurationError(
            f"The proxy for {url.host} that the environment names can't be used: {error}.",
            f"Correct {url.scheme}_proxy or all_proxy, or name {url.host} in no_proxy.",
        ) from error


@cache
def _ssl_context() -> ssl.SSLContext:
    """One for all connections: making it costs more than a request."""
    variable = next(filter(os.environ.get, CERTIFICATE_VARIABLES), None)
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        source = f"{variable}={os.environ[variable]!r} names" if variable else "the package certifi holds"
        raise ConfigurationError(
            f"The certificates that {source} can't be loaded: {_os_reason(error)}.",
            f"Correct or unset {variable}." if variable else "Install certifi again.",
        ) from error


@cache
def _untrusting_ssl_context() -> ssl.SSLContext:
    """What http:// asks for and never uses; it accepts no certificate."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """The environment's proxy for a URL; loopback is always asked directly."""
    if _is_loopback(url.host) or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy:
        return None
    address = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
    return httpx.Proxy(address, ssl_context=_ssl_context() if address.scheme == "https" else None)


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761
    return address.is_loopback or address.is_unspecified
