"""Whether exchanges with servers are recorded or replayed here, and where."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TypeAlias, TypeVar

import httpx

from .recorder import Recorder
from .replayer import Replayer

Tape: TypeAlias = Recorder | Replayer
Used = TypeVar("Used", Recorder, Replayer)


@contextmanager
def recording(path: str | Path) -> Generator[Recorder, None, None]:
    """Keep every exchange of the requests inside in a cassette, without keys, and of sound its hash alone.

        with recording("lesson.json"):
            await chat_completion(messages, config)

    A cassette of that name is recorded anew, from the first exchange on; the file is whole after each.
    Meanwhile the journal of transcripts neither answers nor keeps anything, and what was found out about
    servers before is not used, so that the same requests are made when it is replayed.

    Args:
        path: a JSON file, which nobody else may read.

    Raises:
        InvalidRequestError: the file can't be written, or is no cassette.
    """
    with _using(Recorder(path)) as recorder:
        yield recorder


@contextmanager
def replaying(path: str | Path) -> Generator[Replayer, None, None]:
    """Answer the requests inside from a cassette: nothing is sent, looked up or started.

        with replaying("lesson.json"):
            await chat_completion(messages, config)

    A request is known by its route and its body, sound by the hash of what would be sent, and neither by the
    key nor by the server. Equal requests are answered in the order in which they were recorded, then as the
    last of them. Errors come again, too, and nobody waits before asking again.

    Args:
        path: what `recording` has written.

    Raises:
        InvalidRequestError: there is no such file, or it is no cassette, or of a newer version.
        ReplayError: raised by what is asked inside: it is not in the cassette.
    """
    with _using(Replayer(path)) as replayer:
        yield replayer


def tape_in_use() -> Tape | None:
    """What records or replays here: that of the innermost block, or else that of the whole process."""
    return _scope.get() or _process.tape


def is_replaying() -> bool:
    """Whether requests are answered from a cassette here."""
    return isinstance(tape_in_use(), Replayer)


def use_everywhere(tape: Tape | None) -> None:
    """Record or replay in the whole process, outside of such blocks; None ends it."""
    _process.tape = tape


class TapedTransport(httpx.AsyncBaseTransport):
    """Asks another transport, and the tape that is in use where the request is made.

    Attributes:
        transport: the other one.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self.transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        tape = tape_in_use()
        if tape is None:
            return await self.transport.handle_async_request(request)
        return await tape.answer(request, self.transport)

    async def aclose(self) -> None:
        await self.transport.aclose()


class _Process:
    """What is in use where no block says otherwise: a notebook's cells have no context in common."""

    tape: Tape | None = None


_process = _Process()
_scope: ContextVar[Tape | None] = ContextVar("ipy_gateway_tape", default=None)


@contextmanager
def _using(tape: Used) -> Generator[Used, None, None]:
    token = _scope.set(tape)
    try:
        yield tape
    finally:
        _scope.reset(token)
