"""Bodies that are too large, compressed, or wrongly compressed."""

import gzip
import json
import tracemalloc
import zlib

import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError, chat_completion
from ipy_gateway.core.wire import bodies

from ..support.fault_server import Answer, answer, fault_server

QUESTION = [{"role": "user", "content": "Hello"}]
GOOD = json.dumps({"choices": [{"message": {"content": "Fine. " * 1000}, "finish_reason": "stop"}]}).encode()


def raw_deflate(data: bytes) -> bytes:
    compress = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return compress.compress(data) + compress.flush()


async def ask(reply: Answer) -> str:
    with fault_server(reply) as server:
        completion = await chat_completion(QUESTION, GatewayConfig(server.url, max_retries=0))
    return str(completion["choices"][0]["message"]["content"])


async def error(reply: Answer) -> UpstreamResponseError:
    with pytest.raises(UpstreamResponseError) as raised:
        await ask(reply)
    return raised.value


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(GOOD, mtime=0)),
        ("x-gzip", gzip.compress(GOOD, mtime=0)),
        ("GZIP", gzip.compress(GOOD, mtime=0)),
        ("deflate", zlib.compress(GOOD)),
        ("deflate", raw_deflate(GOOD)),
        ("identity", GOOD),
        ("", GOOD),
    ],
)
async def test_compressed_answers_are_read(encoding: str, body: bytes) -> None:
    assert await ask(answer(body=body, headers={"Content-Encoding": encoding})) == "Fine. " * 1000


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip", GOOD, "no gzip data"),
        ("gzip", gzip.compress(GOOD, mtime=0)[:-20], "ends in the middle"),
        ("deflate", zlib.compress(GOOD)[:-20], "ends in the middle"),
        ("gzip", gzip.compress(GOOD, mtime=0)[:40] + b"\xff" * 40, "no gzip data"),
        ("br", GOOD, "which nobody asked for"),
    ],
)
async def test_wrong_compression_is_one_sentence(encoding: str, body: bytes, reason: str) -> None:
    raised = await error(answer(body=body, headers={"Content-Encoding": encoding}))

    assert raised.message.startswith("The answer of http://127.0.0.1:")
    assert reason in raised.message


async def test_a_compression_bomb_is_refused_before_it_goes_off() -> None:
    bomb = gzip.compress(bytes(500_000_000), 1)

    tracemalloc.start()
    try:
        raised = await error(answer(body=bomb, headers={"Content-Encoding": "gzip"}))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert "more than 64 MB" in raised.message
    assert peak < 200_000_000


async def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_ANSWER_BYTES", 3_000_000)

    assert "more than 3 MB" in (await error(answer(body=bytes(4_000_000)))).message


async def test_of_a_huge_error_only_the_beginning_is_read() -> None:
    huge = b'{"error": {"message": "no audio here ' + b"A" * 30_000_000 + b'"}}'

    raised = await error(answer(400, body=huge))

    assert raised.status_code == 400
    assert len(raised.message) < 400


async def test_a_short_length_beside_chunks_lifts_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_ANSWER_BYTES", 1_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n"
    chunks = b"10000\r\n" + bytes(65_536) + b"\r\n"

    failed = await error(Answer(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks * 100 + b"0\r\n\r\n"))

    assert "sends more than 1 MB as an answer" in failed.message
