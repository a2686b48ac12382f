"""The HTTP side: connections, keys, proxies, and httpx's errors turned into ours."""

import asyncio
import contextlib
import importlib
import ipaddress
import os
import socket
import ssl
import sys
import threading
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing
from functools import cache
from typing import Any

import httpx

from .bodies import READABLE_ENCODINGS, read_response
from .config import GatewayConfig
from .connections import ConnectionStack
from .deadline import deadline
from .exceptions import (
    ConfigurationError,
    InvalidRequestError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from .routing import endpoint_url

# A loop in the main thread sees a Ctrl-C only when it wakes (ipykernel #881).
SIGNAL_CHECK_S = 0.2

# Transports of other URL schemes, as "module:attribute"; the package mounts its embedded engine here.
mounted_transports: dict[str, str] = {}


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


async def _forward(
    method: str, base_url: str, path: str, config: GatewayConfig, **content: Any
) -> httpx.Response:
    client = await _client_of_this_loop()
    url = _address(base_url, path)
    try:
        request = client.build_request(method, url, timeout=_timeouts(config), **content)
    except (TypeError, ValueError) as error:
        raise InvalidRequestError(
            f"The request can't be written as JSON: {error}.", "Use strings, numbers, lists and dicts alone."
        ) from error
    handled_before = sys.exception()
    try:
        with waking_for_signals():
            async with deadline(config.timeout_s):
                response = await client.send(request, auth=_KeyForHost(config), stream=True)
                async with aclosing(response):
                    return await read_response(response, base_url)
    except (httpx.HTTPError, TimeoutError, asyncio.CancelledError, KeyboardInterrupt) as error:
        causes = list(_causes(error, handled_before))
        for cause in causes:
            cause.with_traceback(None)  # the variables of httpx's frames hold the key
        if isinstance(error, asyncio.CancelledError | KeyboardInterrupt):
            raise
        raise _error_of_ours(error, _reason(causes), base_url, config) from error


def _address(base_url: str, path: str) -> httpx.URL:
    try:
        url = httpx.URL(endpoint_url(base_url, path))
        url.host.encode("idna")  # what the resolver does first
    except (httpx.InvalidURL, UnicodeError) as error:
        raise UpstreamUnreachableError(
            f"{base_url!r} is no URL: {error}.", "Give one like http://localhost:8080.", upstream=base_url
        ) from error
    return url


def _timeouts(config: GatewayConfig) -> httpx.Timeout:
    return httpx.Timeout(config.timeout_s, connect=min(config.connect_timeout_s, config.timeout_s), pool=None)


class _KeyForHost(httpx.Auth):
    """Adds the key for the host that is asked, and for no other."""

    def __init__(self, config: GatewayConfig) -> None:
        self._config = config

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        key = self._config.key_for(str(request.url))
        if key:
            request.headers["Authorization"] = f"Bearer {key}"
        yield request


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
        if isinstance(cause, ssl.SSLError):
            return str(cause.strerror or cause)
        if isinstance(cause, OSError) and cause.errno:
            return os.strerror(cause.errno)
    text = str(error)
    if isinstance(error, httpx.RemoteProtocolError):
        text = text.partition(":")[0]  # what follows is the server's bytes
    return text.rstrip(".") or type(error).__name__


def _causes(error: BaseException, handled_before: BaseException | None) -> Iterator[BaseException]:
    """What led to an error; not what the caller was handling when it asked us."""
    cause: BaseException | None = error
    while cause and cause is not handled_before:
        yield cause
        cause = cause.__cause__ or cause.__context__
        if isinstance(cause, BaseExceptionGroup):  # anyio tries each address of a host
            cause = cause.exceptions[0]


@contextlib.contextmanager
def waking_for_signals() -> Generator[None, None, None]:
    """Wake the loop a few times a second, so that an interrupt reaches a cell that awaits us."""
    loop = asyncio.get_running_loop()
    timer = loop.call_later(SIGNAL_CHECK_S, lambda: wake())

    def wake() -> None:
        nonlocal timer
        timer = loop.call_later(SIGNAL_CHECK_S, wake)

    try:
        yield
    finally:
        timer.cancel()


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
        headers={"User-Agent": "ipy-gateway", "Accept-Encoding": READABLE_ENCODINGS},
    ) as client:
        yield client


def _load_transport(scheme: str) -> httpx.AsyncBaseTransport:
    module, _, attribute = mounted_transports[scheme].partition(":")
    transport = getattr(importlib.import_module(module), attribute)()
    assert isinstance(transport, httpx.AsyncBaseTransport)
    return transport


def _open_connection(url: httpx.URL) -> httpx.AsyncBaseTransport:
    try:
        return httpx.AsyncHTTPTransport(
            verify=_ssl_context(),
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
    return httpx.create_ssl_context()


def _proxy_for(url: httpx.URL) -> str | None:
    """The environment's proxy for a URL; loopback is always asked directly."""
    if _is_loopback(url.host) or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761
    return address.is_loopback or address.is_unspecified
