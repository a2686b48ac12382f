"""Connections that are refused, lost, or lead to something else than a server of HTTP."""

import contextlib
import socket
from collections.abc import Iterator
from functools import partial

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamTimeoutError, UpstreamUnreachableError

from ..support.fault_server import completion
from .peers import TEXT, Connection, drips, peer, sends
from .uses import EVERY_USE, USES, Fault, Trial, cases

LOST = "The connection to {url} was lost before the answer was complete ("
NOT_HTTP = "What {url} answered is not HTTP ("
STATUS = b"HTTP/1.1 200 OK\r\n"
HEAD = STATUS + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
CHUNKED = STATUS + b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
NO_ANSWER = "{url} gave no complete answer within 0.3 s."
QUICK = {"timeout_s": 0.3}
LARGE_BYTES = 3_000_000  # more than the buffers of the kernel take at once


class Nobody:
    """An address without a server."""

    open = 0

    def __init__(self, url: str) -> None:
        self.url = url

    def wait_until_all_closed(self) -> None:
        """There is none."""


@contextlib.contextmanager
def nobody(url: str | None = None) -> Iterator[Nobody]:
    with socket.socket() as bound:  # and not listening: nobody else can take the port
        bound.bind(("127.0.0.1", 0))
        yield Nobody(url or f"http://127.0.0.1:{bound.getsockname()[1]}")


async def close_on_accept(connection: Connection) -> None:
    """Nothing is read, nothing is sent."""


async def reset_on_accept(connection: Connection) -> None:
    connection.reset()


async def close_while_reading(connection: Connection) -> None:
    await connection.read_some()


async def reset_while_reading(connection: Connection) -> None:
    await connection.read_some()
    connection.reset()


async def hang(connection: Connection) -> None:
    await connection.wait_for_hang_up()


FAULTS = {
    "refused": Fault(
        "Nothing listens on the port",
        nobody,
        UpstreamUnreachableError,
        "No server answers at {url} (Connection refused).",
        uses=EVERY_USE,
    ),
    "no-such-host": Fault(
        "The host has no address",
        partial(nobody, "https://nothing.invalid"),
        UpstreamUnreachableError,
        "No server answers at {url} (no such host).",
    ),
    "closed-on-accept": Fault(
        "The server closes the connection at once",
        partial(peer, close_on_accept),
        UpstreamUnreachableError,
        LOST,
    ),
    "reset-on-accept": Fault(
        "The server resets the connection at once",
        partial(peer, reset_on_accept),
        UpstreamUnreachableError,
        # The reset may come before or after the client has noticed that it is connected.
        (LOST, "No server answers at {url} (Connection reset by peer)."),
    ),
    "closed-while-reading": Fault(
        "The server closes while it reads the request",
        partial(peer, close_while_reading),
        UpstreamUnreachableError,
        LOST,
    ),
    "reset-while-reading": Fault(
        "The server resets while it reads the request",
        partial(peer, reset_while_reading),
        UpstreamUnreachableError,
        LOST,
    ),
    "closed-while-sending": Fault(
        "The server closes while a large request is being sent",
        partial(peer, close_while_reading),
        UpstreamUnreachableError,
        LOST,
        uses=("plain", "await"),  # a reset is the same to whoever still sends
        request_bytes=LARGE_BYTES,
    ),
    "reset-while-sending": Fault(
        "The server resets while a large request is being sent",
        partial(peer, reset_while_reading),
        UpstreamUnreachableError,
        LOST,
        uses=EVERY_USE,
        request_bytes=LARGE_BYTES,
    ),
}


def _cut(name: str, what: str, data: bytes) -> Iterator[tuple[str, Fault]]:
    for how in ("close", "reset"):
        server = partial(peer, sends(data, then=how))
        yield f"{how}-{name}", Fault(f"{what} (a {how})", server, UpstreamUnreachableError, LOST)


