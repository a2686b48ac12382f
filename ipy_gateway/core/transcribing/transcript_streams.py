"""A recording written down piece by piece: as a streamed chat answer, or as events of the endpoint."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing

import httpx

from ..answers.chunks import ChatChunk
from ..client import errors_of_ours, open_transcription_stream
from ..config import GatewayConfig
from ..messages import (
    Completion,
    TranscriptChunk,
    transcript_of_completion,
)
from ..requests.asking import ask
from ..requests.open_stream import OpenStream, events_of, one_read
from ..requests.streams import ChatStream
from ..sse import ServerEvent
from ..transcripts.transcription import Transcription
from ..wire.bodies import is_framed, media_type_of, read_response
from .audio_api import ask_in_its_way
from .transcribing import TranscriptRequest, raise_for_refusal
from .transcription_stream import TranscriptionStream
from .transcriptions import parse_transcription

# With these a server may mean the field "stream", if it names it.
STREAM_REFUSALS = frozenset({400, 422, 500, 501})
NAMES_STREAM = re.compile(rb"\bstream(?:ing|ed)?\b", re.IGNORECASE)

Chunks = AsyncGenerator[TranscriptChunk, None]


async def stream_transcript(
    request_for: Callable[[str], TranscriptRequest], urls: Sequence[str], config: GatewayConfig
) -> Chunks:
    """The pieces of a transcript, from the first of the servers that gives one, and at last the whole.

    Until the first piece has come, other servers and further attempts stand in for a server that fails; from
    then on an error is the caller's, with what came before as its `partial_text`.

    Args:
        request_for: what to ask of a base URL.
        urls: base URLs, in the order of preference.
        config: timeouts and key.

    Raises:
        UpstreamError: no server answered, or the answer broke off.
    """

    async def attempt(base_url: str) -> tuple[TranscriptChunk, Chunks]:
        return await ask_in_its_way(_PieceByPiece(request_for(base_url)), base_url, config)

    first, others = await ask(attempt, urls, config)
    async with aclosing(others):
        yield first
        async for chunk in others:
            yield chunk


class _PieceByPiece:
    """The first piece, and what brings the others: until it has come, the other way may still be asked."""

    def __init__(self, request: TranscriptRequest) -> None:
        self._request = request

    async def by_chat(self) -> tuple[TranscriptChunk, Chunks]:
        request = self._request
        stream = ChatStream(request.base_url, request.config, request.chat_body())
        await stream.open()
        return await _begun(_transcript_of_chat(stream, request.config))

    async def by_endpoint(self, *, takes_plain_text: bool = True) -> tuple[TranscriptChunk, Chunks]:
        stream = _EndpointStream(self._request, takes_plain_text=takes_plain_text)
        await stream.open()
        return await _begun(stream.read_out())


async def _begun(chunks: Chunks) -> tuple[TranscriptChunk, Chunks]:
    try:
        return await anext(chunks), chunks
    except BaseException:
        await chunks.aclose()
        raise


async def _transcript_of_chat(stream: ChatStream, config: GatewayConfig) -> Chunks:
    said = _Said()
    async with aclosing(stream.read_out()) as chunks:
        async for chunk in chunks:
            if text := said.added_by(chunk):
                yield TranscriptChunk(text, stream.base_url)
    completion = said.completion(stream.base_url)
    raise_for_refusal(completion, config)
    yield TranscriptChunk(server=stream.base_url, transcript=transcript_of_completion(completion))


class _Said:
    """What the chunks of a chat answer say, put together again."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._model = ""
        self._finish_reason: str | None = None

    def added_by(self, chunk: ChatChunk) -> str:
        """Take note of a chunk, and give the text that it adds to the transcript."""
        text = chunk.text if self._texts else chunk.text.lstrip()
        if text:
            self._texts.append(text)
        self._refusals.append(chunk.refusal)
        self._model = chunk.model or self._model
        self._finish_reason = chunk.finish_reason or self._finish_reason
        return text

    def completion(self, server: str) -> Completion:
        message = {"content": "".join(self._texts), "refusal": "".join(self._refusals)}
        choice = {"message": message, "finish_reason": self._finish_reason}
        completion = Completion({"model": self._model, "choices": [choice]})
        completion.server = server
        return completion


class _EndpointStream(OpenStream[TranscriptChunk]):
    """The transcript of one server, from /v1/audio/transcriptions."""

    what = "transcript"

    def __init__(self, request: TranscriptRequest, *, takes_plain_text: bool) -> None:
        super().__init__(request.base_url, request.config)
        self._request = request
        self._takes_plain_text = takes_plain_text
        self._wants_stream = True

    async def _ask(self) -> AsyncIterator[Iterator[TranscriptChunk]]:
        upload, fields = self._request.upload, self._request.form_fields(stream=self._wants_stream)
        response = self._response = await open_transcription_stream(
            upload.data, upload.format, fields, self.base_url, self._config
        )
        if response.is_success and media_type_of(response) == "text/event-stream":
            return self._heard(response)
        with errors_of_ours(self.base_url, self._config):
            whole = await read_response(response, self.base_url, self._config)
        if self._wants_stream and _refuses_stream(whole):
            await self.close()
            self._wants_stream = False
            return await self._ask()
        found = parse_transcription(
            whole, self.base_url, self._config, takes_plain_text=self._takes_plain_text
        )
        return one_read(self._end(found))

    async def _heard(self, response: httpx.Response) -> AsyncGenerator[Iterator[TranscriptChunk], None]:
        reading = TranscriptionStream(response, self.base_url, self._config)
        async with aclosing(events_of(response, self.base_url, self._config)) as reads:
            async for events in reads:
                yield _heard_in(events, reading)
                if reading.has_ended:
                    break
        yield self._end(reading.finish(is_framed=is_framed(response)))

    def _end(self, found: Transcription) -> Iterator[TranscriptChunk]:
        """What is missing of the text, and the whole."""
        said = "".join(self._text)
        if found.text.startswith(said) and found.text != said:
            yield TranscriptChunk(found.text.removeprefix(said))
        yield TranscriptChunk(transcript=self._request.transcript_of(found))

    def _seen(self, chunk: TranscriptChunk) -> TranscriptChunk:
        self._text.append(chunk.text)
        return TranscriptChunk(chunk.text, self.base_url, chunk.transcript)

    def _says_something(self, chunk: TranscriptChunk) -> bool:
        return bool(chunk.text or chunk.transcript is not None)


def _heard_in(events: Iterator[ServerEvent], reading: TranscriptionStream) -> Iterator[TranscriptChunk]:
    for event in events:
        yield from map(TranscriptChunk, reading.feed([(event.event, event.data)]))
        if reading.has_ended:
            return


def _refuses_stream(response: httpx.Response) -> bool:
    return response.status_code in STREAM_REFUSALS and bool(NAMES_STREAM.search(response.content))
