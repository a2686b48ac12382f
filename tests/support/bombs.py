"""Small files that decode to hours of silence, or that say that they do."""

import functools
import struct
import subprocess

import imageio_ffmpeg

HOURS = 3
_ENCODED_S = 10  # is encoded, and then repeated: what ends one file may start the next in these formats


@functools.cache
def bombs() -> dict[str, bytes]:
    """Three hours of silence in a few megabytes at most, by the kind of file."""
    repeated = HOURS * 3600 // _ENCODED_S
    bare_mp3 = ("-id3v2_version", "0", "-write_xing", "0", "-b:a", "8k", "-f", "mp3")
    return {
        "flac": _silence(HOURS * 3600, "-f", "flac", rate_hz=1000),
        "aac": _silence(_ENCODED_S, "-f", "adts") * repeated,
        "ogg": _silence(_ENCODED_S, "-c:a", "libopus", "-b:a", "6k", "-f", "ogg") * repeated,
        "mp3": _silence(_ENCODED_S, *bare_mp3) * repeated,
    }


def aiff(samples: int, *, rate_hz: int) -> bytes:
    """Silence in an AIFF, whose header can state any sample rate (Apple, "Audio Interchange File Format")."""
    exponent = rate_hz.bit_length() - 1
    rate = struct.pack(">HQ", 16383 + exponent, rate_hz << (63 - exponent))
    common = struct.pack(">hIh", 1, samples, 16) + rate
    sound = bytes(8 + 2 * samples)
    chunks = b"".join(
        name + struct.pack(">I", len(content)) + content
        for name, content in ((b"COMM", common), (b"SSND", sound))
    )
    return b"FORM" + struct.pack(">I", 4 + len(chunks)) + b"AIFF" + chunks


def _silence(duration_s: int, *encoding: str, rate_hz: int = 8000) -> bytes:
    source = ["-f", "lavfi", "-i", f"anullsrc=r={rate_hz}:cl=mono:d={duration_s}"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *source, *encoding, "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
