"""A small preview of a recording, and the shape of its waveform."""

import dataclasses
import statistics
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway.core.config import GatewayConfig
from ipy_gateway.core.recordings.peaks import SAMPLE_RATE_HZ, Peaks
from ipy_gateway.core.recordings.preview import (
    LARGE_PREVIEW,
    PEAK_COUNT,
    SMALL_PREVIEW,
    PreviewLimits,
    preview_of,
)
from ipy_gateway.core.recordings.recording_kinds import recognize

from .test_recording import ENCODED, encode_everywhere

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CONFIG = GatewayConfig(ffmpeg_bin=FFMPEG, timeout_s=120)
SILENT, LOUD = b"\xff", b"\x80"  # mu-law


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return encode_everywhere(tmp_path_factory.mktemp("encoded"))


def ffmpeg_makes(*arguments: str) -> bytes:
    command = [FFMPEG, "-loglevel", "error", *arguments, "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def peaks_of(samples: bytes, *, piece_bytes: int = 65536, count: int = 10) -> list[int]:
    peaks = Peaks(count)
    for start in range(0, len(samples), piece_bytes):
        peaks.add(samples[start : start + piece_bytes])
    return list(peaks.numbers)


# Peaks


def test_peaks_show_where_a_recording_is_loud() -> None:
    samples = SILENT * SAMPLE_RATE_HZ + LOUD * SAMPLE_RATE_HZ

    assert peaks_of(samples)[:5] == [0] * 5
    assert peaks_of(samples)[6:] == [255] * 4


def test_peaks_do_not_depend_on_how_the_samples_come() -> None:
    samples = b"".join(bytes([code]) * 997 for code in range(256))

    assert peaks_of(samples, piece_bytes=1) == peaks_of(samples, piece_bytes=12_345) == peaks_of(samples)


def test_quiet_speech_is_drawn_and_noise_below_it_is_not_made_tall() -> None:
    quiet = bytes([0xFF - 40])
    noise = bytes([0xFF - 1])

    assert peaks_of(noise * 8000 + quiet * 8000)[-1] == 255
    assert max(peaks_of(noise * 8000)) < 64


def test_peaks_take_no_more_memory_for_a_longer_recording() -> None:
    peaks = Peaks(10)
    for _ in range(200):
        peaks.add(LOUD * SAMPLE_RATE_HZ)

    assert peaks.duration_s == 200
    assert len(peaks._sums) < 20
    assert list(peaks.numbers) == [255] * 10


def test_no_sound_has_no_peaks() -> None:
    assert peaks_of(b"") == []


# Previews


@pytest.mark.parametrize("name", ENCODED)
async def test_every_format_has_a_preview(encoded: dict[str, bytes], name: str) -> None:
    preview = await preview_of(encoded[name], CONFIG)

    assert preview is not None
    assert preview.is_whole
    assert preview.covered_s == pytest.approx(1, rel=0.15)  # codecs pad
    assert recognize(preview.data).container == "webm"
    assert len(preview.peaks) > 80
    assert max(preview.peaks) == 255


async def test_a_preview_is_small_and_sounds_like_its_recording(interview: Path) -> None:
    preview = await preview_of(interview, CONFIG)

    assert preview is not None
    assert len(preview.data) < 2_000 * preview.covered_s < interview.stat().st_size / 15
    assert len(preview.peaks) == PEAK_COUNT
    again = await preview_of(preview.data, CONFIG)
    assert again is not None
    assert again.duration_s == pytest.approx(preview.duration_s, abs=0.1)
    assert correlation(preview.peaks, again.peaks) > 0.9


async def test_of_a_long_recording_the_beginning_is_in_the_preview(tmp_path: Path) -> None:
    long = tmp_path / "long.flac"
    noise = "anoisesrc=d=910:r=16000:a=0.3"  # nothing takes more room
    long.write_bytes(ffmpeg_makes("-f", "lavfi", "-i", noise, "-c:a", "flac", "-f", "flac"))

    preview = await preview_of(long, CONFIG)

    assert preview is not None
    assert (preview.covered_s, preview.duration_s) == (900, 910)
    assert not preview.is_whole
    assert len(preview.data) < SMALL_PREVIEW.max_bytes
    covered = await preview_of(preview.data, CONFIG, limits=PreviewLimits(100_000, ((1, 8_000),)))
    assert covered is not None
    assert covered.duration_s == pytest.approx(900, abs=0.2)


async def test_larger_limits_give_a_better_and_longer_preview(interview: Path) -> None:
    small = await preview_of(interview, CONFIG)
    large = await preview_of(interview, CONFIG, limits=LARGE_PREVIEW)
    part = await preview_of(interview, CONFIG, limits=PreviewLimits(1_000_000, ((5, 12_000), (10, 8_000))))

    assert small and large and part
    assert len(large.data) > 1.5 * len(small.data)
    assert (part.covered_s, part.duration_s, part.peaks) == (10, small.duration_s, small.peaks)


@pytest.mark.parametrize("limits", [SMALL_PREVIEW, LARGE_PREVIEW])
def test_no_length_of_recording_exceeds_the_limit_of_its_preview(limits: PreviewLimits) -> None:
    overhead_bits_per_s = 8 * 8 / 0.12  # of each frame

    for max_s, bits_per_s in limits.steps:
        assert limits.chosen(max_s) == (max_s, bits_per_s)
        assert max_s * (bits_per_s + overhead_bits_per_s) / 8 < limits.max_bytes
    assert limits.chosen(36_000) == limits.steps[-1]


async def test_a_preview_says_nothing_that_is_not_heard() -> None:
    named = ffmpeg_makes(
        *("-f", "lavfi", "-i", "sine=d=1", "-metadata", "title=Secret title", "-metadata", "location=Berlin"),
        *("-c:a", "flac", "-f", "flac"),
    )

    preview = await preview_of(named, CONFIG)

    assert preview is not None
    assert b"Secret title" in named
    assert b"Secret" not in preview.data
    assert b"Berlin" not in preview.data


async def test_the_same_recording_has_the_same_preview(note: Path) -> None:
    assert await preview_of(note, CONFIG) == await preview_of(note, CONFIG)


async def test_without_ffmpeg_there_is_no_preview(note: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)

    assert await preview_of(note, dataclasses.replace(CONFIG, ffmpeg_bin="no-such-ffmpeg")) is None


@pytest.mark.parametrize("content", [b"", b"#EXTM3U\nfile:secret.wav\n" * 20, b"fLaC\n" + b"x" * 3000])
async def test_what_is_no_recording_has_no_preview(content: bytes) -> None:
    assert await preview_of(content, CONFIG) is None


async def test_ffmpeg_may_neither_guess_the_container_nor_open_anything_but_files(
    encoded: dict[str, bytes], tmp_path: Path
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/arguments'\nexit 1\n")
    script.chmod(0o755)

    await preview_of(encoded["aac.m4a"], GatewayConfig(ffmpeg_bin=str(script)))

    for_input, _, _ = (tmp_path / "arguments").read_text().partition(" -i ")
    assert "-protocol_whitelist file -f mov " in for_input


def correlation(left: bytes, right: bytes) -> float:
    return statistics.correlation([*left], [*right])
