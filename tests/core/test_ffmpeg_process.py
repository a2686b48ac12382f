"""The real ffmpeg in the middle of its work: however that ends, neither process nor files stay."""

import asyncio
import dataclasses
import gc
import os
import stat
import subprocess
import sys
import tempfile
import warnings
from contextlib import aclosing, suppress
from pathlib import Path

import imageio_ffmpeg
import psutil
import pytest

from ipy_gateway.core import AudioProcessingError, GatewayConfig, normalize_audio_to_wav
from ipy_gateway.core.recordings.ffmpeg_process import FfmpegOutput
from ipy_gateway.core.recordings.preview import preview_of
from ipy_gateway.core.recordings.recording_kinds import recognize
from ipy_gateway.core.recordings.sound_stream import sound_of

from ..support.bombs import bombs
from ..support.cancelling import cancelled_everywhere

FFMPEG = Path(imageio_ffmpeg.get_ffmpeg_exe())
# Three hours of loudness normalization take minutes, so whatever happens to it happens in mid-work.
CONFIG = GatewayConfig(ffmpeg_bin=str(FFMPEG), audio_loudnorm=True, audio_max_upload_bytes=10**9)


@pytest.fixture(scope="module")
def long_recording() -> bytes:
    return bombs()["flac"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which temporary files are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


async def ffmpeg_at_work(temporary: Path) -> psutil.Process:
    """The child process, when it has read the recording and written some of the sound."""
    async with asyncio.timeout(60):
        while True:
            for child in psutil.Process().children(recursive=True):
                if is_ffmpeg(child) and has_written(temporary):
                    return child
            await asyncio.sleep(0.01)


def is_ffmpeg(process: psutil.Process) -> bool:
    return process.name().startswith("ffmpeg")


def has_written(temporary: Path) -> bool:
    return any(samples.stat().st_size > 1 for samples in temporary.glob("*/samples"))


def assert_gone(process: psutil.Process, temporary: Path) -> None:
    assert not process.is_running()
    assert list(temporary.iterdir()) == []


async def test_an_ffmpeg_that_is_killed_in_the_middle_is_one_sentence(
    long_recording: bytes, temporary: Path
) -> None:
    task = asyncio.create_task(normalize_audio_to_wav(long_recording, CONFIG))
    process = await ffmpeg_at_work(temporary)

    process.kill()

    with pytest.raises(AudioProcessingError) as caught:
        await task
    assert caught.value.message == (
        "ffmpeg was ended by SIGKILL while it read the flac recording, and gave no reason."
    )
    assert caught.value.hint == "Try again with more free memory, and play the file to check it."
    assert_gone(process, temporary)


async def test_a_recording_works_after_an_ffmpeg_was_killed(
    long_recording: bytes, tone: bytes, temporary: Path
) -> None:
    task = asyncio.create_task(normalize_audio_to_wav(long_recording, CONFIG))
    (await ffmpeg_at_work(temporary)).kill()
    await asyncio.wait({task})

    wav = await normalize_audio_to_wav(tone, dataclasses.replace(CONFIG, audio_loudnorm=False))

    assert isinstance(task.exception(), AudioProcessingError)
    assert wav == tone


async def test_the_timeout_ends_ffmpeg_in_the_middle(long_recording: bytes, temporary: Path) -> None:
    config = dataclasses.replace(CONFIG, timeout_s=2.0)

    with pytest.raises(AudioProcessingError) as caught:
        await normalize_audio_to_wav(long_recording, config)

    assert caught.value.error_type == "audio_timeout"
    assert caught.value.message == "ffmpeg was not done with the recording after 2 s."
    assert [child for child in psutil.Process().children() if is_ffmpeg(child)] == []
    assert list(temporary.iterdir()) == []


async def test_cancellation_ends_ffmpeg_in_the_middle(long_recording: bytes, temporary: Path) -> None:
    task = asyncio.create_task(normalize_audio_to_wav(long_recording, CONFIG))
    process = await ffmpeg_at_work(temporary)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert_gone(process, temporary)


async def test_temporary_files_are_the_users_alone(long_recording: bytes, temporary: Path) -> None:
    task = asyncio.create_task(normalize_audio_to_wav(long_recording, CONFIG))
    await ffmpeg_at_work(temporary)

    modes = {path.name[:11]: stat.S_IMODE(path.stat().st_mode) for path in temporary.rglob("*")}

    task.cancel()
    await asyncio.wait({task})
    assert modes == {"ipy_gateway": 0o700, "recording": 0o600, "samples": 0o600}


@pytest.mark.parametrize("size", [260_000, 2_000_000], ids=["ended by itself", "waits for its reader"])
async def test_a_pipe_that_is_not_read_to_its_end_is_closed(tmp_path: Path, size: int) -> None:
    gc.collect()
    others = set(psutil.Process().children())
    writes = f"import sys; sys.stdout.buffer.write(bytes({size}))"
    output = FfmpegOutput([sys.executable, "-c", writes], tmp_path, CONFIG)
    async with aclosing(output.pieces()) as pieces:
        assert await anext(pieces)
        with suppress(TimeoutError):  # without room for its last bytes it is ended here
            async with asyncio.timeout(1):
                while own := set(psutil.Process().children()) - others:
                    if not any(is_running(child) for child in own):
                        break
                    await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()

    assert [str(one.message) for one in warned if "ReadPipe" in str(one.message)] == []
    assert not any(is_running(child) for child in set(psutil.Process().children()) - others)


KEEPS_THE_PIPE = """
import subprocess, sys, time
keeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(keeper.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name != "posix", reason="a session of its own is a thing of POSIX")
async def test_what_a_program_leaves_behind_with_its_pipes_is_not_waited_for(tmp_path: Path) -> None:
    output = FfmpegOutput([sys.executable, "-c", KEEPS_THE_PIPE], tmp_path, CONFIG)

    async with aclosing(output.pieces()) as pieces:
        keeper = psutil.Process(int(await anext(pieces)))
    was_left = keeper.is_running()
    keeper.kill()
    await asyncio.sleep(0.2)  # for the loop to see its pipes closed

    assert was_left


@pytest.mark.parametrize("container", ["flac", "mp3", "webm"])
async def test_wherever_it_is_cancelled_that_is_not_forgotten(
    container: str, tone: bytes, temporary: Path
) -> None:
    codec = ["-c:a", "libopus"] if container == "webm" else []
    command = [str(FFMPEG), "-loglevel", "error", "-f", "wav", "-i", "-", *codec, "-f", container, "-"]
    recording = subprocess.run(command, input=tone, capture_output=True, check=True, timeout=60).stdout

    ended = await cancelled_everywhere(lambda: all_work_on(recording))

    assert len(ended) > 20
    assert all(one.task.cancelled() for one in ended)
    assert [child for child in psutil.Process().children() if is_ffmpeg(child) and is_running(child)] == []
    assert list(temporary.iterdir()) == []


async def all_work_on(data: bytes) -> None:
    config = dataclasses.replace(CONFIG, audio_loudnorm=False)
    recording = recognize(data)
    async with aclosing(sound_of(data, recording, config)) as sound:
        async for _ in sound:
            pass
    await preview_of(data, config)


def is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
