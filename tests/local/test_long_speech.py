"""The embedded engine and a recording that is longer than one window."""

import wave
from pathlib import Path

import ipy_gateway
from ipy_gateway import GatewayConfig, TranscriptionProgress

from ..support.word_error_rate import word_errors, words

TIMES = 3


async def test_minutes_of_speech_are_heard_window_by_window(
    interview: Path, speech_model: Path, tmp_path: Path
) -> None:
    long = tmp_path / "long.wav"
    with wave.open(str(interview), "rb") as source, wave.open(str(long), "wb") as target:
        target.setparams(source.getparams())
        samples = source.readframes(source.getnframes())
        for _ in range(TIMES):
            target.writeframes(samples)
    told: list[TranscriptionProgress] = []

    transcript = await ipy_gateway.transcribe(long, GatewayConfig(window_s=40), on_progress=told.append)

    lines = interview.with_suffix(".txt").read_text().splitlines()
    spoken = " ".join([line.partition(": ")[2] for line in lines] * TIMES)
    starts_s = [segment.start_s for segment in transcript.segments]
    assert word_errors(spoken, transcript.text) < 0.15 * len(words(spoken))
    assert len(told) > TIMES
    assert transcript.gaps == ()
    assert starts_s == sorted(starts_s)
    assert starts_s[-1] > 0.9 * (transcript.duration_s or 0)
    assert (transcript.source, transcript.server) == ("long.wav", "local://engine")
