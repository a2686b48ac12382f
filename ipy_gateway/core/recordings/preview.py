"""A preview of a recording: small enough for a notebook's output, and what its waveform looks like."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import GatewayConfig
from ..exceptions import GatewayError
from ..files.random_access import Bytes
from ..files.temporary_files import explaining_disk_errors, temporary_folder, write_new_file
from ..waiting.signals import waking_for_signals
from .ffmpeg_command import explain_failure, ffmpeg_arguments, find_ffmpeg
from .ffmpeg_process import FfmpegOutput, run_ffmpeg
from .peaks import CODEC, SAMPLE_RATE_HZ, Peaks
from .recording_kinds import Recording, recognize
from .recording_source import Source, open_source
from .sound_stream import MAX_DURATION_S, demuxer_of, file_for_ffmpeg

PEAK_COUNT = 600

_SPEECH_RATE_HZ = 16_000
_FILE = "preview.webm"


@dataclass(frozen=True, slots=True)
class PreviewLimits:
    """How large a preview may be.

    Attributes:
        max_bytes: of its file.
        steps: up to which length, in seconds, which bit rate, the shortest first; of what is longer than the
            last, the beginning is encoded.
    """

    max_bytes: int
    steps: tuple[tuple[int, int], ...]

    def chosen(self, duration_s: float) -> tuple[float, int]:
        """How many seconds of a recording are encoded, and at which bit rate."""
        last = self.steps[-1]
        max_s, bits_per_s = next((step for step in self.steps if duration_s <= step[0]), last)
        return min(max_s, duration_s), bits_per_s


# At 8 kbit/s speech is still understood.
SMALL_PREVIEW = PreviewLimits(1_000_000, ((600, 12_000), (900, 8_000)))
# Two hours, and what is shorter at a better rate, at most 11 MB of a notebook.
LARGE_PREVIEW = PreviewLimits(8_000_000, ((1800, 24_000), (3600, 12_000), (7200, 8_000)))


@dataclass(frozen=True, slots=True)
class Preview:
    """A recording, or its beginning, encoded anew: Opus, mono.

    Attributes:
        data: the bytes of a WebM file.
        covered_s: how much of the recording is in it, in seconds from its start.
        duration_s: length of the recording.
        peaks: loudness of the whole recording in up to 600 parts of the same length, 255 for the loudest.
    """

    data: bytes
    covered_s: float
    duration_s: float
    peaks: bytes

    @property
    def is_whole(self) -> bool:
        """Whether the preview has the recording to its end."""
        return self.covered_s >= self.duration_s


async def preview_of(
    source: Source, config: GatewayConfig, *, limits: PreviewLimits = SMALL_PREVIEW
) -> Preview | None:
    """A preview of a recording, or None where none can be made: without ffmpeg, or of what ffmpeg can't read.

    Args:
        source: path, bytes or binary file of a recording of any length.
        config: where ffmpeg is, and how long it may take.
        limits: how large it may be.
    """
    try:
        with waking_for_signals():
            async with open_source(source) as opened:
                return await _preview(opened.content, config, limits)
    except GatewayError:  # a preview is an extra: it must not cost the transcript
        return None


async def _preview(content: Bytes, config: GatewayConfig, limits: PreviewLimits) -> Preview | None:
    recording = await asyncio.to_thread(recognize, content, accept_truncated=True)
    ffmpeg = await asyncio.to_thread(find_ffmpeg, config.ffmpeg_bin)
    with temporary_folder() as folder:
        name = await file_for_ffmpeg(content, folder)
        program = _Program(ffmpeg, name, recording, folder, config)
        peaks = await _peaks(program)
        covered_s, bits_per_s = limits.chosen(peaks.duration_s)
        data = await _encode(program, covered_s=covered_s, bits_per_s=bits_per_s, max_bytes=limits.max_bytes)
    if len(data) > limits.max_bytes:
        return None
    return Preview(data, covered_s, peaks.duration_s, peaks.numbers)


@dataclass(frozen=True, slots=True)
class _Program:
    """ffmpeg, and the recording that it reads."""

    ffmpeg: str
    source: str
    recording: Recording
    folder: Path
    config: GatewayConfig

    def command(self, output: list[str], *, rate_hz: int, max_s: float) -> list[str]:
        """All of a command line that makes mono sound at a rate, for a time at most."""
        config = replace(self.config, audio_target_sr=rate_hz, audio_target_channels=1, audio_loudnorm=False)
        demuxer, max_source_samples = demuxer_of(self.recording)
        arguments = ffmpeg_arguments(
            self.source,
            demuxer,
            output,
            config,
            max_samples=round(max_s * rate_hz),
            max_source_samples=max_source_samples,
        )
        return [self.ffmpeg, *arguments]


async def _peaks(program: _Program) -> Peaks:
    """The peaks of the whole recording, whose samples pass by and are kept nowhere."""
    as_bytes = ["-c:a", CODEC, "-f", CODEC.removeprefix("pcm_"), "pipe:1"]
    command = program.command(as_bytes, rate_hz=SAMPLE_RATE_HZ, max_s=MAX_DURATION_S)
    output = FfmpegOutput(command, program.folder, program.config)
    peaks = Peaks(PEAK_COUNT)
    async with aclosing(output.pieces()) as pieces:
        async for piece in pieces:
            peaks.add(piece)
    if output.exit_code != 0 or not peaks.duration_s:
        raise explain_failure(output.exit_code, output.log, program.recording, program.config)
    return peaks


async def _encode(program: _Program, *, covered_s: float, bits_per_s: int, max_bytes: int) -> bytes:
    """The beginning of the recording as WebM, which every browser plays, with nothing in it but sound."""
    await write_new_file(program.folder / _FILE, b"")  # a file of ffmpeg's making could be read by others
    as_webm = [
        *("-c:a", "libopus", "-b:a", str(bits_per_s), "-vbr", "constrained", "-application", "voip"),
        *("-compression_level", "5"),  # half the work of 10, and Whisper understands as much of it
        *("-frame_duration", "120"),  # the longest: each frame costs eight bytes besides its sound
        # Titles and places stay out, and the same recording gives the same bytes.
        *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"),
        *("-fs", str(max_bytes), "-f", "webm", f"file:{_FILE}"),
    ]
    command = program.command(as_webm, rate_hz=_SPEECH_RATE_HZ, max_s=covered_s)
    exit_code, log = await run_ffmpeg(command, program.folder, program.config)
    with explaining_disk_errors():
        data = await asyncio.to_thread((program.folder / _FILE).read_bytes)
    if exit_code != 0 or not data:
        raise explain_failure(exit_code, log, program.recording, program.config)
    return data
