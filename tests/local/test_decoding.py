"""What the embedded engine decodes itself: whatever a file says of itself, samples or one sentence come."""

import random
import subprocess
import threading
import tracemalloc

import imageio_ffmpeg
import numpy
import pytest

from ipy_gateway.core.exceptions import AudioProcessingError
from ipy_gateway.local.decoding import decode

from ..core.test_recording import ENCODED, chunk, encode_everywhere, wav_file
from ..support.bombs import aiff, bombs

MAX_DURATION_S = 60.0


class CountingEvent(threading.Event):
    """Never set; it counts how often that was looked up, which is once for each piece of sound."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return super().is_set()


@pytest.fixture(scope="module")
def hours_of_silence() -> dict[str, bytes]:
    return bombs()


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return encode_everywhere(tmp_path_factory.mktemp("encoded"))


def seconds_of(audio_bytes: bytes) -> float:
    return len(decode(audio_bytes, threading.Event(), max_duration_s=MAX_DURATION_S)) / 16_000


@pytest.mark.parametrize("name", ENCODED)
def test_every_format_is_decoded(encoded: dict[str, bytes], name: str) -> None:
    samples = decode(encoded[name], threading.Event())

    assert (samples.dtype, samples.ndim) == (numpy.float32, 1)
    assert len(samples) == pytest.approx(16_000, rel=0.15)  # codecs pad
    assert 3000 < samples.max() * 32768 < 6000  # ffmpeg's tone has an amplitude of 4096


@pytest.mark.parametrize("name", ["flac", "aac", "ogg", "mp3"])
def test_hours_in_a_small_file_are_refused_when_the_limit_is_reached(
    name: str, hours_of_silence: dict[str, bytes]
) -> None:
    cancelled = CountingEvent()
    limit_bytes = int(2 * 16_000 * MAX_DURATION_S)
    tracemalloc.start()

    with pytest.raises(AudioProcessingError) as caught:
        decode(hours_of_silence[name], cancelled, max_duration_s=MAX_DURATION_S)

    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.message == (
        "The recording is over 0.0166667 hours long, which is the most that is taken."
    )
    assert caught.value.error_type == "audio_too_large"
    assert 0 < cancelled.asked < 10_000  # a piece has 20 ms at least, and there are three hours of them
    assert peak_bytes < 2 * limit_bytes + 1_000_000


def test_the_limit_itself_is_taken() -> None:
    assert seconds_of(wav_file(bytes(2 * 16_000 * 60))) == 60.0


@pytest.mark.parametrize("rate_hz", [1, 999, 2**31 - 1])
def test_a_rate_that_is_no_sounds_is_refused_before_anything_is_resampled(rate_hz: int) -> None:
    cancelled = CountingEvent()

    with pytest.raises(AudioProcessingError, match=f"sample rate of {rate_hz:,} Hz"):
        decode(aiff(100_000, rate_hz=rate_hz), cancelled)

    assert cancelled.asked == 0


@pytest.mark.parametrize(
    "encoding", [["-write_xing", "0", "-id3v2_version", "0", "-f", "mp3"], ["-f", "adts"]]
)
def test_recordings_of_two_rates_that_were_joined_are_heard_to_the_end(encoding: list[str]) -> None:
    joined = tone(2, *encoding, "-ar", "44100", "-ac", "1") + tone(3, *encoding, "-ar", "16000", "-ac", "2")

    assert seconds_of(joined) == pytest.approx(5.0, abs=0.3)


def tone(duration_s: int, *encoding: str) -> bytes:
    source = ["-f", "lavfi", "-i", f"sine=duration={duration_s}"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *source, *encoding, "-"]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout


def test_a_title_in_another_encoding_is_no_reason_to_refuse_the_sound() -> None:
    title = chunk(b"LIST", b"INFO" + chunk(b"INAM", "Gespräch über Käse".encode("latin-1")))

    assert seconds_of(wav_file(before_data=title)) == 1.0


def test_damaged_recordings_become_samples_or_one_sentence(encoded: dict[str, bytes]) -> None:
    chance = random.Random(20)
    outcomes = {outcome_of(damaged(chance, encoded)) for _ in range(500)}

    assert "" in outcomes
    assert len(outcomes) > 5
    assert all(len(said) < 300 and said.isprintable() for said in outcomes)


def damaged(chance: random.Random, encoded: dict[str, bytes]) -> bytes:
    damaged = bytearray(chance.choice(list(encoded.values())))
    for _ in range(chance.randint(1, 10)):
        start = chance.randrange(min(len(damaged), chance.choice((64, 1000, 100_000))))
        damaged[start] = chance.choice((0, 1, 127, 128, 254, 255))
    return bytes(damaged)


def outcome_of(audio_bytes: bytes) -> str:
    try:
        decode(audio_bytes, threading.Event(), max_duration_s=MAX_DURATION_S)
    except AudioProcessingError as error:
        return str(error)
    return ""
