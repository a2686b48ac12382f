"""What ffmpeg is asked to do, which recordings can't abuse, and what its failures mean."""

import re
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from ..config import DEFAULT_FFMPEG_BIN, GatewayConfig
from ..exceptions import AudioProcessingError
from ..files.temporary_files import disk_error
from .recording_kinds import Recording, no_sound
from .wav import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ

_SHOWN_STDERR_CHARS = 200
_TERMINAL_CODES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f]")
_LOG_SOURCE = re.compile(r"^(\[[^\]]* @ [^\]]*\] *)+")  # "[in#0 @ 0x55c3bff9b4c0] "
_DURATION = re.compile(r"^  Duration: (\d{1,4}):(\d\d):(\d\d\.\d+), ", re.MULTILINE)
_SOUND_TRACK = re.compile(r"^  Stream #0:\d+.*: Audio: ", re.MULTILINE)
_DISK_FULL = "No space left on device"
_NO_INDEX = "moov atom not found"
_ESTIMATED = "Estimating duration from bitrate"
_MEMORY_REFUSED = "Cannot allocate memory"
_FFMPEG_PIECE_BYTES = 64 << 20  # far more than a piece of any real recording takes
_SAYS_LITTLE = (
    *("Error opening", "Error parsing", "Conversion failed", "Nothing was written"),
    *("Task finished", "Terminating thread", "Could not open encoder before EOF"),
)


def find_ffmpeg(ffmpeg_bin: str) -> str:
    """The path of the program, or of the one that comes with the imageio-ffmpeg package.

    Raises:
        AudioProcessingError: "ffmpeg_missing"; there is neither.
    """
    found = shutil.which(ffmpeg_bin)
    if found:
        return str(Path(found).absolute())  # ffmpeg is started in another folder
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError) as error:
        trouble = "is no program that can be executed" if Path(ffmpeg_bin).exists() else "was not found"
        raise AudioProcessingError(
            f"This recording has to be converted, and there is no ffmpeg: {ffmpeg_bin!r} {trouble}.",
            'Install it, pip install "ipy-gateway[ffmpeg]", or set ffmpeg_bin to a working ffmpeg.',
            error_type="ffmpeg_missing",
        ) from error


def ffmpeg_arguments(
    source: str,
    demuxer: Sequence[str],
    output: Sequence[str],
    config: GatewayConfig,
    *,
    max_samples: int,
    max_source_samples: int | None = None,
) -> list[str]:
    """All arguments for one conversion to 16-bit samples at the rate and with the channels of `config`.

    Args:
        source: what is read.
        demuxer: the options that name its demuxer: one that is guessed may open other files.
        output: where the samples go.
        config: `audio_max_upload_bytes` bounds what may be allocated for one piece.
        max_samples: samples at a time after which the sound ends, one later.
        max_source_samples: samples of the source that are sound; None for all.
    """
    # One number in a header can ask for gigabytes, such as a rate that takes a filter of that size.
    max_alloc = _FFMPEG_PIECE_BYTES + 2 * config.audio_max_upload_bytes
    filters = _filters(config, max_samples=max_samples, max_source_samples=max_source_samples)
    return [
        *("-nostdin", "-hide_banner", "-loglevel", "error", "-y", "-filter_threads", "1"),
        *("-max_alloc", str(max_alloc), "-protocol_whitelist", "file", *demuxer),
        *("-threads", "1", "-vn", "-sn", "-dn", "-i", source, "-map", "0:a:0", "-af", filters),
        *("-ar", str(config.audio_target_sr), "-ac", str(config.audio_target_channels)),
        *("-c:a", "pcm_s16le", "-threads", "1", *output),
    ]


def look_arguments(source: str, demuxer: Sequence[str], config: GatewayConfig) -> list[str]:
    """All arguments for a look at a recording: ffmpeg tells of it, and makes nothing."""
    max_alloc = _FFMPEG_PIECE_BYTES + 2 * config.audio_max_upload_bytes
    return [
        *("-nostdin", "-hide_banner", "-max_alloc", str(max_alloc), "-protocol_whitelist", "file"),
        *(*demuxer, "-i", source),
    ]


