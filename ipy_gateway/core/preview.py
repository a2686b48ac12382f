"""A preview of a recording: small enough for a notebook's output, and what its waveform looks like."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from .config import GatewayConfig
from .exceptions import GatewayError
from .ffmpeg_command import explain_failure, ffmpeg_arguments, find_ffmpeg
from .ffmpeg_process import FfmpegOutput, run_ffmpeg
from .peaks import CODEC, SAMPLE_RATE_HZ, Peaks
from .random_access import Bytes
from .recording import Recording, recognize
from .recording_source import Source, open_source
from .signals import waking_for_signals
from .sound_stream import MAX_DURATION_S, demuxer_of, file_for_ffmpeg
from .temporary_files import temporary_folder, write_new_file

MAX_PREVIEW_BYTES = 1_000_000
PEAK_COUNT = 600

_SPEECH_RATE_HZ = 16_000
_SHORT_S, _SHORT_BITS_PER_S = 600, 12_000
_LONG_S, _LONG_BITS_PER_S = 900, 8_000  # speech is still understood
_FILE = "preview.webm"


@dataclass(frozen=True, slots=True)
class Preview:
    """A recording, or its beginning, encoded anew: Opus, mono, 12 kbit/s or less.

    Attributes:
        data: the bytes of a WebM file, at most 1 MB.
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


async def preview_of(source: Source, config: GatewayConfig) -> Preview | None:
    """A preview of a recording, or None where none can be made: without ffmpeg, or of what ffmpeg can't read.

    Args:
        source: path, bytes or binary file of a recording of any length.
        config: where ffmpeg is, and how long it may take.
    """
    try:
        with waking_for_signals():
            async with open_source(source) as opened:
                return await _preview(opened.content, config)
    except GatewayError:  # a preview is an extra: it must not cost the transcript
        return None


async def _preview(content: Bytes, config: GatewayConfig) -> Preview | None:
    recording = await asyncio.to_thread(recognize, content, accept_truncated=True)
    ffmpeg = await asyncio.to_thread(find_ffmpeg, config.ffmpeg_bin)
    with temporary_folder() as folder:
        name = await file_for_ffmpeg(content, folder)
        program = _Program(ffmpeg, name, recording, folder, config)
        peaks = await _peaks(program)
        covered_s = peaks.duration_s if peaks.duration_s <= _SHORT_S else min(_LONG_S, peaks.duration_s)
        bits_per_s = _SHORT_BITS_PER_S if covered_s <= _SHORT_S else _LONG_BITS_PER_S
        data = await _encode(program, covered_s=covered_s, bits_per_s=bits_per_s)
    if len(data) > MAX_PREVIEW_BYTES:
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


async def _encode(program: _Program, *, covered_s: float, bits_per_s: int) -> bytes:
    """The beginning of the recording as WebM, which every browser plays, with nothing in it but sound."""
    await write_new_file(program.folder / _FILE, b"")  # a file of ffmpeg's making could be read by others
    as_webm = [
        *("-c:a", "libopus", "-b:a", str(bits_per_s), "-vbr", "constrained", "-application", "voip"),
        *("-frame_duration", "120"),  # the longest: each frame costs eight bytes besides its sound
        # Titles and places stay out, and the same recording gives the same bytes.
        *("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"),
        *("-fs", str(MAX_PREVIEW_BYTES), "-f", "webm", f"file:{_FILE}"),
    ]
    command = program.command(as_webm, rate_hz=_SPEECH_RATE_HZ, max_s=covered_s)
    exit_code, log = await run_ffmpeg(command, program.folder, program.config)
    data = await asyncio.to_thread((program.folder / _FILE).read_bytes)
    if exit_code != 0 or not data:
        raise explain_failure(exit_code, log, program.recording, program.config)
    return data
