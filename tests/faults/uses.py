"""The ways in which people use the package, tried on a server that does something wrong."""

import asyncio
import io
import logging
import time
import traceback
import wave
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from _pytest.mark.structures import ParameterSet
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipy_gateway import (
    GatewayConfig,
    GatewayError,
    chat_completion,
    close_connections,
    stream_chat,
    transcribe_audio,
)
from ipy_gateway.core import loop_clients
from ipy_gateway.notebook.loop import gateway_loop

KEY = "sk-hush-0123456789abcdef"
QUESTION = "Hello, Äpfel. "
REQUEST_BYTES = 1_500  # more than a kilobyte, for a proxy with a small limit
LONGEST_S = 5.0
TESTS = str(Path(__file__).parents[1])
USES = ("plain", "streamed", "await", "magic")
# The magics for recordings add to "await" and "magic" little that could fail: one fault of a kind is enough.
EVERY_USE = (*USES, "%transcribe", "%%analyze")


class Server(Protocol):
    """What every server of these tests can say."""

    url: str
    open: int

    def wait_until_all_closed(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong, and what the caller sees of it.

    Attributes:
        what: it, in the words of somebody who uses the package.
        server: a server that does it.
        error: the exception's type.
        says: a part of its sentence; {url} is the server's. Several where more than one is right.
        settings: of the configuration.
        uses: the uses in which it can happen.
        request_bytes: at least how large the request is.
    """

    what: str
    server: Callable[[], AbstractContextManager[Any]]
    error: type[GatewayError]
    says: str | tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = USES
    request_bytes: int = REQUEST_BYTES

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the caller may be told."""
        return (self.says,) if isinstance(self.says, str) else self.says


def cases(faults: Mapping[str, Fault]) -> Iterable[ParameterSet]:
    """Every fault in each of its uses, for `parametrize("fault, use", ...)`."""
    return [
        pytest.param(fault, use, id=f"{name}-{use}") for name, fault in faults.items() for use in fault.uses
    ]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a use.

    Attributes:
        text: the answer, or "".
        error: what was raised, if anything.
        shown: all that was written to the screen.
        in_use: connections in use afterwards.
    """

    text: str
    error: Exception | None
    shown: str
    in_use: int


class Trial:
    """Uses the package in one of its ways, and looks at all that comes of it."""

    def __init__(
        self, shell: InteractiveShell, folder: Path, tone: bytes, log: pytest.LogCaptureFixture
    ) -> None:
        self._shell = shell
        self._folder = folder
        self._tone = tone
        self._log = log
        self._request_bytes = REQUEST_BYTES

    def fails(self, fault: Fault, use: str) -> None:
        """Check that a fault is one good error, in time, without the key, and leaves nothing open."""
        self._request_bytes = fault.request_bytes
        with fault.server() as server:
            error = self.error(use, server, **fault.settings)

            assert type(error) is fault.error, error
            assert any(says.format(url=server.url) in error.message for says in fault.sentences), error
            assert error.message.endswith(".")
            assert len(error.message) < 600

    def error(self, use: str, server: Server, **settings: Any) -> GatewayError:
        """The error of a use that fails."""
        outcome = self._outcome(use, server, settings)
        assert isinstance(outcome.error, GatewayError), outcome
        return outcome.error

    def text(self, use: str, server: Server, **settings: Any) -> str:
        """The text of a use that succeeds."""
        outcome = self._outcome(use, server, settings)
        assert outcome.error is None, outcome.error
        return outcome.text

    def texts(self, use: str, server: Server, *, times: int, pause_s: float, **settings: Any) -> list[str]:
        """The texts of several uses, one after the other, on one loop with its kept connections."""
        config = GatewayConfig(server.url, api_key=KEY, **settings)

        async def call() -> list[str]:
            texts = []
            for _ in range(times):
                texts.append(await self._call("plain" if use == "magic" else use, config))
                await asyncio.sleep(pause_s)
            return texts

        return gateway_loop().run(call()) if use == "magic" else asyncio.run(call())

    def _outcome(self, use: str, server: Server, settings: Mapping[str, Any]) -> Outcome:
        config = GatewayConfig(server.url, api_key=KEY, **{"max_retries": 1, "timeout_s": 4.0, **settings})
        started = time.monotonic()
        cell = self._cell(use)
        outcome = self._of_cell(cell, config) if cell else asyncio.run(self._of_call(use, config))
        assert time.monotonic() - started < LONGEST_S
        assert outcome.in_use == 0
        server.wait_until_all_closed()
        assert server.open == 0
        self._assert_no_key(outcome)
        return outcome

    async def _of_call(self, use: str, config: GatewayConfig) -> Outcome:
        text, problem = "", None
        try:
            text = await self._call(use, config)
        except Exception as error:
            problem = error
        return Outcome(text, problem, "", await _close())

    async def _call(self, use: str, config: GatewayConfig) -> str:
        messages = [{"role": "user", "content": self._question()}]
        if use == "streamed":
            return "".join([chunk.text async for chunk in stream_chat(messages, config)])
        if use == "await":
            return await transcribe_audio(self._recording(), config)
        answered = await chat_completion(messages, config)
        return str(answered["choices"][0]["message"]["content"])

    def _question(self) -> str:
        return QUESTION * (self._request_bytes // len(QUESTION) + 1)

    def _recording(self) -> bytes:
        if self._request_bytes <= len(self._tone):
            return self._tone
        silence = io.BytesIO()
        with wave.open(silence, "wb") as sound:
            sound.setparams((1, 2, 16_000, 0, "NONE", ""))
            sound.writeframes(bytes(self._request_bytes))
        return silence.getvalue()

    def _cell(self, use: str) -> str:
        """What is run in IPython, or "" where it is none of the magics."""
        if use == "magic":
            return f"%%chat\n{self._question()}"
        if not use.startswith("%"):
            return ""
        path = self._folder / "tone.wav"
        path.write_bytes(self._recording())
        return f'{use} "{path}"' + ("\nWhat is it?" if use.startswith("%%") else "")

    def _of_cell(self, cell: str, config: GatewayConfig) -> Outcome:
        magics = self._shell.magics_manager.registry["GatewayMagics"]
        magics.gateway_config = config
        with capture_output() as captured:
            result = self._shell.run_cell(cell)
        shown = captured.stdout + captured.stderr + "".join(str(output.data) for output in captured.outputs)
        problem = result.error_in_exec
        if problem:
            assert isinstance(problem, GatewayError), repr(problem)
            assert f"{type(problem).__name__}: {problem.message}" in shown
            assert "Traceback" not in shown
        return Outcome(shown, problem, shown, gateway_loop().run(_close()))

    def _assert_no_key(self, outcome: Outcome) -> None:
        said = [outcome.text, outcome.shown, *_records(self._log.records)]
        if outcome.error:
            said += [str(outcome.error), repr(outcome.error), repr(vars(outcome.error))]
            said += _frames(outcome.error)
        assert [text for text in said if KEY in text] == []


async def _close() -> int:
    """How many connections of this loop are in use; those that are not are closed."""
    # After an error there may be a connection that is still being closed in a task of its own.
    taped = (await loop_clients.client_of_this_loop())._transport
    await close_connections()
    return int(taped.transport.in_use)  # type: ignore[attr-defined]  # a ConnectionStack


def _records(records: Iterable[logging.LogRecord]) -> list[str]:
    return [f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in records]


def _frames(error: BaseException) -> list[str]:
    """All that a verbose traceback shows, but for the frames of these tests, which hold the key."""
    seen, said = set(), []
    waiting: list[BaseException | None] = [error]
    while waiting:
        problem = waiting.pop()
        if problem is None or id(problem) in seen:
            continue
        seen.add(id(problem))
        said += [repr(problem), repr(vars(problem))]
        shown = traceback.TracebackException.from_exception(problem, capture_locals=True)
        said += [repr(frame.locals) for frame in shown.stack if not frame.filename.startswith(TESTS)]
        waiting += [problem.__cause__, problem.__context__]
        waiting += problem.exceptions if isinstance(problem, BaseExceptionGroup) else []
    return said
