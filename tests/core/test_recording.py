import contextlib
import io
import random
import struct
import subprocess
import time
import wave
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway.core.exceptions import AudioProcessingError
from ipy_gateway.core.recordings.recording_kinds import DEMUXERS, recognize

SECOND = bytes(32000)  # of 16-bit samples at 16 kHz

ENCODED = {
    "plain.wav": ("wav", "pcm_s16le", ["-c:a", "pcm_s16le"]),
    "u8.wav": ("wav", "pcm_u8", ["-c:a", "pcm_u8"]),
    "s24.wav": ("wav", "pcm_s24le", ["-c:a", "pcm_s24le"]),
    "s32.wav": ("wav", "pcm_s32le", ["-c:a", "pcm_s32le"]),
    "f32.wav": ("wav", "pcm_f32le", ["-c:a", "pcm_f32le"]),
    "f64.wav": ("wav", "pcm_f64le", ["-c:a", "pcm_f64le"]),
    "mulaw.wav": ("wav", "mulaw", ["-c:a", "pcm_mulaw"]),
    "alaw.wav": ("wav", "alaw", ["-c:a", "pcm_alaw"]),
    "adpcm.wav": ("wav", "", ["-c:a", "adpcm_ms"]),
    "rf64.wav": ("wav", "pcm_s16le", ["-rf64", "always"]),
    "tagged.mp3": ("mp3", "mp3", ["-write_id3v1", "1"]),
    "bare.mp3": ("mp3", "mp3", ["-id3v2_version", "0", "-write_xing", "0"]),
    "opus.ogg": ("ogg", "opus", ["-c:a", "libopus"]),
    "vorbis.ogg": ("ogg", "vorbis", ["-c:a", "libvorbis"]),
    "flac.ogg": ("ogg", "flac", ["-c:a", "flac"]),
    "plain.flac": ("flac", "flac", []),
    "aac.m4a": ("m4a", "", []),
    "aac.mov": ("m4a", "", []),
    "aac.3gp": ("m4a", "", ["-c:a", "aac"]),
    "opus.webm": ("webm", "", ["-c:a", "libopus"]),
    "plain.mka": ("webm", "", []),
    "plain.aac": ("aac", "aac", []),
    "plain.amr": ("amr", "amr_nb", ["-c:a", "libopencore_amrnb", "-ar", "8000", "-b:a", "12.2k"]),
    "plain.aiff": ("aiff", "", []),
    "plain.wma": ("wma", "", []),
}


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return encode_everywhere(tmp_path_factory.mktemp("encoded"))


def encode_everywhere(folder: Path) -> dict[str, bytes]:
    """One second of a tone in every format, as ffmpeg writes it."""
    outputs = [part for name, (_, _, options) in ENCODED.items() for part in (*options, str(folder / name))]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:duration=1:sample_rate=16000"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error", *tone, *outputs]
    subprocess.run(command, check=True, timeout=60)
    return {name: (folder / name).read_bytes() for name in ENCODED}


def wav_file(
    samples: bytes = SECOND,
    *,
    magic: bytes = b"RIFF",
    riff_size: int | None = None,
    data_size: int | None = None,
    before_format: bytes = b"",
    before_data: bytes = b"",
    after: bytes = b"",
    encoding: bytes = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16),
) -> bytes:
    head = before_format + chunk(b"fmt ", encoding) + before_data
    size = len(samples) if data_size is None else data_size
    body = b"WAVE" + head + b"data" + struct.pack("<I", size) + samples + after
    return magic + struct.pack("<I", len(body) if riff_size is None else riff_size) + body


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def refusal_of(audio_bytes: bytes) -> AudioProcessingError:
    with pytest.raises(AudioProcessingError) as caught:
        recognize(audio_bytes)
    assert caught.value.error_type == "invalid_audio"
    assert caught.value.hint.endswith(".")
    return caught.value


@pytest.mark.parametrize("name", ENCODED)
def test_every_format_that_ffmpeg_writes_is_recognized(encoded: dict[str, bytes], name: str) -> None:
    recording = recognize(encoded[name])

    container, codec, _ = ENCODED[name]
    assert (recording.container, recording.codec) == (container, codec)


@pytest.mark.parametrize("name", ["plain.wav", "s24.wav", "f32.wav", "f64.wav", "mulaw.wav", "rf64.wav"])
def test_a_wav_of_plain_samples_has_an_exact_duration(encoded: dict[str, bytes], name: str) -> None:
    recording = recognize(encoded[name])

    assert (recording.duration_s, recording.sample_rate_hz, recording.channels) == (1.0, 16000, 1)


