"""WAV headers that lie: each is used as what it really is, or refused by one sentence, and none is sent."""

import contextlib
import dataclasses
import io
import random
import struct
import threading
import wave

import imageio_ffmpeg
import pytest

from ipy_gateway.core import AudioProcessingError, GatewayConfig
from ipy_gateway.core.audio import prepare_upload
from ipy_gateway.core.recordings.recording_kinds import recognize
from ipy_gateway.local.decoding import decode

from .test_recording import chunk, wav_file

AUTO = GatewayConfig(ffmpeg_bin=imageio_ffmpeg.get_ffmpeg_exe())
ALWAYS = dataclasses.replace(AUTO, audio_preprocess_enabled=True)
NEVER = dataclasses.replace(AUTO, audio_preprocess_enabled=False, ffmpeg_bin="no-such-ffmpeg")
MODES = pytest.mark.parametrize("config", [AUTO, ALWAYS, NEVER], ids=["auto", "always", "never"])
TONE = struct.pack("<hhhh", 0, 8000, 0, -8000) * 4000  # one second at 16 kHz
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def encoding(
    tag: int = 1,
    channels: int = 1,
    rate: int = 16000,
    per_second: int | None = None,
    block: int | None = None,
    bits: int = 16,
) -> bytes:
    block = channels * bits // 8 if block is None else block
    return struct.pack(
        "<HHIIHH", tag, channels, rate, rate * block if per_second is None else per_second, block, bits
    )


def extensible(*, valid_bits: int, subformat: int = 1, **stated: int) -> bytes:
    mask = 4
    return encoding(tag=0xFFFE, **stated) + struct.pack("<HHIH", 22, valid_bits, mask, subformat) + GUID_TAIL


USED = {
    "an unknown size of 4 GB": wav_file(TONE, data_size=0xFFFFFFFF),
    "unknown sizes": wav_file(TONE, riff_size=0xFFFFFFFF, data_size=0xFFFFFFFF),
    "sizes of nothing": wav_file(TONE, riff_size=0, data_size=0),
    "a file of 4 GB": wav_file(TONE, riff_size=0xFFFFFFF0),
    "a file of no bytes": wav_file(TONE, riff_size=0),
    "a byte rate of 0": wav_file(TONE, encoding=encoding(per_second=0)),
    "a byte rate of 4 GB": wav_file(TONE, encoding=encoding(per_second=0xFFFFFFFF)),
    "no size of a block": wav_file(TONE, encoding=encoding(block=0)),
    "half a sample": wav_file(TONE + b"\0", data_size=len(TONE) + 1),
    "a wrong 64-bit size": wav_file(
        TONE,
        magic=b"RF64",
        riff_size=0xFFFFFFFF,
        data_size=0xFFFFFFFF,
        before_format=chunk(b"ds64", struct.pack("<QQQI", 1, 2**64 - 1, 0, 0)),
    ),
    "no valid bits": wav_file(TONE, encoding=extensible(valid_bits=0)),
    "more valid bits than there are": wav_file(TONE, encoding=extensible(valid_bits=999)),
    "a list of titles behind the sound": wav_file(TONE, after=chunk(b"LIST", b"INFO" + bytes(40_000))),
    "zeros behind the sound": wav_file(TONE, after=bytes(50_000)),
    "an odd list without its padding": wav_file(
        TONE, after=b"LIST\x05\0\0\0INFOx" + chunk(b"id3 ", bytes(40_000))
    ),
}

