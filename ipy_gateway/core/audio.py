"""A recording on its way to a server: checked, and made a WAV by ffmpeg where a server might not take it."""

import asyncio
import math
import os
from dataclasses import dataclass

from .config import GatewayConfig
from .exceptions import AudioProcessingError, InvalidRequestError
from .files.temporary_files import explaining_disk_errors, temporary_folder, write_new_file
from .recordings.ffmpeg_command import explain_failure, ffmpeg_arguments, find_ffmpeg
from .recordings.ffmpeg_process import run_ffmpeg
from .recordings.recording_kinds import DEMUXERS, MIN_DURATION_S, Recording, recognize, too_short
from .recordings.wav import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, header_of, plain_header
from .waiting.signals import waking_for_signals

_UNTOUCHED = b"-"  # one byte is no whole sample, so ffmpeg can't have written it


@dataclass(frozen=True, slots=True)
class UploadAudio:
    """A recording that is ready to be sent.

    Attributes:
        data: the bytes of a whole file.
        format: what kind of file that is: "wav", "mp3", ...
        duration_s: its length in seconds, or None where that is unknown.
    """

    data: bytes
    format: str
    duration_s: float | None


async def prepare_upload(audio_bytes: bytes | bytearray | memoryview, config: GatewayConfig) -> UploadAudio:
    """Check a recording, and normalize it where `config.audio_preprocess_enabled` asks for that.

    In "auto", 16-bit WAV and MP3 stay as they are, which every server takes; but a WAV header with needless
    or untrue parts is replaced by the plain one of 44 bytes. Where nothing is normalized, an untrue one is.

    Raises:
        InvalidRequestError: `audio_bytes` is no bytes.
        AudioProcessingError: the recording can't be used; its error_type says why.
    """
    data = _checked_bytes(audio_bytes, max_bytes=config.audio_max_upload_bytes)
    mode = config.audio_preprocess_enabled
    recording = recognize(data, accept_truncated=mode is True)
    if mode is False and recording.has_true_header:
        return UploadAudio(data, "wav", recording.duration_s)
    if mode is False or (mode == "auto" and recording.codec in ("mp3", "pcm_s16le")):
        return UploadAudio(_with_true_header(data, recording), recording.container, recording.duration_s)
    samples = await _decode(data, recording, config)
    return UploadAudio(_normalized_wav(samples, config), "wav", _duration_s(len(samples), config))


async def normalize_audio_to_wav(audio_bytes: bytes, config: GatewayConfig) -> bytes:
    """Make a WAV of any recording with ffmpeg: 16 bits, `config.audio_target_sr` Hz, a header of 44 bytes.

    A WAV that is cut short is used as far as it goes where `config.audio_preprocess_enabled` is True.

    Args:
        audio_bytes: the recording as its file's bytes, of any kind that `transcribe_audio` takes.
        config: rate, channels, loudness, limits, and which ffmpeg.

    Returns:
        The bytes of a WAV file, the channels interleaved.

    Raises:
        InvalidRequestError: `audio_bytes` is no bytes.
        AudioProcessingError: it can't be read, takes longer than `config.timeout_s` or grows larger than
            `config.audio_max_upload_bytes`, or there is no ffmpeg; its error_type says which.
    """
    data = _checked_bytes(audio_bytes)
    recording = recognize(data, accept_truncated=config.audio_preprocess_enabled is True)
    return _normalized_wav(await _decode(data, recording, config), config)


def _checked_bytes(audio_bytes: object, *, max_bytes: float = math.inf) -> bytes:
    if not isinstance(audio_bytes, bytes | bytearray | memoryview):
        hint = "Give the bytes of a recording, as in its file."
        if isinstance(audio_bytes, str | os.PathLike):
            hint = f"Read the file: Path({os.fsdecode(audio_bytes)[:80]!r}).read_bytes()."
        type_name = type(audio_bytes).__name__
        raise InvalidRequestError(f"A recording has to be bytes, not {type_name}.", hint)
    size = memoryview(audio_bytes).nbytes
    if size > max_bytes:
        raise AudioProcessingError(
            f"The recording has {_megabytes(size)} MB, and {_megabytes(max_bytes)} MB is the limit.",
            "Cut it into parts, compress it to MP3, or raise audio_max_upload_bytes.",
            error_type="audio_too_large",
        )
    return bytes(audio_bytes)


