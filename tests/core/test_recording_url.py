"""Recordings that are fetched from an address."""

import stat
from pathlib import Path

import pytest

from ipy_gateway import (
    AudioProcessingError,
    GatewayConfig,
    GatewayError,
    InvalidRequestError,
    UpstreamResponseError,
    UpstreamUnreachableError,
)
from ipy_gateway.core.recordings.recording_url import fetch_recording
from ipy_gateway.core.waiting.progress import Progress, progress_to

from ..support.fault_server import Answer, answer, fault_server

CONFIG = GatewayConfig(api_key="sk-of-another-host")


def sound(data: bytes, **headers: str) -> Answer:
    return answer(body=data, headers={"Content-Type": "audio/mpeg", **headers})


async def test_a_recording_is_fetched_into_a_private_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 1000
    with fault_server(sound(data)) as server:
        await fetch_recording(f"{server.url}/talk.mp3", tmp_path / "talk.mp3", CONFIG)

        assert server.requests[0].target == "/talk.mp3"
        assert "authorization" not in server.requests[0].headers

    assert (tmp_path / "talk.mp3").read_bytes() == data
    assert stat.S_IMODE((tmp_path / "talk.mp3").stat().st_mode) == 0o600


async def test_redirects_are_followed(tmp_path: Path) -> None:
    with fault_server(sound(b"sound")) as there, fault_server() as here:
        here.script = [answer(302, headers={"Location": f"{there.url}/real.mp3"})]

        await fetch_recording(f"{here.url}/talk.mp3", tmp_path / "talk.mp3", CONFIG)

    assert (tmp_path / "talk.mp3").read_bytes() == b"sound"


async def test_the_progress_is_told(tmp_path: Path) -> None:
    told: list[Progress] = []
    with fault_server(sound(b"x" * 100_000)) as server, progress_to(told.append):
        await fetch_recording(server.url, tmp_path / "0", CONFIG, name="talk.mp3")

    assert told[-1] == Progress("talk.mp3", 100_000, 100_000)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n"


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (answer(404), UpstreamResponseError, "can't be fetched: 404"),
        (answer(headers={"Content-Type": "text/html; charset=utf-8"}), AudioProcessingError, "is a web page"),
        (sound(b"x", **{"Content-Length": "5000"}), AudioProcessingError, "has more than"),
        (
            Answer(CHUNKED * 1 + b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"),
            AudioProcessingError,
            "has more than",
        ),
        (sound(b""), AudioProcessingError, "There is nothing at"),
        (Answer(CHUNKED, closes=True), UpstreamUnreachableError, "was lost"),
        (answer(302, headers={"Location": "/again"}), UpstreamResponseError, "redirects in a circle"),
    ],
    ids=["404", "page", "announced", "larger", "empty", "cut", "circle"],
)
async def test_what_goes_wrong_is_one_sentence(
    tmp_path: Path, reply: Answer, kind: type[GatewayError], says: str
) -> None:
    with fault_server(reply) as server, pytest.raises(kind) as caught:
        await fetch_recording(f"{server.url}/a?token=secret", tmp_path / "talk.mp3", CONFIG, max_bytes=1500)

    assert says in caught.value.message
    assert "secret" not in str(caught.value)


async def test_of_an_address_that_nobody_answers_at_no_server_is_to_be_started(tmp_path: Path) -> None:
    with pytest.raises(UpstreamUnreachableError) as caught:
        await fetch_recording("http://127.0.0.1:1/a.mp3", tmp_path / "a.mp3", CONFIG)

    assert caught.value.hint == "Check the address, and the network."


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a..b/", "ftp://example.org/a"])
async def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidRequestError):
        await fetch_recording(url, tmp_path / "talk.mp3", CONFIG)
