"""What goes over the wire: sound becomes base64 on its way, and nothing else changes."""

import base64
import json
from typing import Any

import httpx
import pytest

from ipy_gateway import InvalidRequestError
from ipy_gateway.core.messages import Base64Later, audio_message, audio_part
from ipy_gateway.core.wire.request_bodies import SLICE_BYTES, request_with

URL = httpx.URL("http://127.0.0.1/v1/chat/completions")


async def sent_of(request: httpx.Request) -> list[bytes]:
    assert isinstance(request.stream, httpx.AsyncByteStream)
    return [piece async for piece in request.stream]


@pytest.mark.parametrize("byte_count", [0, 1, 2, 3, SLICE_BYTES - 1, SLICE_BYTES, SLICE_BYTES + 1, 1_000_000])
async def test_sound_arrives_as_base64_of_the_announced_length(byte_count: int) -> None:
    sound = bytes(range(256)) * (byte_count // 256 + 1)
    messages = [audio_message(sound[:byte_count], "wav")]

    request = request_with("POST", URL, json={"messages": messages})
    body = b"".join(await sent_of(request))

    assert json.loads(body) == {
        "messages": [{"role": "user", "content": [audio_part(sound[:byte_count], "wav")]}]
    }
    assert request.headers["content-length"] == str(len(body))
    assert "transfer-encoding" not in request.headers


async def test_a_body_with_sound_is_the_same_when_it_is_sent_again() -> None:
    request = request_with("POST", URL, json={"data": [Base64Later(b"one"), "two", Base64Later(b"three")]})

    first, second = await sent_of(request), await sent_of(request)

    expected = [base64.b64encode(b"one").decode(), "two", base64.b64encode(b"three").decode()]
    assert json.loads(b"".join(first)) == {"data": expected}
    assert first == second


async def test_no_piece_of_a_long_recording_is_large() -> None:
    request = request_with("POST", URL, json={"data": Base64Later(bytes(3_000_000))})

    assert max(map(len, await sent_of(request))) <= SLICE_BYTES * 4 // 3


async def test_a_body_with_sound_can_be_read_before_it_is_sent() -> None:
    request = request_with("POST", URL, json={"data": Base64Later(b"sound")})

    content = await request.aread()

    assert json.loads(content) == {"data": base64.b64encode(b"sound").decode()}
    assert b"".join(await sent_of(request)) == content


@pytest.mark.parametrize("value", [object(), b"bytes", float("nan")])
def test_what_is_no_json_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequestError, match="can't be written as JSON"):
        request_with("POST", URL, json={"messages": [value]})