def _with_true_header(audio_bytes: bytes, recording: Recording) -> bytes:
    """A WAV whose header tells the truth; all else as it is.

    Readers believe what they should not: ffmpeg finds nothing in an RF64 that was written to a pipe, and
    hears silence in 24 bits that take four bytes.
    """
    if recording.container != "wav":
        return audio_bytes
    start, size = recording.sound_start, recording.sound_bytes
    if recording.codec:
        rate, channels = recording.sample_rate_hz or 0, recording.channels or 0
        header = plain_header(size, rate, channels, codec=recording.codec)
    else:  # it takes what is in the header to decode it, and only the sizes are known
        header = header_of(audio_bytes[12 : start - 4], size)
    if len(audio_bytes) == len(header) + size and audio_bytes.startswith(header):
        return audio_bytes
    return header + audio_bytes[start : start + size]


def _normalized_wav(samples: bytes, config: GatewayConfig) -> bytes:
    return plain_header(len(samples), config.audio_target_sr, config.audio_target_channels) + samples


async def _decode(audio_bytes: bytes, recording: Recording, config: GatewayConfig) -> bytes:
    """The sound alone: 16-bit samples at the rate and with the channels that `config` asks for."""
    with waking_for_signals():
        ffmpeg = await asyncio.to_thread(find_ffmpeg, config.ffmpeg_bin)
        with temporary_folder() as folder:
            await write_new_file(folder / "recording", _with_true_header(audio_bytes, recording))
            # ffmpeg overwrites this; a file of its own making could be read by others.
            await write_new_file(folder / "samples", _UNTOUCHED)
            exit_code, log = await run_ffmpeg([ffmpeg, *_arguments(recording, config)], folder, config)
            output = folder / "samples"
            with explaining_disk_errors():
                size = output.stat().st_size
                if exit_code != 0 or size == len(_UNTOUCHED):
                    raise explain_failure(exit_code, log, recording, config)
                _check_size(size, recording, config)
                return await asyncio.to_thread(output.read_bytes)


def _arguments(recording: Recording, config: GatewayConfig) -> list[str]:
    max_bytes = config.audio_max_upload_bytes
    return ffmpeg_arguments(
        "file:recording",
        ["-f", DEMUXERS[recording.container]],
        ["-fs", str(max_bytes + 1), "-f", "s16le", "file:samples"],
        config,
        max_samples=max_bytes // (2 * config.audio_target_channels),
    )


def _check_size(samples_bytes: int, recording: Recording, config: GatewayConfig) -> None:
    if not samples_bytes:
        raise AudioProcessingError(
            f"ffmpeg found no sound in the {recording.container} recording, or none at a rate between "
            f"{MIN_SAMPLE_RATE_HZ:,} and {MAX_SAMPLE_RATE_HZ:,} Hz.",
            "Play the file to check it.",
        )
    duration_s = _duration_s(samples_bytes, config)
    if duration_s < MIN_DURATION_S:
        raise too_short(duration_s)
    max_bytes = config.audio_max_upload_bytes
    if len(_normalized_wav(b"", config)) + samples_bytes > max_bytes:
        minutes = _duration_s(max_bytes, config) / 60
        raise AudioProcessingError(
            f"The recording is over {minutes:.1f} minutes long, as WAV over {_megabytes(max_bytes)} MB.",
            "Cut it into shorter parts, compress it to MP3, or raise audio_max_upload_bytes.",
            error_type="audio_too_large",
        )


def _duration_s(samples_bytes: int, config: GatewayConfig) -> float:
    return samples_bytes / (2 * config.audio_target_sr * config.audio_target_channels)


def _megabytes(size: float) -> str:
    return f"{math.ceil(size / 10_000) / 100:.2f}"