@pytest.mark.parametrize("name", ["bare.mp3", "tagged.mp3", "plain.flac", "plain.aac", "vorbis.ogg"])
def test_rate_and_channels_are_read_where_the_first_bytes_tell(encoded: dict[str, bytes], name: str) -> None:
    recording = recognize(encoded[name])

    assert (recording.sample_rate_hz, recording.channels, recording.duration_s) == (16000, 1, None)


def test_a_wav_of_the_standard_library_is_recognized() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(2)
        writer.setframerate(44100)
        writer.writeframes(bytes(4 * 44100))

    recording = recognize(file.getvalue())

    assert (recording.sample_rate_hz, recording.channels, recording.duration_s) == (44100, 2, 1.0)


def test_an_extensible_header_names_its_real_encoding() -> None:
    guid = struct.pack("<H", 3) + bytes.fromhex("000000001000800000aa00389b71")
    encoding = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 64000, 4, 32, 22, 32, 4) + guid

    recording = recognize(wav_file(bytes(64000), encoding=encoding))

    assert (recording.codec, recording.duration_s) == ("pcm_f32le", 1.0)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000, 0x80000024, 0xFFFFFFDB])
def test_a_size_that_was_not_known_yet_means_all_that_follows(size: int) -> None:
    recording = recognize(wav_file(riff_size=36, data_size=size))

    assert recording.duration_s == 1.0


@pytest.mark.parametrize("size", [0, len(SECOND), 2**64 - 1])
def test_a_bw64_keeps_its_size_in_a_chunk_of_its_own(size: int) -> None:
    long_sizes = chunk(b"ds64", struct.pack("<QQQI", 0, size, 0, 0))

    recording = recognize(
        wav_file(magic=b"BW64", riff_size=2**32 - 1, data_size=2**32 - 1, before_format=long_sizes)
    )

    assert recording.duration_s == 1.0


def test_chunks_of_odd_length_before_the_sound_are_stepped_over() -> None:
    recording = recognize(
        wav_file(before_format=chunk(b"LIST", b"INFOx"), before_data=chunk(b"junk", b"abc"), after=b"LIST")
    )

    assert (recording.duration_s, recording.sound_bytes) == (1.0, len(SECOND))


def test_half_a_sample_at_the_end_is_not_counted() -> None:
    assert recognize(wav_file(bytes(32001), after=b"\0")).sound_bytes == 32000


@pytest.mark.parametrize("accept_truncated", [False, True])
def test_a_header_without_sound_is_refused_whatever_it_promises(accept_truncated: bool) -> None:
    with pytest.raises(AudioProcessingError, match=r"^The WAV has no sound after its header\."):
        recognize(wav_file()[:44], accept_truncated=accept_truncated)


def test_text_is_refused_without_python_in_the_hint() -> None:
    assert refusal_of(b"talk.wav").hint == "Give a sound file."


def test_every_container_has_its_demuxer(encoded: dict[str, bytes]) -> None:
    assert {container for container, _, _ in ENCODED.values()} == set(DEMUXERS)


def test_a_truncated_wav_says_how_much_is_there() -> None:
    error = refusal_of(wav_file(bytes(16000), data_size=96000))

    assert error.message == (
        "The WAV is cut short: its header promises 3.00 s (96,000 bytes) of sound, "
        "and 0.50 s (16,000 bytes) are there."
    )
    assert "audio_preprocess_enabled=True" in error.hint


def test_a_truncated_rf64_says_so_too() -> None:
    long_sizes = chunk(b"ds64", struct.pack("<QQQI", 0, 5_000_000_000, 0, 0))

    error = refusal_of(wav_file(magic=b"RF64", data_size=2**32 - 1, before_format=long_sizes))

    assert "5,000,000,000 bytes" in error.message


def test_a_truncated_wav_is_accepted_for_what_is_there() -> None:
    recording = recognize(wav_file(bytes(16000), data_size=96000), accept_truncated=True)

    assert recording.duration_s == 0.5


