"""A long recording is written down as well as faster-whisper does it in one go, and with better times.

Three minutes of it here; for 25 minutes run `pytest -m long tests/local/test_long_proofs.py`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from faster_whisper import WhisperModel

from ipy_gateway import GatewayConfig, TranscriptionProgress, transcribe

from ..conftest import Clip
from ..support.long_speech import (
    LongSpeech,
    Sentence,
    interview_sentences,
    sentence_of,
    with_pauses,
    without_a_pause,
)
from ..support.sentences_heard import check
from ..support.tones import RATE_HZ, wav
from ..support.word_error_rate import word_errors, words

SHORT_S, LONG_S = 181, 1500
NUMBER = re.compile("two|five|eight|tenth|thirty|sixty|ninety")


@pytest.fixture(scope="module")
def sentences(clips: list[Clip], interview: Path) -> list[Sentence]:
    """What is said in the recordings, by a human voice and by two others.

    Those with numbers are left out: whether "8" or "eight" is written is chance.
    """
    human = [sentence_of(clip.path, clip.reference) for clip in clips]
    return [one for one in [*human, *interview_sentences(interview)] if not NUMBER.search(one.text)]


@pytest.mark.parametrize("speech", [with_pauses, without_a_pause])
@pytest.mark.parametrize(
    ("length_s", "window_s"),
    [(SHORT_S, 60), pytest.param(LONG_S, None, marks=pytest.mark.long)],
    ids=["three minutes", "25 minutes"],
)
async def test_no_word_is_lost_at_a_cut_and_times_are_right(
    sentences: list[Sentence],
    speech: Callable[[Sequence[Sentence], float], LongSpeech],
    length_s: float,
    window_s: float | None,
    speech_model: Path,
    tmp_path: Path,
) -> None:
    recording = speech(sentences, length_s)
    path = tmp_path / "talk.wav"
    path.write_bytes(recording.wav)
    told: list[TranscriptionProgress] = []

    transcript = await transcribe(path, GatewayConfig(window_s=window_s), on_progress=told.append)
    model = WhisperModel(str(speech_model), device="cpu", compute_type="int8")
    direct = "".join(segment.text for segment in model.transcribe(str(path))[0])

    spoken_words = len(words(recording.text))
    ours, theirs = (word_errors(recording.text, text) / spoken_words for text in (transcript.text, direct))
    found = check(recording.spoken, transcript.segments)
    at_cuts = found.near(progress.done_s for progress in told[:-1])
    error_s = np.percentile(found.errors_s, 95)
    print(
        f"{recording.duration_s:.0f} s, {len(recording.spoken)} sentences, {len(told)} windows: word errors "
        f"{ours:.1%}, faster-whisper {theirs:.1%}; {len(found.dropped)} sentences dropped, "
        f"{len(found.doubled)} doubled; {len(found.errors_s)} times, 95 % of them within {error_s:.2f} s"
    )
    assert ours <= theirs + 0.01
    assert (at_cuts.dropped, at_cuts.doubled) == ((), ())
    assert error_s <= 0.3
    assert len(found.errors_s) > len(recording.spoken)
    assert len(told) > 3
    assert (transcript.gaps, transcript.source, transcript.server) == ((), "talk.wav", "local://engine")


async def test_what_a_decoder_jumps_over_is_heard(sentences: list[Sentence], tmp_path: Path) -> None:
    """Here Whisper tiny.en jumps from the first time that a sentence is said to behind the second."""
    recording = without_a_pause(sentences, LONG_S)
    said = [one for one in recording.spoken if 651.0 < one.start_s < 674.0]
    path = tmp_path / "talk.wav"
    start, end = (round(time_s * RATE_HZ) for time_s in (said[0].start_s, said[-1].end_s))
    path.write_bytes(wav(recording.samples[start:end].tobytes()))

    transcript = await transcribe(path, GatewayConfig())

    spoken = tuple(
        replace(one, start_s=one.start_s - said[0].start_s, end_s=one.end_s - said[0].start_s) for one in said
    )
    assert check(spoken, transcript.segments).dropped == ()
