"""Answers that are cut at every single byte, in each way in which HTTP can frame a body."""

import asyncio
from collections.abc import Iterator

import pytest

from ipy_gateway import GatewayConfig, UpstreamError, chat_completion, stream_chat
from ipy_gateway.core.loop_clients import client_of_this_loop

from .peers import Connection, peer
from .test_chat_streams import chunk

QUESTION = [{"role": "user", "content": "Good what?"}]


def event(choice: bytes) -> bytes:
    """As short as can be: every byte is one more request."""
    return b'data:{"choices":[%s]}\n\n' % choice


PARTS = [(text, event(b'{"delta":{"content":"%s"}}' % text.encode())) for text in ("Good ", "morn", "ing.")]
FINISH = event(b'{"finish_reason":"stop"}')
EVENTS = [*(data for _, data in PARTS), FINISH, b"data:[DONE]\n\n"]
COMPLETION = [b'{"choices":[{"message"', b':{"content":"Fine."}}]}']
FRAMINGS = ("chunked", "length", "close")


def framed(pieces: list[bytes], framing: str) -> bytes:
    """A whole answer, as it travels."""
    body = b"".join(pieces)
    if framing == "length":
        return b"HTTP/1.1 200 OK\r\nContent-Length:%d\r\n\r\n" % len(body) + body
    if framing == "close":
        return b"HTTP/1.1 200 OK\r\n\r\n" + body
    chunks = b"".join(map(chunk, [*pieces, b""]))
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding:chunked\r\n\r\n" + chunks


def cut_after_each_byte(answer: bytes) -> Iterator[bytes]:
    """The answer without its last byte, without its last two, and so on."""
    return (answer[:length] for length in range(len(answer) - 1, -1, -1))


async def streamed(config: GatewayConfig) -> tuple[str, UpstreamError | None]:
    """What came of a stream, and what ended it."""
    texts: list[str] = []
    try:
        async for piece in stream_chat(QUESTION, config):
            texts.append(piece.text)
    except UpstreamError as error:
        return "".join(texts), error
    return "".join(texts), None


async def in_use() -> int:
    return int((await client_of_this_loop())._transport.transport.in_use)  # type: ignore[attr-defined]  # a ConnectionStack


class Cut:
    """Sends to each connection what it is told to send, and hangs up."""

    answer = b""

    async def __call__(self, connection: Connection) -> None:
        await connection.read_request()
        await connection.send(self.answer)


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_stream_that_is_cut_anywhere_is_whole_or_an_error_with_what_came(framing: str) -> None:
    whole = framed(EVENTS, framing)
    cut = Cut()

    def ended(data: bytes) -> bytes:
        """Where nothing else tells the end of the body, the last event needs no blank line after it."""
        return data.rstrip() if framing == "close" else data

    async def ask_again_and_again() -> None:
        for cut.answer in cut_after_each_byte(whole):
            text, error = await streamed(config)
            came = "".join(text for text, data in PARTS if ended(data) in cut.answer)
            if error is None:
                assert text == "Good morning."
                assert ended(FINISH) in cut.answer
            else:
                assert text == came, cut.answer
                assert error.partial_text == came, cut.answer
                assert error.message.endswith(".")
            assert await in_use() == 0

    with peer(cut) as server:
        config = GatewayConfig(server.url, max_retries=0)
        asyncio.run(ask_again_and_again())

        assert server.opened == len(whole)
        server.wait_until_all_closed()
        assert server.open == 0


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_answer_that_is_cut_anywhere_is_an_error(framing: str) -> None:
    whole = framed(COMPLETION, framing)
    cut = Cut()

    async def ask_again_and_again() -> None:
        for cut.answer in cut_after_each_byte(whole):
            with pytest.raises(UpstreamError) as caught:
                await chat_completion(QUESTION, config)
            assert caught.value.message.endswith(".")
            assert await in_use() == 0

    with peer(cut) as server:
        config = GatewayConfig(server.url, max_retries=0)
        asyncio.run(ask_again_and_again())

        assert server.opened == len(whole)
