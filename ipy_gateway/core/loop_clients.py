"""httpx clients: one for each event loop, with connections that are opened as the environment says."""

import asyncio
import importlib
import ipaddress
import os
import ssl
import threading
import urllib.request
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self

import httpx

from .cassettes.tape import TapedTransport
from .exceptions import ConfigurationError, InvalidRequestError
from .wire.connections import MAX_CONNECTIONS, ConnectionStack
from .wire.direct_transport import DirectTransport
from .wire.handshakes import HandshakeGuard
from .wire.lookups import LookedUpTransport
from .wire.mounts import mounted_transports
from .wire.request_bodies import HEADERS
from .wire.transport_errors import os_reason

# With "0", connections are httpx's own: aiohttp refuses some sloppy answers that httpx takes.
FAST_VARIABLE = "IPY_GATEWAY_FAST"

# What httpx.create_ssl_context() reads, in its order.
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class GatewayClient(httpx.AsyncClient):
    """A client that can also send a request as it stands, without what makes httpx's own half of the cost.

    Args:
        transport: sends requests.
        mounted: does so in its place, by URL scheme.
    """

    def __init__(
        self, transport: httpx.AsyncBaseTransport, mounted: Mapping[str, httpx.AsyncBaseTransport]
    ) -> None:
        super().__init__(
            transport=transport,
            mounts={f"{scheme}://": other for scheme, other in mounted.items()},
            follow_redirects=False,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none: all configurations share us
            headers=HEADERS,
        )
        self._by_scheme = mounted

    async def send_unchanged(self, request: httpx.Request) -> httpx.Response:
        """The response with its body unread, whatever its status: no redirect, no cookie, no hook.

        Raises:
            httpx.InvalidURL: it redirects to what is no URL.
        """
        transport = self._by_scheme.get(request.url.scheme, self._transport)
        try:
            response = await transport.handle_async_request(request)
        except httpx.RequestError as error:
            error.request = request
            raise
        response.request = request
        try:
            if response.is_redirect and response.has_redirect_location:  # the latter takes all headers apart
                location = httpx.URL(response.headers["location"])
                if location.scheme and not location.host:  # what httpx makes of it; of javascript: nothing
                    location.copy_with(host=request.url.host)
        except httpx.InvalidURL:
            await response.aclose()
            raise
        return response