REFUSED = {
    "4 GB of one bit": (wav_file(bytes(1000), data_size=0xFFFFFFFF), "is too short: 0.0312 s"),
    "a chunk of 4 GB before the sound": (
        wav_file(TONE, before_data=b"LIST" + struct.pack("<I", 0xFFFFFFF0)),
        "data chunk is missing",
    ),
    "two encodings": (
        wav_file(TONE, before_data=chunk(b"fmt ", encoding(channels=2, rate=96000))),
        "states its encoding twice",
    ),
    "an encoding of 4 GB": (
        b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", 0xFFFFFFFF) + encoding() + b"data" + TONE,
        "data chunk is missing",
    ),
    "no channel": (wav_file(TONE, encoding=encoding(channels=0)), "0 channels"),
    "65,535 channels": (wav_file(TONE, encoding=encoding(channels=65535, block=2)), "65535 channels"),
    "0 Hz": (wav_file(TONE, encoding=encoding(rate=0)), "at 0 Hz"),
    "1 Hz": (wav_file(TONE, encoding=encoding(rate=1)), "at 1 Hz"),
    "4 GHz": (wav_file(TONE, encoding=encoding(rate=0xFFFFFFFF, per_second=0)), "at 4294967295 Hz"),
    "0 bits": (wav_file(TONE, encoding=encoding(bits=0)), "of 0 bits"),
    "65,535 bits": (wav_file(TONE, encoding=encoding(bits=65535, block=2)), "of 65535 bits"),
    "blocks of 64 kB": (wav_file(TONE, encoding=encoding(block=65535)), "in blocks of 65,535 bytes"),
    "blocks of half a sample": (wav_file(TONE, encoding=encoding(block=1)), "in blocks of 1 bytes"),
    "extensible blocks of 64 kB": (
        wav_file(TONE, encoding=extensible(valid_bits=16, block=65535)),
        "in blocks of 65,535 bytes",
    ),
    "extensible blocks of stereo": (
        wav_file(TONE, encoding=extensible(valid_bits=16, block=4)),
        "in blocks of 4 bytes",
    ),
    "a RIFF in a RIFF": (
        b"RIFF" + struct.pack("<I", len(TONE) + 48) + b"WAVE" + wav_file(TONE),
        "says nothing of its encoding",
    ),
    "an encoding after the sound": (
        b"RIFF\0\0\0\0WAVE" + chunk(b"data", TONE) + chunk(b"fmt ", encoding()),
        "says nothing of its encoding",
    ),
}


WRONG_LENGTH = {
    "4 GB in a kilobyte": (wav_file(bytes(1000), data_size=4_000_000_000), "is cut short: its header"),
    "2 GB in a kilobyte": (wav_file(bytes(1000), data_size=2_000_000_000), "is cut short: its header"),
    "a byte too much": (wav_file(TONE, data_size=len(TONE) + 1), "is cut short: its header"),
    "a second with a minute behind it": (
        wav_file(TONE * 61, data_size=len(TONE)),
        "goes on after its end: its header promises 1.00 s (32,000 bytes) of sound, "
        "and 60.00 s (1,920,000 bytes) more follow",
    ),
    "two in one file": (wav_file(TONE) + wav_file(TONE), "goes on after its end"),
}


@MODES
@pytest.mark.parametrize("lie", USED)
async def test_a_lie_about_sound_that_is_there_is_put_right(lie: str, config: GatewayConfig) -> None:
    upload = await prepare_upload(USED[lie], config)

    assert upload.duration_s == 1.0
    assert recognize(upload.data).has_true_header
    with wave.open(io.BytesIO(upload.data)) as reader:
        assert (reader.getnchannels(), reader.getframerate(), reader.getnframes()) == (1, 16000, 16000)
        assert reader.readframes(16000) == TONE


@MODES
@pytest.mark.parametrize("lie", REFUSED)
async def test_a_lie_about_what_the_sound_is_is_refused(lie: str, config: GatewayConfig) -> None:
    audio_bytes, reason = REFUSED[lie]

    assert reason in await refusal_of(audio_bytes, config)


