"""A playlist in the guise of a recording reads nothing else: no file, no address; by ffmpeg and by libav."""

import contextlib
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import pytest

from ipy_gateway import AudioProcessingError, GatewayConfig, normalize_audio_to_wav
from ipy_gateway.core.audio import prepare_upload
from ipy_gateway.local.decoding import decode

from .core.test_recording import wav_file
from .support.canary import Canary, canary

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CONFIG = GatewayConfig(ffmpeg_bin=FFMPEG, audio_preprocess_enabled=True, timeout_s=30)
PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile '{file}'\nfile '{url}'\n",
    "ffconcat of an address": "ffconcat version 1.0\nfile '{url}'\n",
    "concat script": "file '{file}'\nfile '{url}'\n",
    "concat protocol": "concat:{file}|{url}\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{file}\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
    "HLS of an address": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n",
    "HLS with a key": '#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF:1,\n{file}\n#EXT-X-ENDLIST\n',
    "DASH": '<?xml version="1.0"?><MPD type="static"><Period><BaseURL>{url}</BaseURL></Period></MPD>',
    "SDP": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 0\r\n",
    "PLS": "[playlist]\nFile1={url}\nFile2={file}\nNumberOfEntries=2\n",
    "ASX": "<asx version='3.0'><entry><ref href='{url}'/></entry></asx>",
}
GUISES = {
    "wav": b"RIFF\xff\xff\0\0WAVE",
    "wav of plain samples": wav_file(bytes(3200), data_size=0xFFFFFFFF),
    "rf64": b"RF64\xff\xff\xff\xffWAVE",
    "tagged": b"ID3\x04\0\0\0\0\0\0",
    "mp3": b"\xff\xfb\x90\x00" + bytes(413) + b"\xff\xfb\x90\x00" + bytes(413),
    "ogg": b"OggS\n",
    "flac": b"fLaC\n",
    "m4a": b"\0\0\0\x14ftypM4A \0\0\0\0M4A ",
    "webm": b"\x1aE\xdf\xa3\n",
    "amr": b"#!AMR\n",
    "aac": b"ADIF\n",
    "aiff": b"FORM\0\0\xff\xffAIFF",
    "wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify watches over the file")


@pytest.fixture
def secret(tmp_path: Path, tone: bytes) -> Iterator[Canary]:
    (tmp_path / "secret.wav").write_bytes(tone)
    with canary(tmp_path / "secret.wav") as watched:
        yield watched


def written(playlist: str, secret: Canary) -> bytes:
    return PLAYLISTS[playlist].format(file=secret.file, url=secret.url, port=secret.port).encode()


async def converted(audio_bytes: bytes) -> object:
    return await normalize_audio_to_wav(audio_bytes, CONFIG)


async def prepared(audio_bytes: bytes) -> object:
    return await prepare_upload(audio_bytes, GatewayConfig(ffmpeg_bin=FFMPEG, timeout_s=30))


async def decoded(audio_bytes: bytes) -> object:
    return decode(audio_bytes, threading.Event())


READERS = pytest.mark.parametrize("read", [converted, prepared, decoded])


@READERS
@pytest.mark.parametrize("playlist", PLAYLISTS)
async def test_a_playlist_is_refused_and_nothing_that_it_names_is_touched(
    playlist: str, read: Callable[[bytes], Any], secret: Canary
) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await read(written(playlist, secret))

    assert caught.value.error_type == "invalid_audio"
    assert not secret.was_touched()


@READERS
@pytest.mark.parametrize("guise", GUISES)
async def test_a_playlist_behind_the_first_bytes_of_a_recording_touches_nothing(
    guise: str, read: Callable[[bytes], Any], secret: Canary
) -> None:
    for playlist in PLAYLISTS:
        with contextlib.suppress(AudioProcessingError):  # a WAV of a playlist's letters is noise, and no more
            await read(GUISES[guise] + written(playlist, secret) * 20)

    assert not secret.was_touched()


# That the canary sings, and that a playlist works where nobody takes care


def test_opening_the_file_is_noticed(secret: Canary) -> None:
    secret.file.read_bytes()

    assert secret.was_touched()


def test_asking_for_the_address_is_noticed(secret: Canary) -> None:
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(secret.url, timeout=0.5)

    assert secret.was_touched()


def test_an_ffmpeg_that_may_guess_reads_what_a_playlist_names(secret: Canary, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(written("ffconcat", secret))

    subprocess.run(
        [FFMPEG, "-nostdin", "-safe", "0", "-i", "talk.wav", "-t", "0.1", "-f", "null", "-"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert secret.was_touched()


def test_a_libav_that_may_guess_reads_what_a_playlist_names(secret: Canary, tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(written("ffconcat", secret))

    with contextlib.suppress(av.FFmpegError), av.open(tmp_path / "talk.wav", options={"safe": "0"}):
        pass

    assert secret.was_touched()
