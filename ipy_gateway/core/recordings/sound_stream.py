"""The sound of a recording as 16-bit samples, piece by piece: a long one takes no more memory."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

from ..config import GatewayConfig
from ..exceptions import AudioProcessingError
from ..files.random_access import Bytes, FileBytes
from ..files.temporary_files import temporary_folder
from .ffmpeg_command import (
    duration_in,
    explain_failure,
    ffmpeg_arguments,
    find_ffmpeg,
    look_arguments,
    sound_tracks_in,
    tells_duration,
)
from .ffmpeg_process import FfmpegOutput, run_ffmpeg
from .recording_kinds import DEMUXERS, MIN_DURATION_S, Recording, too_short
from .recording_source import write_to_file

MAX_DURATION_S = 24 * 3600
_PIECE_BYTES = 256 << 10  # eight seconds


async def sound_of(
    content: Bytes, recording: Recording, config: GatewayConfig
) -> AsyncGenerator[bytes, None]:
    """The samples of a recording at the rate and with the channels of `config`, in pieces of any size.

    Args:
        content: the recording.
        recording: what it was recognized as.
        config: `audio_target_sr`, `audio_target_channels`, and how to convert.

    Raises:
        AudioProcessingError: it can't be decoded, it is shorter than 0.1 s or longer than a day, or it has to
            be converted and there is no ffmpeg; its error_type says which.
    """
    needs_ffmpeg = not is_as_sent(recording, config)
    pieces = _decoded(content, recording, config) if needs_ffmpeg else _as_it_is(content, recording)
    size_bytes = 0
    async with aclosing(pieces):
        async for piece in pieces:
            size_bytes += len(piece)
            _check_length(size_bytes, config)
            yield piece
    duration_s = size_bytes / bytes_per_second(config)
    if duration_s < MIN_DURATION_S:
        raise too_short(duration_s)


@dataclass(frozen=True, slots=True)
class Stated:
    """What a recording says of itself.

    Attributes:
        duration_s: its length, or None where it states none, or can't be asked.
        is_estimate: whether that is to be doubted: it was worked out from its size, or is a WAV's, whose
            header often lies.
        sound_tracks: how many it has; 0 where it can't be asked.
    """

    duration_s: float | None = None
    is_estimate: bool = False
    sound_tracks: int = 0


async def stated_by(content: Bytes, recording: Recording, config: GatewayConfig) -> Stated:
    """What a recording says of itself, by a look at it that decodes nothing."""
    demuxer = ["-f", DEMUXERS[recording.container]]
    try:
        ffmpeg = await asyncio.to_thread(find_ffmpeg, config.ffmpeg_bin)
        with temporary_folder() as folder:
            look = look_arguments(await file_for_ffmpeg(content, folder), demuxer, config)
            _, log = await run_ffmpeg([ffmpeg, *look], folder, config)
    except AudioProcessingError:  # whoever decodes it will say what is wrong
        return Stated()
    is_estimate = recording.container == "wav" or not tells_duration(log)
    return Stated(duration_in(log), is_estimate, sound_tracks_in(log))


def is_as_sent(recording: Recording, config: GatewayConfig) -> bool:
    """Whether a recording holds the very samples that are wanted, so that it takes no ffmpeg."""
    kind = (recording.codec, recording.sample_rate_hz, recording.channels)
    evens_out = config.audio_preprocess_enabled is True and config.audio_loudnorm
    wanted = ("pcm_s16le", config.audio_target_sr, config.audio_target_channels)
    return recording.container == "wav" and kind == wanted and not evens_out


def bytes_per_second(config: GatewayConfig) -> int:
    """What a second of samples takes."""
    return config.audio_target_sr * frame_bytes(config)


def frame_bytes(config: GatewayConfig) -> int:
    """What one sample takes in all channels."""
    return 2 * config.audio_target_channels


async def _as_it_is(content: Bytes, recording: Recording) -> AsyncGenerator[bytes, None]:
    end = recording.sound_start + recording.sound_bytes
    for start in range(recording.sound_start, end, _PIECE_BYTES):
        piece = await asyncio.to_thread(content.__getitem__, slice(start, min(start + _PIECE_BYTES, end)))
        if not piece:
            raise AudioProcessingError(
                "The recording became shorter while it was read.",
                "Read it when nothing writes to it any more.",
            )
        yield piece


async def _decoded(
    content: Bytes, recording: Recording, config: GatewayConfig
) -> AsyncGenerator[bytes, None]:
    ffmpeg = await asyncio.to_thread(find_ffmpeg, config.ffmpeg_bin)
    with temporary_folder() as folder:
        arguments = _arguments(await file_for_ffmpeg(content, folder), recording, config)
        output = FfmpegOutput([ffmpeg, *arguments], folder, config)
        has_sound = False
        async with aclosing(output.pieces()) as pieces:
            async for piece in pieces:
                has_sound = True
                yield piece
        if output.exit_code != 0 or not has_sound:
            raise explain_failure(output.exit_code, output.log, recording, config)


async def file_for_ffmpeg(content: Bytes, folder: Path) -> str:
    """What ffmpeg reads: a file, in which it can go back, because an m4a on a pipe gives no sound."""
    if isinstance(content, FileBytes):
        return f"file:{content.path}"
    await write_to_file(content, folder / "recording")
    return "file:recording"


def demuxer_of(recording: Recording) -> tuple[list[str], int | None]:
    """The options that name the demuxer, and how many of its samples are sound, or None for all.

    A WAV of plain samples is read without its header, which need not be true.
    """
    if recording.container != "wav" or not recording.codec:
        return ["-f", DEMUXERS[recording.container]], None
    rate, channels = recording.sample_rate_hz or 0, recording.channels or 0
    options = [
        *("-skip_initial_bytes", str(recording.sound_start), "-f", recording.codec.removeprefix("pcm_")),
        *("-ar", str(rate), "-ac", str(channels)),
    ]
    return options, round((recording.duration_s or 0) * rate)


def _arguments(source: str, recording: Recording, config: GatewayConfig) -> list[str]:
    demuxer, max_source_samples = demuxer_of(recording)
    return ffmpeg_arguments(
        source,
        demuxer,
        ["-f", "s16le", "pipe:1"],
        config,
        max_samples=MAX_DURATION_S * config.audio_target_sr,
        max_source_samples=max_source_samples,
    )


def _check_length(size_bytes: int, config: GatewayConfig) -> None:
    if size_bytes > MAX_DURATION_S * bytes_per_second(config):
        raise AudioProcessingError(
            f"The recording is over {MAX_DURATION_S / 3600:g} hours long, which is the most that is taken.",
            "Cut it into parts.",
            error_type="audio_too_large",
        )
