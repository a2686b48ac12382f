"""A streamed chat answer: opened at a server that works, and read chunk by chunk."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httpx

from ..answers.answers import parse_completion, public_request_id
from ..answers.chunks import ChatChunk, ChunkError, Done
from ..answers.token_chunks import parse_chunks
from ..client import errors_of_ours, open_chat_stream
from ..config import GatewayConfig
from ..routing import has_audio_content
from ..sse import ServerEvent
from ..wire.bodies import media_type_of, read_response
from .asking import ask
from .charges import NO_CHARGE, charge_of
from .open_stream import OpenStream, chunks_of, events_of, one_read

Json = dict[str, Any]

USAGE_WANTED = {"include_usage": True}
# After the last text comes the usage, or nothing: some servers leave the connection open.
END_WAIT_S = 5.0
REST_WAIT_S = 0.05  # and others do after [DONE]; what ends a body comes with it or at once


def stream_completion(
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

    return chunks_of(partial(open_stream, body_for, urls, config))


async def open_stream(
    body_for: Callable[[str], Json], urls: Sequence[str], config: GatewayConfig
) -> "ChatStream":
    """The stream of the first of the servers that gives one."""

    async def attempt(base_url: str) -> ChatStream:
        stream = ChatStream(base_url, config, body_for(base_url))
        await stream.open()
        return stream

    return await ask(attempt, urls, config)


class ChatStream(OpenStream[ChatChunk]):
    """The chat answer of one server.

    Args:
        base_url: the server.
        config: timeouts and key.
        body: the chat completion request, without `stream`.
    """

    def __init__(self, base_url: str, config: GatewayConfig, body: Json) -> None:
        super().__init__(base_url, config)
        self._body = {"stream_options": USAGE_WANTED, **body, "stream": True}
        self._is_finished = False
        self._is_done = False
        self._request_id = ""
        self._charge = NO_CHARGE

    async def _ask(self) -> AsyncIterator[Iterator[ChatChunk]]:
        response = self._response = await open_chat_stream(self._body, self.base_url, self._config)
        self._charge = charge_of(response)
        self._request_id = public_request_id(response.headers, self.base_url, self._config) or ""
        if response.is_success and _is_event_stream(response):
            return self._parsed(events_of(response, self.base_url, self._config))
        with errors_of_ours(self.base_url, self._config):
            whole = await read_response(response, self.base_url, self._config)
        if _refuses_stream_options(whole) and self._body.get("stream_options") is USAGE_WANTED:
            await self.close()
            del self._body["stream_options"]
            return await self._ask()
        # Some servers answer stream=true in one piece.
        had_audio = has_audio_content(self._body["messages"])
        completion = parse_completion(whole, self.base_url, self._config, had_audio=had_audio)
        chunks = list(self._chunks_of([ServerEvent(json.dumps(completion))]))
        return one_read(replace(chunk, finish_reason=chunk.finish_reason or "stop") for chunk in chunks)

    async def _parsed(
        self, reads: AsyncGenerator[Iterator[ServerEvent], None]
    ) -> AsyncGenerator[Iterator[ChatChunk], None]:
        async with aclosing(reads):
            async for events in reads:
                yield self._chunks_of(events)
                if self._is_done:
                    await _rest_of(reads)
                    return
        if not self._is_finished:
            raise self._broken("ended its answer in the middle")

    def _chunks_of(self, events: Iterable[ServerEvent]) -> Iterator[ChatChunk]:
        # No event is a variable here, where an error's traceback shows it: it may repeat the key.
        try:
            for chunk in parse_chunks(events, self.base_url, self._request_id):
                if isinstance(chunk, Done):
                    self._is_done = True
                    return
                yield chunk
        except ChunkError as error:
            raise self._broken(error.reason, error.detail, error.status_code) from None

    def _seen(self, chunk: ChatChunk) -> ChatChunk:
        self._text.append(chunk.text)
        if self._charge.counts:
            self._charge.take(chunk)
        if chunk.finish_reason is not None:
            self._is_finished = True
        return chunk

    def _says_something(self, chunk: ChatChunk) -> bool:
        return bool(chunk.text or chunk.reasoning or chunk.refusal or chunk.tool_calls or chunk.finish_reason)

    def _adds_something(self, chunk: ChatChunk) -> bool:
        return self._says_something(chunk) or chunk.usage is not None

    def _patience_s(self) -> float:
        return END_WAIT_S if self._is_finished else self._config.between_tokens_timeout_s

    def _may_fall_silent(self) -> bool:
        return self._is_finished


async def _rest_of(reads: AsyncGenerator[Any, None]) -> None:
    """Read the end of a body that has said all: read to its end, its connection is of use again."""
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(REST_WAIT_S):
            async for events in reads:
                deque(events, maxlen=0)


def _is_event_stream(response: httpx.Response) -> bool:
    """Servers that send events without saying so have no content type at all."""
    return media_type_of(response) in ("text/event-stream", "")


def _refuses_stream_options(response: httpx.Response) -> bool:
    return response.status_code in (400, 422) and b"stream_options" in response.content
