"""What the tests of the embedded engine share."""

import asyncio
import io
import threading
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway.local.speech_models import load_model
from ipy_gateway.local.transport import LocalTransport

HANG_S = 60.0


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the embedded engine."""
    async with httpx.AsyncClient(mounts={"local://": LocalTransport()}, timeout=120) as client:
        yield client


@pytest.fixture(scope="session")
def excerpt(interview: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 23 seconds of the interview, which the speech model takes in at once."""
    path = tmp_path_factory.mktemp("excerpt") / "interview.wav"
    path.write_bytes(played(interview, seconds=23))
    return path


@pytest.fixture(scope="session")
def long_recording(interview: Path) -> bytes:
    """Eight minutes of speech: sixteen windows of half a minute at least."""
    return played(interview, seconds=480)


def played(recording: Path, *, seconds: int) -> bytes:
    """The beginning of a WAV, or the same again and again, up to some length."""
    target = io.BytesIO()
    with wave.open(str(recording)) as source, wave.open(target, "wb") as sound:
        sound.setparams(source.getparams())
        frames = source.readframes(source.getnframes())
        length = seconds * source.getframerate() * source.getsampwidth() * source.getnchannels()
        sound.writeframes((frames * (length // len(frames) + 1))[:length])
    return target.getvalue()


class Listening:
    """What the embedded speech model does.

    Attributes:
        windows: how many windows, of half a minute each, it has taken in.
    """

    def __init__(self) -> None:
        self.windows = 0

    async def until_it_begins(self) -> None:
        async with asyncio.timeout(HANG_S):
            while not self.windows:
                await asyncio.sleep(0.01)

    async def until_it_ends(self) -> None:
        async with asyncio.timeout(HANG_S):
            while "ipy_gateway-speech" in {thread.name for thread in threading.enumerate()}:
                await asyncio.sleep(0.01)


@pytest.fixture
def listening(speech_model: Path, monkeypatch: pytest.MonkeyPatch) -> Listening:
    """The embedded speech model, watched."""
    model, listening = load_model(speech_model), Listening()
    encode = model.encode

    def counted(features: Any) -> Any:
        listening.windows += len(features) if features.ndim == 3 else 1
        return encode(features)

    monkeypatch.setattr(model, "encode", counted)
    return listening
