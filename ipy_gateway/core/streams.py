"""A streamed chat answer: opened at a server that works, read chunk by chunk, and closed whatever happens."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import httpx

from .answers import parse_completion, parse_object, public_line, public_request_id
from .asking import ask
from .bodies import decoded_pieces, read_response
from .chunks import DONE, ChatChunk, ChunkError, parse_chunk
from .client import errors_of_ours, open_chat_stream
from .config import GatewayConfig
from .deadline import deadline
from .exceptions import UpstreamError, UpstreamResponseError, UpstreamTimeoutError
from .hiding import key_hidden_in_logs
from .routing import has_audio_content
from .servers import board
from .signals import waking_for_signals
from .sse import EventDecoder, EventTooLargeError, ServerEvent

Json = dict[str, Any]

USAGE_WANTED = {"include_usage": True}
# After the last text comes the usage, or nothing: some servers leave the connection open.
END_WAIT_S = 5.0


async def stream_completion(
    body_for: Callable[[str], Json], urls: Sequence[str], config: GatewayConfig
) -> AsyncGenerator[ChatChunk, None]:
    """The chunks of a streamed answer, from the first of the servers that gives one.

    Until the first chunk of text has come, other servers and further attempts stand in for a server that
    fails; from then on an error is the caller's, with what came before as its `partial_text`.

    Args:
        body_for: the chat completion request for a base URL, without `stream`.
        urls: base URLs, in the order of preference.
        config: timeouts and key.

    Raises:
        UpstreamError: no server answered, or the answer broke off.
    """

    async def attempt(base_url: str) -> _OpenStream:
        stream = _OpenStream(base_url, config)
        try:
            await stream.open(body_for(base_url))
        except BaseException:
            await stream.close()
            raise
        return stream

    stream = await ask(attempt, urls, config)
    try:
        with board.busy(stream.base_url), errors_of_ours(stream.base_url, config), waking_for_signals():
            async for chunk in stream.chunks():
                yield chunk
    finally:
        await stream.close()


class _OpenStream:
    """The answer of one server, from its first chunk to its end."""

    def __init__(self, base_url: str, config: GatewayConfig) -> None:
        self.base_url = base_url
        self._config = config
        self._response: httpx.Response | None = None
        self._chunks: AsyncIterator[ChatChunk] = _none()
        self._first: list[ChatChunk] = []
        self._text: list[str] = []
        self._is_finished = False

    async def open(self, body: Json) -> None:
        """Send the request, and wait for the first chunk that says something."""
        wait_s = self._config.first_token_timeout_s
        try:
            async with deadline(wait_s):
                await self._send({"stream_options": USAGE_WANTED, **body, "stream": True})
                await self._read_first()
        except TimeoutError as error:
            raise self._silent(wait_s, "before the first word of its answer") from error

    async def chunks(self) -> AsyncIterator[ChatChunk]:
        """All chunks, those that were read while opening first."""
        for chunk in self._first:
            yield chunk
        while (following := await self._next()) is not None:
            yield following

    async def close(self) -> None:
        """Close the connection: a server that is still writing stops."""
        if self._response:
            response, self._response = self._response, None
            await response.aclose()

    async def _send(self, body: Json) -> None:
        response = self._response = await open_chat_stream(body, self.base_url, self._config)
        if response.is_success and _is_event_stream(response):
            self._chunks = self._parsed(_events(response, self.base_url))
            return
        with errors_of_ours(self.base_url, self._config):
            whole = await read_response(response, self.base_url)
        if whole.is_success:  # some servers answer stream=true in one piece
            self._chunks = _one(self._chunk_of(parse_completion(whole, self.base_url, self._config)))
        elif _refuses_stream_options(whole) and body.get("stream_options") is USAGE_WANTED:
            await self.close()
            await self._send({name: value for name, value in body.items() if name != "stream_options"})
        else:
            had_audio = has_audio_content(body["messages"])
            parse_object(whole, self.base_url, self._config, had_audio=had_audio)  # raises what it says

    def _chunk_of(self, completion: Json) -> ChatChunk:
        try:
            chunk = parse_chunk(ServerEvent(json.dumps(completion)))
        except ChunkError as error:
            raise self._broken(error.reason, error.detail, error.status_code) from None
        assert isinstance(chunk, ChatChunk)
        return chunk if chunk.finish_reason else replace(chunk, finish_reason="stop")

    async def _read_first(self) -> None:
        while not any(map(_says_something, self._first)):
            chunk = await self._read()
            if chunk is None:
                break
            self._first.append(self._seen(chunk))

    async def _next(self) -> ChatChunk | None:
        """The next chunk that adds something; keep-alives do not count as life."""
        wait_s = END_WAIT_S if self._is_finished else self._config.between_tokens_timeout_s
        try:
            async with asyncio.timeout(wait_s):
                chunk = await self._read()
                while chunk is not None and not _adds_something(chunk):
                    chunk = await self._read()
        except TimeoutError as error:
            if self._is_finished:
                return None
            raise self._silent(wait_s, "in the middle of its answer") from error
        return None if chunk is None else self._seen(chunk)

    async def _read(self) -> ChatChunk | None:
        with key_hidden_in_logs(self.base_url, self._config):
            return await anext(self._chunks, None)

    async def _parsed(self, events: AsyncGenerator[ServerEvent, None]) -> AsyncIterator[ChatChunk]:
        async with contextlib.aclosing(events):
            try:
                with errors_of_ours(self.base_url, self._config):
                    async for event in events:
                        chunk = parse_chunk(event)
                        if chunk is DONE:
                            return
                        assert isinstance(chunk, ChatChunk)
                        yield chunk
            except ChunkError as error:
                raise self._broken(error.reason, error.detail, error.status_code) from None
            except EventTooLargeError as error:
                raise self._broken(f"sent an event of more than {error.max_event_bytes} bytes") from None
            except UpstreamError as error:
                error.partial_text = "".join(self._text)
                raise
        if not self._is_finished:
            raise self._broken("ended its answer in the middle")

    def _seen(self, chunk: ChatChunk) -> ChatChunk:
        self._text.append(chunk.text)
        self._is_finished = self._is_finished or chunk.finish_reason is not None
        return replace(chunk, server=self.base_url)

    def _broken(self, reason: str, detail: str = "", status_code: int | None = None) -> UpstreamResponseError:
        said = public_line(detail, self.base_url, self._config)
        headers = self._response.headers if self._response else {}
        return UpstreamResponseError(
            f"{self.base_url} {reason}: {said}." if said else f"{self.base_url} {reason}.",
            "Look at the server's log, then ask again.",
            upstream=self.base_url,
            partial_text="".join(self._text),
            status_code=status_code,
            request_id=public_request_id(headers, self.base_url, self._config),
        )

    def _silent(self, wait_s: float, when: str) -> UpstreamTimeoutError:
        setting = "between_tokens_timeout_s" if self._text else "first_token_timeout_s"
        return UpstreamTimeoutError(
            f"{self.base_url} was silent for {wait_s:g} s {when}.",
            f"Look whether the server is overloaded, or raise {setting}.",
            upstream=self.base_url,
            partial_text="".join(self._text),
        )


async def _events(response: httpx.Response, base_url: str) -> AsyncGenerator[ServerEvent, None]:
    decoder = EventDecoder()
    pieces = decoded_pieces(response, base_url)
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            for event in decoder.feed(piece):
                yield event
    for event in decoder.close():
        yield event


async def _none() -> AsyncGenerator[ChatChunk, None]:
    return
    yield ChatChunk()


async def _one(chunk: ChatChunk) -> AsyncGenerator[ChatChunk, None]:
    yield chunk


def _is_event_stream(response: httpx.Response) -> bool:
    """Servers that send events without saying so have no content type at all."""
    content_type = response.headers.get("content-type", "text/event-stream")
    return str(content_type).partition(";")[0].strip().lower() == "text/event-stream"


def _refuses_stream_options(response: httpx.Response) -> bool:
    return response.status_code in (400, 422) and b"stream_options" in response.content


def _says_something(chunk: ChatChunk) -> bool:
    return bool(chunk.text or chunk.reasoning or chunk.refusal or chunk.tool_calls or chunk.finish_reason)


def _adds_something(chunk: ChatChunk) -> bool:
    return _says_something(chunk) or chunk.usage is not None