class _LoopClients:
    """One httpx client for each running event loop, closed when the loop shuts down its generators."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # loops of several threads come here
        self._lifetimes: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, tuple[AsyncGenerator[GatewayClient, None], GatewayClient]
        ] = weakref.WeakKeyDictionary()

    async def get(self) -> GatewayClient:
        scope = _scope.get()
        if scope:
            return scope.client()
        loop = asyncio.get_running_loop()
        known = self._lifetimes.get(loop)
        if known:
            return known[1]
        # asyncio.run() and our own loop close what is left of generators, and with it the client.
        lifetime = _client_lifetime(ConnectionStack(_open_connection))
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
client_of_this_loop = _loop_clients.get
close_connections = _loop_clients.close
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_loop_clients.forget_all)


class Connections:
    """Connections of their own for the requests inside `async with`, closed at its end.

        async with Connections(max_connections=4):
            await asyncio.gather(*(transcribe_audio(data, config) for data in recordings))

    Without it, requests share the connections of their event loop, which are closed with the loop.

    Args:
        max_connections: how many may be open at a time; further requests wait for one.

    Raises:
        InvalidRequestError: a request inside is made on another event loop, where it would wait for ever,
            or after the end, by a task that has outlived the block.
    """

    def __init__(self, *, max_connections: int = MAX_CONNECTIONS) -> None:
        if max_connections < 1:
            raise InvalidRequestError(f"max_connections is {max_connections!r}.", "Allow at least one.")
        self._stack = ConnectionStack(_open_connection, max_connections=max_connections)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lifetime: AsyncGenerator[GatewayClient, None] | None = None
        self._client: GatewayClient | None = None

    async def __aenter__(self) -> Self:
        if self._loop:
            raise InvalidRequestError("These connections have been used before.", "Make new Connections().")
        self._loop = asyncio.get_running_loop()
        self._lifetime = _client_lifetime(self._stack)
        self._client = await anext(self._lifetime)
        self._token = _scope.set(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._lifetime
        _scope.reset(self._token)
        lifetime, self._lifetime, self._client = self._lifetime, None, None
        await lifetime.aclose()

    @property
    def in_use(self) -> int:
        """How many of the connections are answering a request now."""
        return self._stack.in_use

    def client(self) -> GatewayClient:
        """The client of these connections, for a request of this loop."""
        if self._client is None:
            raise InvalidRequestError(
                "These connections are closed: their async with block has ended.",
                "Wait inside the block for all that was started in it.",
            )
        if self._loop is not asyncio.get_running_loop():
            raise InvalidRequestError(
                "These connections belong to another event loop.",
                "Open Connections() on the loop that asks.",
            )
        return self._client


_scope: ContextVar[Connections | None] = ContextVar("ipy_gateway_connections", default=None)


async def _client_lifetime(stack: ConnectionStack) -> AsyncGenerator[GatewayClient, None]:
    mounted = {scheme: TapedTransport(_load_transport(scheme)) for scheme in mounted_transports}
    async with GatewayClient(TapedTransport(stack), mounted) as client:
        yield client


def _load_transport(scheme: str) -> httpx.AsyncBaseTransport:
    module, _, attribute = mounted_transports[scheme].partition(":")
    transport = getattr(importlib.import_module(module), attribute)()
    assert isinstance(transport, httpx.AsyncBaseTransport)
    return transport


def _open_connection(url: httpx.URL) -> httpx.AsyncBaseTransport:
    verify = _trusted() if url.scheme == "https" else _untrusting_ssl_context()
    try:
        proxy = proxy_for(url)
        if not proxy:
            return _straight_to(url, verify)
        by_proxy = httpx.AsyncHTTPTransport(
            verify=verify,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            proxy=proxy,
            trust_env=False,
        )
        return HandshakeGuard(LookedUpTransport(proxy.url, by_proxy))
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise ConfigurationError(
            f"The proxy for {url.host} that the environment names can't be used: {error}.",
            f"Correct {url.scheme}_proxy or all_proxy, or name {url.host} in no_proxy.",
        ) from error


def _straight_to(url: httpx.URL, verify: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    is_plain = url.scheme == "http" and (url.port or 0) < 1 << 16
    if is_plain and (make_transport := _fast_transport()):
        return LookedUpTransport(url, make_transport())
    return DirectTransport(url, verify)


@cache
def _fast_transport() -> Callable[[], httpx.AsyncBaseTransport] | None:
    """What the extra `fast` brings, where it is installed, and not turned off."""
    if os.environ.get(FAST_VARIABLE, "").strip() == "0":
        return None
    try:
        module = importlib.import_module(".wire.fast_transport", __package__)
    except ImportError:
        return None
    made: Callable[[], httpx.AsyncBaseTransport] = module.FastTransport
    return made


def _trusted() -> ssl.SSLContext:
    return _ssl_context(*map(os.environ.get, CERTIFICATE_VARIABLES))


@cache
def _ssl_context(*_variables: str | None) -> ssl.SSLContext:
    """One for all connections, until the variables change: making it costs more than a request."""
    variable = next(filter(os.environ.get, CERTIFICATE_VARIABLES), None)
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # ssl.SSLError is one
        source = f"{variable}={os.environ[variable]!r} names" if variable else "the package certifi holds"
        raise ConfigurationError(
            f"The certificates that {source} can't be loaded: {os_reason(error)}.",
            f"Correct or unset {variable}." if variable else "Install certifi again.",
        ) from error


@cache
def _untrusting_ssl_context() -> ssl.SSLContext:
    """What http:// asks for and never uses; it accepts no certificate."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def proxy_for(url: httpx.URL) -> httpx.Proxy | None:
    """The environment's proxy for a URL; loopback is always asked directly."""
    if is_loopback(url.host) or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if not proxy:
        return None
    address = httpx.URL(proxy if "://" in proxy else f"http://{proxy}")
    return httpx.Proxy(address, ssl_context=_trusted() if address.scheme == "https" else None)


@lru_cache
def is_loopback(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")  # RFC 6761
    return address.is_loopback or address.is_unspecified