@pytest.mark.parametrize(
    ("audio_bytes", "reason"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "Git LFS"),
        (b'{"error": {"message": "no such file"}}', "JSON"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "playlist"),
        (b"\xef\xbb\xbf#EXTM3U\n", "playlist"),
        (b"RIFF\x10\0\0\0AVI LIST", "an AVI video"),
        (b"FLV\x01\x05\0\0\0\x09", "a Flash video"),
        (b"RIFF\x24\x7d\0\0WA", "cut short within its header"),
        (b"RIFF", "cut short within its header"),
        (wav_file()[:12], "cut short within its header"),
        (wav_file()[:30], "cut short within its header"),
        (wav_file()[:36], "cut short within its header"),
        (wav_file()[:44], "no sound after its header"),
        (b"ffconcat version 1.0\nfile secret.wav\n", "playlist"),
        (b"data:audio/wav;base64,UklGRg==", "data: URL"),
        (b"talk.wav", "plain text, not sound: 'talk.wav'"),
        ("The wide river: schön".encode() * 200, "plain text"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "JPEG picture"),
        (b"\0\0\0\x1cftypheic\0\0\0\0", "a picture"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "a picture"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x01", "PDF"),
        (b"PK\x03\x04\x14\0\0\0", "ZIP"),
        (b"ID3\x04\0\0\0\0\x0f\x76", "ID3 tag without sound"),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09", "01 02 03 04 05 06 07 08"),
        (b"RIFF\x04\0\0\0WAVE", "says nothing of its encoding"),
        (wav_file(riff_size=0)[:36], "data chunk is missing"),
        (wav_file(b"", after=chunk(b"LIST", b"INFO")), "no sound after its header"),
        (wav_file(bytes(2)), "is too short: 0.0001 s, and at least 0.1 s of sound are needed"),
        (wav_file(bytes(3198)), "is too short: 0.0999 s"),
        (wav_file(encoding=struct.pack("<HHIIHH", 1, 0, 16000, 32000, 2, 16)), "0 channels"),
        (wav_file(encoding=struct.pack("<HHIIHH", 1, 1, 0, 0, 2, 16)), "at 0 Hz"),
        (wav_file(encoding=struct.pack("<HHIIHH", 1, 1, 16000, 0, 0, 0)), "0 bits"),
        (wav_file(encoding=struct.pack("<HHIIHH", 3, 1, 16000, 0, 0, 16)), "makes no sense"),
    ],
)
def test_what_is_no_recording_is_refused_by_name(audio_bytes: bytes, reason: str) -> None:
    error = refusal_of(audio_bytes)

    assert reason in error.message
    assert error.message.endswith(".")


@pytest.mark.parametrize("name", ["plain.flac", "plain.aac", "bare.mp3"])
def test_sound_after_an_id3_tag_is_recognized(encoded: dict[str, bytes], name: str) -> None:
    tag = b"ID3\x04\0\0\0\0\x01\0" + bytes(128)

    assert recognize(tag + encoded[name]).container == ENCODED[name][0]


def test_padding_between_tag_and_frames_is_stepped_over(encoded: dict[str, bytes]) -> None:
    assert recognize(b"ID3\x04\0\0\0\0\0\0" + bytes(1000) + encoded["bare.mp3"]).container == "mp3"


def test_a_playlist_between_tag_and_frames_is_refused(encoded: dict[str, bytes]) -> None:
    playlist = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"

    assert "ID3" in refusal_of(b"ID3\x04\0\0\0\0\0\0" + playlist + encoded["bare.mp3"]).message


def test_one_sync_word_alone_is_no_mp3() -> None:
    assert "no known kind" in refusal_of(b"\xff\xfb\x90\x00" + bytes(2000)).message


def test_any_beginning_of_a_recording_is_recognized_or_refused(encoded: dict[str, bytes]) -> None:
    for audio_bytes in encoded.values():
        for length in range(128):
            recognized_or_refused(audio_bytes[:length])


def test_random_and_mutated_bytes_are_recognized_or_refused(encoded: dict[str, bytes]) -> None:
    chance = random.Random(20)
    originals = [audio_bytes[:4096] for audio_bytes in encoded.values()]
    for _ in range(4000):
        mutated = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 12)):
            mutated[chance.randrange(min(len(mutated), 96))] = chance.choice((0, 1, 127, 128, 254, 255))
        recognized_or_refused(bytes(mutated))
        recognized_or_refused(chance.randbytes(chance.randint(1, 200)))


def recognized_or_refused(audio_bytes: bytes) -> None:
    for accept_truncated in (False, True):
        with contextlib.suppress(AudioProcessingError):
            recording = recognize(audio_bytes, accept_truncated=accept_truncated)
            assert recording.sound_start + recording.sound_bytes <= len(audio_bytes)


@pytest.mark.parametrize(
    "audio_bytes",
    [
        wav_file(before_format=chunk(b"junk", b"") * 2_500_000),
        b"ID3\x04\0\0\0\0\0\0" * 2_000_000,
        b"ID3\x04\0\0\0\0\0\0" + b"\xff\xfb" * 10_000_000,
        b"\xff\xfb" * 10_000_000,
        b"a" * 20_000_000,
    ],
    ids=["chunks", "tags", "tag and sync words", "sync words", "text"],
)
def test_twenty_hostile_megabytes_take_no_time(audio_bytes: bytes) -> None:
    start_s = time.process_time()

    recognized_or_refused(audio_bytes)

    assert time.process_time() - start_s < 0.25
