"""A streamed answer of any kind: read from its first piece to its end, never in silence, always closed."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import aclosing, contextmanager
from itertools import chain
from typing import Generic, Protocol, TypeVar

import httpx

from ..answers.answers import public_line, public_request_id
from ..client import errors_of_ours
from ..config import GatewayConfig
from ..exceptions import UpstreamError, UpstreamResponseError, UpstreamTimeoutError
from ..hiding import key_hidden_in_logs
from ..sse import EventDecoder, EventTooLargeError, ServerEvent
from ..waiting.deadline import deadline
from ..waiting.signals import waking_for_signals
from ..wire.bodies import decoded_pieces
from .charges import charge_of
from .servers import board


class HasText(Protocol):
    """A piece of an answer."""

    @property
    def text(self) -> str:
        """The text that it adds."""


Chunk = TypeVar("Chunk", bound=HasText)


class OpenStream(ABC, Generic[Chunk]):
    """The answer of one server, from its first chunk to its end.

    A kind of answer says how it is asked for, and what its chunks say. What one read brings is handled
    without an await in between, which would cost more than a token's JSON.

    Attributes:
        what: its name in sentences.
        base_url: the server.
    """

    what = "answer"

    def __init__(self, base_url: str, config: GatewayConfig) -> None:
        self.base_url = base_url
        self._config = config
        self._response: httpx.Response | None = None
        self._reads: AsyncIterator[Iterator[Chunk]] | None = None
        self._first: list[Chunk] = []
        self._come: Iterator[Chunk] = iter(())
        self._text: list[str] = []

    @abstractmethod
    async def _ask(self) -> AsyncIterator[Iterator[Chunk]]:
        """Send the request, keep the response in `_response`, and give the chunks of each read."""

    @abstractmethod
    def _seen(self, chunk: Chunk) -> Chunk:
        """Take note of a chunk, whose text goes into `_text`, and give it as it is handed on."""

    @abstractmethod
    def _says_something(self, chunk: Chunk) -> bool:
        """Whether the answer begins with this chunk; keep-alives say nothing."""

    def _adds_something(self, chunk: Chunk) -> bool:
        """Whether a later chunk is handed on, and counts as life."""
        return self._says_something(chunk)

    def _patience_s(self) -> float:
        """How long the next chunk may take."""
        return self._config.between_tokens_timeout_s

    def _may_fall_silent(self) -> bool:
        """Whether nothing more has to come."""
        return False

    async def open(self) -> None:
        """Send the request, and wait for the first chunk that says something; close where that fails."""
        wait_s = self._config.first_token_timeout_s
        try:
            async with deadline(wait_s):
                self._reads = await self._ask()
                with self._explaining():
                    await self._read_first()
        except TimeoutError as error:
            await self.close()
            raise self._silent(wait_s, "before the first word") from error
        except BaseException:
            await self.close()
            raise

    def read_out(self) -> AsyncGenerator[Chunk, None]:
        """All chunks of the open stream, which is closed at the end of the iteration, whatever ends it."""

        async def this_one() -> OpenStream[Chunk]:
            return self

        return chunks_of(this_one)

    async def close(self) -> None:
        """Close the connection: a server that is still writing stops."""
        if self._response:
            response, self._response = self._response, None
            charge_of(response).close(was_taken=response.is_success)
            await response.aclose()

    async def _read_first(self) -> None:
        while (come := await self._read()) is not None:
            self._come = come
            for chunk in come:
                self._first.append(self._seen(chunk))
                if self._says_something(chunk):
                    return

    async def _more_comes(self) -> bool:
        """Wait for a chunk that adds something, the next to be handed on; keep-alives are no life."""
        wait_s = self._patience_s()
        try:
            async with asyncio.timeout(wait_s):
                while (come := await self._read()) is not None:
                    for chunk in come:
                        if self._adds_something(chunk):
                            self._come = chain((chunk,), come)
                            return True
        except TimeoutError as error:
            if not self._may_fall_silent():
                raise self._silent(wait_s, "in the middle") from error
        return False

    async def _read(self) -> Iterator[Chunk] | None:
        assert self._reads is not None
        with key_hidden_in_logs(self.base_url, self._config):
            return await anext(self._reads, None)

    @contextmanager
    def _explaining(self) -> Generator[None, None, None]:
        """A context in which an error of reading becomes ours, and carries the text so far."""
        try:
            with errors_of_ours(self.base_url, self._config):
                yield
        except EventTooLargeError as error:
            raise self._broken(f"sent an event of more than {error.max_event_bytes} bytes") from None
        except UpstreamError as error:
            error.partial_text = "".join(self._text)
            raise

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
            f"{self.base_url} was silent for {wait_s:g} s {when} of its {self.what}.",
            f"Look whether the server is overloaded, or raise {setting}.",
            upstream=self.base_url,
            partial_text="".join(self._text),
        )


async def chunks_of(open_one: Callable[[], Awaitable[OpenStream[Chunk]]]) -> AsyncGenerator[Chunk, None]:
    """All chunks of a stream, which is opened first, and closed at the end of the iteration.

    Whoever gives a stream away gives this generator itself: each one around it costs every token again.
    """
    stream = await open_one()
    try:
        with board.busy(stream.base_url), stream._explaining(), waking_for_signals():
            for chunk in stream._first:
                yield chunk
            while True:
                for chunk in stream._come:
                    if chunk.text or stream._adds_something(chunk):
                        yield stream._seen(chunk)
                if not await stream._more_comes():
                    break
    finally:
        await stream.close()


async def events_of(
    response: httpx.Response, base_url: str, config: GatewayConfig
) -> AsyncGenerator[Iterator[ServerEvent], None]:
    """The events of each read of a response; they are to be taken before the next read is asked for.

    Raises:
        EventTooLargeError: while events are taken: one is larger than a decoder takes.
        UpstreamResponseError: the body is not compressed as it says.
    """
    decoder = EventDecoder()
    pieces = decoded_pieces(response, base_url, config)
    async with aclosing(pieces):
        async for piece in pieces:
            yield decoder.feed(piece)
    yield iter(decoder.close())


async def one_read(chunks: Iterable[Chunk]) -> AsyncGenerator[Iterator[Chunk], None]:
    """An answer that has come in one piece."""
    yield iter(chunks)
