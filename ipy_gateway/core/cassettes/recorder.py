"""Recording: every exchange with a server goes into a cassette on its way."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from ..exceptions import GatewayError, InvalidRequestError
from ..wire.bodies import KEY_WAS_SENT, MAX_ANSWER_BYTES
from .canonical_request import CanonicalRequest, canonical_request, secrets_around
from .cassette import CassetteFile, Exchange
from .recorded_answers import GIVEN_UP, Json, answer_as_json, error_as_json


class CassetteWarning(UserWarning):
    """An exchange could not be recorded: what was asked is answered, and missing in the cassette."""


class Recorder:
    """Asks the server, and keeps what it answers.

    Args:
        path: the cassette.

    Raises:
        InvalidRequestError: it can't be written, or is a file of another kind.
    """

    def __init__(self, path: str | Path) -> None:
        self._file = CassetteFile(path)
        self._is_broken = False

    @property
    def path(self) -> Path:
        """The cassette."""
        return self._file.path

    @property
    def count(self) -> int:
        """How many exchanges have been recorded."""
        return self._file.count

    async def answer(self, request: httpx.Request, transport: httpx.AsyncBaseTransport) -> httpx.Response:
        """What the server answers; it is written down when its body has been read, or is closed."""
        await request.aread()
        keys = secrets_around(request)
        asked = canonical_request(request, keys)
        has_key = "authorization" in request.headers
        try:
            response = await transport.handle_async_request(request)
        except asyncio.CancelledError:
            self.keep(Exchange(asked, error=GIVEN_UP, is_complete=False))
            raise
        except (httpx.HTTPError, GatewayError) as error:
            self.keep(Exchange(asked, error=error_as_json(error, keys)))
            raise
        response.extensions[KEY_WAS_SENT] = has_key
        if response.is_stream_consumed:  # made whole on this machine, by the embedded engine
            self.keep(Exchange(asked, await answer_as_json(response, response.content, keys)))
        else:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _RecordedBody(response.stream, response, asked, keys, self)
        return response

    def keep(self, exchange: Exchange) -> None:
        """Write an exchange down; where that fails the answer is not lost, and a warning tells of it once."""
        if self._is_broken:
            return
        try:
            self._file.add(exchange)  # here: a thread could be left behind by an interrupt
        except InvalidRequestError as error:
            self._is_broken = True
            warnings.warn(f"From here on nothing is recorded: {error.message}", CassetteWarning, stacklevel=2)


class _RecordedBody(httpx.AsyncByteStream):
    """A body that is kept while it is read."""

    def __init__(
        self,
        body: httpx.AsyncByteStream,
        response: httpx.Response,
        asked: CanonicalRequest,
        keys: tuple[str, ...],
        recorder: Recorder,
    ) -> None:
        self._body = body
        self._response = response
        self._asked = asked
        self._keys = keys
        self._recorder: Recorder | None = recorder
        self._raw: bytearray | None = bytearray()
        self._error: Json | None = None
        self._is_complete = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._body:
                self._note(piece)
                yield piece
        except asyncio.CancelledError:
            self._is_complete = False
            raise
        except (httpx.HTTPError, GatewayError) as error:
            self._error = error_as_json(error, self._keys)
            raise

    async def aclose(self) -> None:
        try:
            await self._body.aclose()
        finally:
            await self._keep()

    def _note(self, piece: bytes) -> None:
        if self._raw is not None and len(self._raw) + len(piece) <= MAX_ANSWER_BYTES:
            self._raw += piece
        else:
            self._raw = None

    async def _keep(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return
        raw = None if self._raw is None else bytes(self._raw)
        answer = await answer_as_json(self._response, raw, self._keys)
        recorder.keep(Exchange(self._asked, answer, self._error, self._is_complete))
