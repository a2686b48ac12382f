"""Answers that are too large, or compressed wrongly, or both."""

import gzip
import zlib
from functools import partial
from typing import Any

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamUnreachableError
from ipy_gateway.core.wire import bodies

from ..support.fault_server import answer, completion, fault_server
from .peers import drips, peer, sends
from .uses import EVERY_USE, KEY, USES, Fault, Trial, cases

GOOD = completion("Fine.").data.partition(b"\r\n\r\n")[2]
ENDLESS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
UNREADABLE = "The answer of {url} can't be read: "


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_ANSWER_BYTES", 3_000_000)


def compressed(body: bytes, encoding: str = "gzip", status: int = 200) -> Any:
    return partial(fault_server, answer(status, body=body, headers={"Content-Encoding": encoding}))


FAULTS = {
    "not-gzip": Fault(
        "A body that is called gzip and is not",
        compressed(GOOD),
        UpstreamResponseError,
        UNREADABLE + "it is no gzip data",
        uses=EVERY_USE,
    ),
    "cut-gzip": Fault(
        "gzip data that is cut",
        compressed(gzip.compress(GOOD)[:-9]),
        UpstreamResponseError,
        UNREADABLE + "its gzip data ends in the middle",
    ),
    "broken-gzip": Fault(
        "gzip data that is damaged",
        compressed(gzip.compress(GOOD)[:12] + b"\xff" * 40),
        UpstreamResponseError,
        UNREADABLE + "it is no gzip data",
    ),
    "cut-deflate": Fault(
        "deflate data that is cut",
        compressed(zlib.compress(GOOD)[:-9], "deflate"),
        UpstreamResponseError,
        UNREADABLE + "its deflate data ends in the middle",
    ),
    "brotli": Fault(
        "A compression that was not asked for",
        compressed(b"\x0b\x02\x80", "br"),
        UpstreamResponseError,
        UNREADABLE + "it is compressed with 'br', which nobody asked for",
    ),
    "key": Fault(
        "The key, repeated as the name of a compression",
        compressed(GOOD, f"gzip, {KEY}"),
        UpstreamResponseError,
        UNREADABLE + "it is compressed with 'gzip, **********'",
    ),
    "twice": Fault(
        "Compressed twice",
        compressed(gzip.compress(gzip.compress(GOOD)), "gzip, gzip"),
        UpstreamResponseError,
        UNREADABLE + "it is compressed with 'gzip, gzip'",
    ),
    "bomb": Fault(
        "A compression bomb: 100 MB in 100 kB",
        compressed(gzip.compress(bytes(100_000_000), 1)),
        UpstreamResponseError,
        "{url} sends more than 3 MB as an answer.",
    ),
    "bomb-in-error": Fault(
        "A compression bomb in an error",
        compressed(gzip.compress(b"boom " * 20_000_000, 1), status=400),
        UpstreamResponseError,
        "{url} answered 400 Bad Request: boom boom",
    ),
    "giant-body": Fault(
        "An answer that is too large",
        partial(fault_server, answer(body=bytes(4_000_000))),
        UpstreamResponseError,
        "{url} sends more than 3 MB as an answer.",
    ),
    "endless-body": Fault(
        "A body without end, at full speed",
        partial(peer, drips(ENDLESS, b"10000\r\n" + bytes(65536) + b"\r\n", every_s=0.0)),
        UpstreamResponseError,
        "{url} sends more than 3 MB as an answer.",
    ),
    "giant-length": Fault(
        "A length of 10^19 bytes, and a hang-up",
        partial(peer, sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1" + b"0" * 19 + b"\r\n\r\n{}")),
        UpstreamUnreachableError,
        "The connection to {url} was lost before the answer was complete (",
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_body_that_is_too_large_or_compressed_wrongly(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_a_compressed_answer_is_read(use: str, trial: Trial) -> None:
    reply = answer(body=gzip.compress(GOOD), headers={"Content-Encoding": "gzip"})

    with fault_server(reply) as server:
        assert "Fine." in trial.text(use, server)


@pytest.mark.parametrize("use", USES)
def test_an_answer_in_tiny_pieces_is_read(use: str, trial: Trial) -> None:
    head, _, body = completion("Fine.").data.partition(b"\r\n\r\n")
    pieces = [bytes([byte]) for byte in head + b"\r\n\r\n" + body]

    with peer(sends(*pieces)) as server:
        assert "Fine." in trial.text(use, server)
