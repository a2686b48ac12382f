"""Small files that become large: refused in one sentence, and neither disk nor memory pays for them."""

import dataclasses
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway.core import AudioProcessingError, GatewayConfig, normalize_audio_to_wav
from ipy_gateway.core.audio import prepare_upload

from ..support.bombs import aiff, bombs

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
MAX_BYTES = 1_000_000
MAX_MEMORY_KB = 200_000  # ffmpeg takes half of this for a recording of one second

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script watches over ffmpeg")


@dataclass(frozen=True)
class WatchedFfmpeg:
    """The real ffmpeg, which gets no more memory than it needs, and what it wrote."""

    script: Path
    sizes: Path

    @property
    def config(self) -> GatewayConfig:
        return GatewayConfig(
            ffmpeg_bin=str(self.script), audio_preprocess_enabled=True, audio_max_upload_bytes=MAX_BYTES
        )

    @property
    def written_bytes(self) -> int:
        """The largest size of what ffmpeg wrote: it only ever appends."""
        return int(self.sizes.read_text())


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WatchedFfmpeg:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    ffmpeg = WatchedFfmpeg(tmp_path / "ffmpeg", tmp_path / "sizes")
    ffmpeg.script.write_text(
        f"#!/bin/sh\nulimit -d {MAX_MEMORY_KB}\n'{FFMPEG}' \"$@\"\nexit_code=$?\n"
        f"wc -c < samples > '{ffmpeg.sizes}'\nexit $exit_code\n"
    )
    ffmpeg.script.chmod(0o755)
    return ffmpeg


@pytest.fixture(scope="session")
def hours_of_silence() -> dict[str, bytes]:
    return bombs()


@pytest.mark.parametrize("name", ["flac", "aac", "ogg", "mp3"])
async def test_hours_in_a_small_file_are_refused_and_written_up_to_the_limit_alone(
    name: str, hours_of_silence: dict[str, bytes], watched: WatchedFfmpeg
) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await normalize_audio_to_wav(hours_of_silence[name], watched.config)

    assert caught.value.message == "The recording is over 0.5 minutes long, as WAV over 1.00 MB."
    assert caught.value.error_type == "audio_too_large"
    assert MAX_BYTES < watched.written_bytes <= MAX_BYTES + 2
    assert list(Path(tempfile.gettempdir()).iterdir()) == []


@pytest.mark.parametrize("rate_hz", [1, 999])
async def test_a_rate_that_makes_hours_out_of_kilobytes_is_refused_before_it_does(
    rate_hz: int, watched: WatchedFfmpeg
) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(aiff(100_000, rate_hz=rate_hz), watched.config)

    assert caught.value.message == (
        "ffmpeg found no sound in the aiff recording, or none at a rate between 1,000 and 768,000 Hz."
    )
    assert watched.written_bytes == 0


async def test_a_rate_that_takes_gigabytes_to_convert_is_refused(watched: WatchedFfmpeg) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(aiff(100_000, rate_hz=2**31 - 1), watched.config)

    assert caught.value.message == (
        "The aiff recording can't be decoded: it takes more memory than sound does."
    )
    assert watched.written_bytes == 0


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
async def test_what_is_written_is_limited_with_any_number_of_channels(
    channels: int, hours_of_silence: dict[str, bytes], watched: WatchedFfmpeg
) -> None:
    config = dataclasses.replace(watched.config, audio_target_channels=channels)

    with pytest.raises(AudioProcessingError, match="minutes long"):
        await prepare_upload(hours_of_silence["aac"], config)

    assert MAX_BYTES < watched.written_bytes <= MAX_BYTES + 2 * channels


async def test_sound_after_a_gap_in_the_clock_of_the_recorder_is_kept(watched: WatchedFfmpeg) -> None:
    paused_for_an_hour = ["-af", "asetpts='PTS+if(gt(N,40),3600/TB,0)'"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2:sample_rate=48000"]
    command = [FFMPEG, "-loglevel", "error", *tone, *paused_for_an_hour, "-c:a", "libopus", "-f", "webm", "-"]
    recording = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout

    upload = await prepare_upload(recording, watched.config)

    assert upload.duration_s == pytest.approx(2.0, abs=0.1)
