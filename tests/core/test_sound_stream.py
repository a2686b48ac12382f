"""What comes out of a recording that is read or decoded in a stream."""

import asyncio
import io
import os
import subprocess
import tempfile
from contextlib import aclosing
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest

from ipy_gateway import AudioProcessingError, GatewayConfig
from ipy_gateway.core.recordings import sound_stream
from ipy_gateway.core.recordings.recording_kinds import recognize
from ipy_gateway.core.recordings.recording_source import Source, open_source
from ipy_gateway.core.recordings.sound_stream import sound_of
from ipy_gateway.core.recordings.wav import plain_header

from ..support.tones import RATE_HZ, heard, spoken, wav, word

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CONFIG = GatewayConfig(ffmpeg_bin=FFMPEG)
NUMBERS = range(20)
# Name: how ffmpeg makes such a recording.
ENCODINGS = {
    "flac": ["-f", "flac"],
    "wav 24 bits": ["-c:a", "pcm_s24le", "-f", "wav"],
    "wav stereo": ["-ac", "2", "-f", "wav"],
    "wav rf64": ["-c:a", "pcm_s24le", "-rf64", "always", "-f", "wav"],
    "ogg": ["-c:a", "flac", "-f", "ogg"],
    "samples of 24 bits": ["-f", "s24le"],
    "webm": ["-c:a", "flac", "-f", "matroska"],
}


def encoded(name: str) -> bytes:
    command = [FFMPEG, "-loglevel", "error", "-i", "pipe:0", *ENCODINGS[name], "pipe:1"]
    return subprocess.run(command, input=wav(spoken(NUMBERS)), capture_output=True, check=True).stdout


async def samples_of(source: Source, config: GatewayConfig = CONFIG) -> bytes:
    async with open_source(source) as opened:
        recording = recognize(opened.content, accept_truncated=True)
        return b"".join([piece async for piece in sound_of(opened.content, recording, config)])


@pytest.mark.parametrize("name", [name for name in ENCODINGS if not name.startswith("samples")])
async def test_every_kind_of_recording_gives_its_words(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a name with 'quotes', and %03d"
    path.write_bytes(encoded(name))

    samples = await samples_of(path)

    assert [found.text for found in heard(samples)] == [word(number) for number in NUMBERS]
    assert len(samples) == len(spoken(NUMBERS))


async def test_path_bytes_and_file_give_the_same_samples(tmp_path: Path) -> None:
    data = encoded("flac")
    path = tmp_path / "talk.flac"
    path.write_bytes(data)

    with path.open("rb") as file:
        found = [await samples_of(source) for source in (path, str(path), data, memoryview(data), file)]

    assert set(found) == {spoken(NUMBERS)}


async def test_a_file_that_can_only_be_read_once_is_taken() -> None:
    reading, writing = os.pipe()
    os.write(writing, wav(spoken(range(2))))
    os.close(writing)

    with os.fdopen(reading, "rb") as pipe:
        samples = await samples_of(pipe)

    assert samples == spoken(range(2))


async def test_a_wav_of_the_wanted_kind_takes_no_ffmpeg() -> None:
    config = GatewayConfig(ffmpeg_bin="/nowhere/ffmpeg")

    assert await samples_of(wav(spoken(NUMBERS)), config) == spoken(NUMBERS)


async def test_what_follows_the_sound_of_a_wav_is_no_sound() -> None:
    title = b"LIST" + (4000).to_bytes(4, "little") + b"\x55" * 4000
    samples = encoded("samples of 24 bits")
    header = plain_header(len(samples), RATE_HZ, 1, codec="pcm_s24le")

    assert await samples_of(wav(spoken(NUMBERS)) + title) == spoken(NUMBERS)
    assert await samples_of(header + samples + title) == spoken(NUMBERS)


async def test_a_recording_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sound_stream, "MAX_DURATION_S", 5)

    for source in (wav(spoken(NUMBERS)), encoded("flac")):
        with pytest.raises(AudioProcessingError, match="hours long") as raised:
            await samples_of(source)
        assert raised.value.error_type == "audio_too_large"


async def test_a_broken_recording_is_one_sentence() -> None:
    with pytest.raises(AudioProcessingError, match="ffmpeg can't read the flac recording"):
        await samples_of(b"fLaC" + bytes(5000))


async def test_a_reader_that_stops_leaves_neither_program_nor_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    data = encoded("wav stereo")
    children_before = len(psutil.Process().children())

    async with open_source(io.BytesIO(data)) as opened:
        recording = recognize(opened.content)
        async with aclosing(sound_of(opened.content, recording, CONFIG)) as pieces:
            await anext(pieces)
            assert len(psutil.Process().children()) >= children_before

    await asyncio.sleep(0)
    assert len(psutil.Process().children()) == children_before
    assert list(tmp_path.iterdir()) == []