@pytest.mark.parametrize("config", [AUTO, NEVER], ids=["auto", "never"])
@pytest.mark.parametrize("lie", WRONG_LENGTH)
async def test_a_lie_about_the_length_is_refused_with_the_setting_that_takes_it(
    lie: str, config: GatewayConfig
) -> None:
    audio_bytes, reason = WRONG_LENGTH[lie]

    said = await refusal_of(audio_bytes, config)

    assert reason in said
    assert "audio_preprocess_enabled=True" in said


async def refusal_of(audio_bytes: bytes, config: GatewayConfig) -> str:
    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(audio_bytes, config)
    assert caught.value.error_type == "invalid_audio"
    assert caught.value.message.endswith(".")
    assert caught.value.hint.endswith(".")
    return str(caught.value)


async def test_what_is_promised_is_used_on_demand_where_more_follows() -> None:
    upload = await prepare_upload(WRONG_LENGTH["a second with a minute behind it"][0], ALWAYS)

    assert upload.data == wav_file(TONE)


async def test_what_is_there_is_used_on_demand_where_gigabytes_are_promised() -> None:
    upload = await prepare_upload(wav_file(TONE, data_size=4_000_000_000), ALWAYS)

    assert upload.data == wav_file(TONE)


@pytest.mark.parametrize(
    "stated",
    [encoding(bits=24, block=4), extensible(valid_bits=24, bits=32), extensible(valid_bits=20, bits=32)],
    ids=["plain", "extensible", "20 bits"],
)
@pytest.mark.parametrize("config", [AUTO, NEVER], ids=["auto", "never"])
async def test_samples_of_24_bits_in_four_bytes_are_heard(stated: bytes, config: GatewayConfig) -> None:
    """As sound cards deliver them: ffmpeg takes this header for another encoding, and hears silence."""
    samples = b"".join(struct.pack("<i", sample << 16) for (sample,) in struct.iter_unpack("<h", TONE))

    upload = await prepare_upload(wav_file(samples, encoding=stated), config)

    heard = decode(upload.data, threading.Event())
    assert heard.max() * 32768 == 8000


@pytest.mark.parametrize("bits", [8, 24, 32])
async def test_nothing_is_sent_with_an_untrue_header_where_nothing_is_normalized(bits: int) -> None:
    samples = random.Random(20).randbytes(16000 * bits // 8)
    untrue = wav_file(samples, data_size=0xFFFFFFFF, encoding=encoding(bits=bits, per_second=7))

    upload = await prepare_upload(untrue, NEVER)

    assert upload.data == wav_file(samples, encoding=encoding(bits=bits))


@pytest.mark.parametrize("stated", [encoding(), extensible(valid_bits=16)], ids=["plain", "extensible"])
async def test_a_true_header_with_all_that_is_around_the_sound_is_sent_as_it_is(stated: bytes) -> None:
    around = chunk(b"LIST", b"INFO")
    tidy = wav_file(TONE, before_data=chunk(b"bext", b"by me"), after=around, encoding=stated)

    assert (await prepare_upload(tidy, NEVER)).data == tidy


async def test_a_compressed_wav_keeps_the_header_that_decodes_it() -> None:
    adpcm = encoding(tag=2, bits=4, block=256, per_second=8110) + struct.pack("<H", 0)
    untrue = wav_file(TONE, riff_size=7, data_size=0xFFFFFFFF, encoding=adpcm)

    assert (await prepare_upload(untrue, NEVER)).data == wav_file(TONE, encoding=adpcm)


def test_any_header_is_used_as_far_as_there_is_sound_or_refused() -> None:
    chance = random.Random(20)
    for _ in range(5000):
        mutated = bytearray(wav_file(TONE[:8000], before_data=chunk(b"LIST", b"INFO")))
        for _ in range(chance.randint(1, 6)):
            mutated[chance.randrange(64)] = chance.choice((0, 1, 2, 127, 128, 254, 255))
        with contextlib.suppress(AudioProcessingError):
            recording = recognize(bytes(mutated))
            assert recording.sound_start + recording.sound_bytes <= len(mutated)