FAULTS |= dict(
    [
        *_cut("after-request", "The connection ends before a byte of the answer", b""),
        *_cut("in-status-line", "The connection ends in the status line", b"HTTP/1.1 20"),
        *_cut("in-headers", "The connection ends in the headers", STATUS + b"Content-Type: app"),
        *_cut("after-headers", "The connection ends between headers and body", HEAD),
        *_cut("in-body", "The connection ends in the body", HEAD + b'{"choices": ['),
        *_cut("in-chunked-body", "The connection ends in a chunked body", CHUNKED + b'5\r\n{"cho'),
        *_cut("between-chunks", "The connection ends between two chunks", CHUNKED + b'5\r\n{"cho\r\n'),
    ]
)

ALIENS = {
    "ssh": Fault(
        "Another service listens there: SSH, mail, a database",
        partial(peer, sends(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        UpstreamResponseError,
        NOT_HTTP,
        uses=EVERY_USE,
    ),
    "tls-alert": Fault(
        "The port wants https:// and is asked with http://",
        partial(peer, sends(b"\x15\x03\x01\x00\x02\x02\x16")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "http2": Fault(
        "The server speaks nothing but HTTP/2",
        partial(peer, sends(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "random-bytes": Fault(
        "The answer is random bytes",
        partial(peer, sends(bytes(range(128, 256)) * 20 + b"\r\n\r\n")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "bad-length": Fault(
        "The length of the body is no number",
        partial(peer, sends(STATUS + b"Content-Length: many\r\n\r\n")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "two-lengths": Fault(
        "The body has two lengths",
        partial(peer, sends(STATUS + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "bad-chunk": Fault(
        "The size of a chunk is no number",
        partial(peer, sends(CHUNKED + b"zz\r\n")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "bad-header": Fault(
        "A header is none",
        partial(peer, sends(STATUS + b"no header at all\r\n\r\n{}")),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "giant-header": Fault(
        "A header has no end",
        partial(peer, sends(STATUS + b"X-Giant: " + b"x" * 1_000_000)),
        UpstreamResponseError,
        NOT_HTTP,
    ),
    "many-headers": Fault(
        "The headers have no end",
        partial(peer, drips(STATUS, b"X-More: yes\r\n" * 1000, every_s=0.0)),
        UpstreamResponseError,
        NOT_HTTP,
    ),
}

SLOW = {
    "hang-on-accept": Fault(
        "The server takes the connection and does not read",
        partial(peer, hang),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
    "hang-after-request": Fault(
        "The server reads the request and says nothing",
        partial(peer, sends(then="wait")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
        uses=EVERY_USE,
    ),
    "hang-in-headers": Fault(
        "The server stops in the headers",
        partial(peer, sends(STATUS + b"Content-", then="wait")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
    "hang-in-body": Fault(
        "The server stops in the body",
        partial(peer, sends(HEAD + b"{", then="wait")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
    "slow-headers": Fault(
        "The headers drip, byte by byte",
        partial(peer, drips(STATUS + b"X-Slow: ", b"x")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
    "slow-body": Fault(
        "The body drips, byte by byte",
        partial(peer, drips(HEAD, b" ")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
    "continue-for-ever": Fault(
        "The server says 100 Continue for ever",
        partial(peer, drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
    "endless-chunks": Fault(
        "The body never ends",
        partial(peer, drips(CHUNKED, b"1\r\n \r\n")),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_connection_that_is_refused_or_lost(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize(("fault", "use"), cases(ALIENS))
def test_an_answer_that_is_not_http(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize(("fault", "use"), cases(SLOW))
def test_a_server_that_keeps_one_waiting(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_a_kept_connection_that_the_server_closed_is_not_used(use: str, trial: Trial) -> None:
    with peer(answer_once_per_connection) as server:
        texts = trial.texts(use, server, times=2, pause_s=0.1, max_retries=0)

        assert texts == [TEXT, TEXT]
        assert server.opened == 2


async def answer_once_per_connection(connection: Connection) -> None:
    await connection.read_request()
    await connection.send(completion(TEXT).data)