def duration_in(log: str) -> float | None:
    """The length of a recording that ffmpeg tells in its log, in seconds, or None."""
    found = _DURATION.findall(log)
    if not found:
        return None
    hours, minutes, seconds = found[-1]  # a title may look like one, and comes before
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def tells_duration(log: str) -> bool:
    """Whether the length in a log of ffmpeg is the file's own, and not worked out from a bit rate."""
    return _ESTIMATED not in log


def sound_tracks_in(log: str) -> int:
    """How many tracks of sound ffmpeg tells in its log of a recording."""
    return len(_SOUND_TRACK.findall(log))


def _filters(config: GatewayConfig, *, max_samples: int, max_source_samples: int | None) -> str:
    """What is done with the sound. It ends at the first sample over the limit, which has it refused.

    Samples are counted, because a header's duration may lie, -t drops what comes after a gap in the clock of
    a recorder, and -fs stops only after a packet, which may be of any size. At a rate that is no sound's,
    nothing is let through: at 1 Hz, a second of such a packet would become 16,000 samples.
    """
    rate, channels = config.audio_target_sr, config.audio_target_channels
    # Sound that begins after the picture does keeps its distance, or every time in it were too early.
    from_start = "asetpts=STARTPTS+N/SR/TB,aresample=async=1:first_pts=0"
    sound_alone = rf"aselect=between(sample_rate\,{MIN_SAMPLE_RATE_HZ}\,{MAX_SAMPLE_RATE_HZ})"
    source_end = [] if max_source_samples is None else [f"atrim=end_sample={max_source_samples}"]
    loudness = [config.audio_loudnorm_filter] if config.audio_loudnorm else []
    as_sent = f"aformat=sample_fmts=s16:sample_rates={rate}:channel_layouts={channels}c"
    end = f"atrim=end_sample={max_samples + 1}"
    return ",".join([sound_alone, *source_end, from_start, *loudness, as_sent, end])


def explain_failure(
    exit_code: int, log: str, recording: Recording, config: GatewayConfig
) -> AudioProcessingError:
    """The error for an ffmpeg that made no sound of a recording, from what it logged."""
    if "matches no streams" in log:
        return no_sound()
    if _NO_INDEX in log:
        return AudioProcessingError(
            f"The {recording.container} recording is cut short: it lacks its index, which is written last.",
            "Copy it again, or export it again where it was recorded.",
        )
    if _DISK_FULL in log:
        return disk_error(_DISK_FULL)
    if _MEMORY_REFUSED in log:
        return AudioProcessingError(
            f"The {recording.container} recording can't be decoded: it takes more memory than sound does.",
            "Play the file to check it, and convert it to WAV with 16 bits.",
        )
    if exit_code < 0:
        return _ended_by_signal(-exit_code, recording)
    if exit_code == 0 or not log.strip():
        return _no_ffmpeg(recording, config)
    lines = [_LOG_SOURCE.sub("", _TERMINAL_CODES.sub("", line)).strip() for line in log.splitlines()]
    telling = [line for line in lines if line and not line.startswith(_SAYS_LITTLE)]
    reason = ["it gave no reason", *filter(None, lines), *telling][-1][:_SHOWN_STDERR_CHARS].rstrip(".")
    hint = "Play the file to check it, or copy it again."
    if config.ffmpeg_bin != DEFAULT_FFMPEG_BIN:
        hint = f"Play the file to check it, and check that ffmpeg_bin={config.ffmpeg_bin!r} is ffmpeg."
    if config.audio_loudnorm:
        hint = f"Check the file, and audio_loudnorm_filter={config.audio_loudnorm_filter!r}."
    return AudioProcessingError(f"ffmpeg can't read the {recording.container} recording: {reason}.", hint)


def _ended_by_signal(number: int, recording: Recording) -> AudioProcessingError:
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    return AudioProcessingError(
        f"ffmpeg was ended by {name} while it read the {recording.container} recording, and gave no reason.",
        "Try again with more free memory, and play the file to check it.",
    )


def _no_ffmpeg(recording: Recording, config: GatewayConfig) -> AudioProcessingError:
    return AudioProcessingError(
        f"{config.ffmpeg_bin!r} made no sound of the {recording.container} recording, and gave no reason.",
        "Check that ffmpeg_bin names a working ffmpeg.",
        error_type="ffmpeg_missing",
    )
