"""Temporary folders of processes that were killed."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway.core import AudioProcessingError, GatewayConfig, normalize_audio_to_wav
from ipy_gateway.core.files.leftovers import LEAST_AGE_S
from ipy_gateway.core.files.temporary_files import temporary_folder
from ipy_gateway.core.recordings.preview import preview_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="locks of folders, signals and scripts of POSIX")

USES_A_FOLDER = """
import sys, time
from ipy_gateway.core.files.temporary_files import temporary_folder

with temporary_folder() as folder:
    (folder / "recording").write_bytes(b"sound")
    print(folder, flush=True)
    sys.stdin.read()
"""


OF_THE_USER = [
    ("others_abc", 0o700),
    ("ipy_gateway_examples", 0o700),
    ("ipy_gateway_temporary_talks", 0o700),
    ("ipy_gateway_temporary_myvoices", 0o755),
]


@contextmanager
def user_of_a_folder(place: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that has made a folder at a place; it is a day ago."""
    with subprocess.Popen(
        [sys.executable, "-c", USES_A_FOLDER],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        make_old(folder)
        yield process, folder


def make_old(folder: Path) -> None:
    then = time.time() - LEAST_AGE_S - 60
    os.utime(folder, (then, then))


def wait_until_gone(folder: Path) -> None:
    end = time.monotonic() + 20
    while folder.exists():
        assert time.monotonic() < end, f"{folder} is still there"
        time.sleep(0.01)


def test_what_a_killed_process_left_is_removed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    of_today = tmp_path / "ipy_gateway_temporary_of_today"
    of_today.mkdir(mode=0o700)
    kept = {of_today}
    for name, mode in OF_THE_USER:
        (tmp_path / name).mkdir(mode=mode)
        make_old(tmp_path / name)
        kept.add(tmp_path / name)
    with user_of_a_folder(tmp_path) as (_, used), user_of_a_folder(tmp_path) as (killed, left):
        killed.send_signal(signal.SIGKILL)
        killed.wait()

        with temporary_folder() as folder:
            wait_until_gone(left)

            assert set(tmp_path.iterdir()) == {*kept, used, folder}

    assert set(tmp_path.iterdir()) == kept


CONFIG = GatewayConfig(ffmpeg_bin=imageio_ffmpeg.get_ffmpeg_exe())


def emptied_by(folder: Path, file: str) -> GatewayConfig:
    """Settings with an ffmpeg under whose hands a file is removed."""
    program = folder / "ffmpeg"
    program.write_text(
        f'#!/bin/sh\n{shlex.quote(CONFIG.ffmpeg_bin)} "$@"\ncode=$?\nrm -f {file}\nexit $code\n'
    )
    program.chmod(0o700)
    return replace(CONFIG, ffmpeg_bin=str(program))


async def test_a_preview_whose_files_somebody_removes_is_none(tone: bytes, tmp_path: Path) -> None:
    assert await preview_of(tone, CONFIG)
    assert await preview_of(tone, emptied_by(tmp_path, "preview.webm")) is None


async def test_a_recording_whose_files_somebody_removes_is_an_error_of_one_sentence(
    tone: bytes, tmp_path: Path
) -> None:
    with pytest.raises(AudioProcessingError, match="temporary files can't be written: No such file"):
        await normalize_audio_to_wav(tone, emptied_by(tmp_path, "samples"))
