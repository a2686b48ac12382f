"""The sound with which servers are tried out."""

import io
import struct
import wave

from ipy_gateway.core.doctor.sample_sound import sample_sound
from ipy_gateway.core.recordings.recording_kinds import recognize


def test_it_is_a_second_of_what_every_server_takes() -> None:
    sound = sample_sound()

    recording = recognize(sound.data)
    with wave.open(io.BytesIO(sound.data)) as wav:
        assert wav.getparams()[:4] == (1, 2, 16_000, 16_000)
    assert recording.container == sound.format == "wav"
    assert recording.has_true_header
    assert recording.duration_s == sound.duration_s == 1.0


def test_it_is_loud_and_never_clipped_and_has_syllables() -> None:
    samples = [abs(value) for (value,) in struct.iter_unpack("<h", sample_sound().data[44:])]
    middles = [max(samples[start + 1500 : start + 2500]) for start in range(0, 16_000, 4_000)]
    edges = [max(samples[start : start + 100]) for start in range(0, 16_000, 4_000)]

    assert max(samples) <= 8_000
    assert min(middles) > 4_000
    assert max(edges) < 200
