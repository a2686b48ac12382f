"""Recordings at addresses that fsspec opens."""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import (
    AudioProcessingError,
    ConfigurationError,
    GatewayConfig,
    InvalidRequestError,
    transcribe,
)
from ipy_gateway.core.recordings import recording_source
from ipy_gateway.core.recordings.recording_source import name_of, open_source

from ..support.hearing_server import Ear, hearing_server
from ..support.tones import spoken, wav
from ..support.tools import package

RECORDING = wav(spoken([1, 2, 3]))


@pytest.fixture
def memory() -> Iterator[Any]:
    """The file system memory://, empty."""
    store = package("fsspec").filesystem("memory")
    store.store.clear()
    yield store
    store.store.clear()


async def content_of(source: Any) -> bytes:
    async with open_source(source) as opened:
        return opened.content[:]


async def test_a_recording_at_an_address_is_transcribed_and_named(memory: Any) -> None:
    memory.pipe_file("/talks/talk.wav", RECORDING)

    with hearing_server(Ear()) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        transcript = await transcribe("memory://talks/talk.wav", config)

    assert (transcript.text, transcript.source) == ("w1 w2 w3", "talk.wav")


async def test_a_copy_of_it_is_gone_afterwards(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    memory.pipe_file("/talk.wav", RECORDING)

    async with open_source("memory://talk.wav") as opened:
        (folder,) = tmp_path.iterdir()

        assert opened.content[:] == RECORDING
        assert folder.stat().st_mode & 0o777 == 0o700

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["talk.wav", "a talk.wav", "100% new.wav", "50%25.wav", "#1?.wav"])
async def test_a_file_url_is_a_path_and_needs_nothing_installed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    path = tmp_path / name
    path.write_bytes(RECORDING)

    for url in (path.as_uri(), f"file://{path}"):
        assert await content_of(url) == RECORDING
        assert name_of(url) == name


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (
            "memory://nowhere/talk.wav",
            "There is no recording at 'memory://nowhere/talk.wav'. Check the address.",
        ),
        ("file:///nowhere/talk.wav", "There is no file '/nowhere/talk.wav'. Check its name and its folder."),
        (
            "nowhere://talk.wav",
            "'nowhere://talk.wav' can't be read: Protocol not known: nowhere. "
            "Check the address, and your access to it.",
        ),
    ],
)
async def test_what_is_not_there_is_one_sentence(url: str, message: str) -> None:
    package("fsspec")

    with pytest.raises(InvalidRequestError) as raised:
        await content_of(url)

    assert str(raised.value) == message


async def test_without_fsspec_an_address_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)  # importing it fails as where it is not installed

    with pytest.raises(ConfigurationError) as raised:
        await content_of("s3://bucket/talk.wav")

    assert str(raised.value) == (
        "'s3://bucket/talk.wav' can't be opened, because fsspec is not installed. "
        'Install it: pip install "ipy-gateway[dask]".'
    )


async def test_a_kind_of_address_that_needs_another_package_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    package("fsspec")
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(ConfigurationError, match=r"^'s3://bucket/talk.wav' can't be opened: Install s3fs"):
        await content_of("s3://bucket/talk.wav")


async def test_what_never_ends_is_given_up(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording_source, "MAX_SOURCE_BYTES", 10_000)
    memory.pipe_file("/talk.wav", RECORDING)

    with pytest.raises(AudioProcessingError, match="no more is taken") as raised:
        await content_of("memory://talk.wav")

    assert raised.value.error_type == "audio_too_large"


async def test_a_connection_that_breaks_while_it_is_read_is_one_sentence(memory: Any) -> None:
    class Broken(type(memory)):  # type: ignore[misc]  # a class that is known when it is there
        protocol = "broken"
        cachable = False

        def _open(self, path: str, *_: Any, **__: Any) -> Any:
            file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever opens it
            file.close()
            return file

    package("fsspec").register_implementation("broken", Broken, clobber=True)

    with pytest.raises(InvalidRequestError, match=r"^'broken://talk.wav' can't be read: .*closed file"):
        await content_of("broken://talk.wav")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ada:hush-hush@127.0.0.1:9/talk.wav",
        "memory://talk.wav?signature=hush-hush",
        "nowhere://talk.wav#hush-hush",
    ],
)
async def test_no_password_or_signature_in_an_address_is_shown(url: str) -> None:
    package("fsspec")

    with pytest.raises(InvalidRequestError) as raised:
        await content_of(url)

    assert "hush" not in str(raised.value)
    assert name_of(url) == "talk.wav"
