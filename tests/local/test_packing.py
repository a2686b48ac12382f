"""Speech in packs of half minutes, and where in the recording a word of a pack is."""

import threading

import numpy as np
import pytest
from numpy.typing import NDArray

from ipy_gateway.local.packing import Pack, packs
from ipy_gateway.local.silence import SAMPLE_RATE_HZ, Span, speech_spans


def span(start_s: float, end_s: float) -> Span:
    return Span(round(start_s * SAMPLE_RATE_HZ), round(end_s * SAMPLE_RATE_HZ))


def noise(seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(0, 0.1, round(seconds * SAMPLE_RATE_HZ)).astype(np.float32)


def test_a_clip_is_filled_with_speech_alone() -> None:
    spans = [span(0, 12), span(20, 30), span(40, 45), span(50, 60)]

    (pack,) = packs(spans, clips=4, at_once=1)

    assert pack.clips == ((span(0, 12), span(20, 30), span(40, 45)), (span(50, 60),))
    assert pack.bounds_s == [(0.0, 27.0), (27.0, 37.0)]
    assert len(pack.samples(noise(60))) == 37 * SAMPLE_RATE_HZ


@pytest.mark.parametrize(
    ("clips", "sizes"), [(1, [1]), (2, [1, 1]), (3, [2, 1]), (8, [4, 4]), (11, [4, 4, 2, 1]), (0, [])]
)
def test_packs_that_are_heard_at_once_have_equal_shares(clips: int, sizes: list[int]) -> None:
    spans = [span(40 * place, 40 * place + 29) for place in range(clips)]

    packed = list(packs(spans, clips=4, at_once=2))

    assert [len(pack.clips) for pack in packed] == sizes
    assert [clip for pack in packed for clip in pack.clips] == [(one,) for one in spans]


@pytest.mark.parametrize(
    ("in_pack", "in_recording"),
    [
        ((1.0, 2.0), (1.0, 2.0)),
        ((13.0, 14.0), (21.0, 22.0)),
        ((11.9, 12.5), (20.0, 20.5)),  # mostly of the second span: it begins with it
        ((11.5, 12.1), (11.5, 12.0)),  # mostly of the first one: it ends with it
    ],
)
def test_a_word_is_where_its_middle_is(
    in_pack: tuple[float, float], in_recording: tuple[float, float]
) -> None:
    pack = Pack(((span(0, 12), span(20, 30)),))

    assert pack.in_recording(*in_pack) == pytest.approx(in_recording)


def test_no_speech_is_found_in_silence_and_none_is_packed() -> None:
    silence = np.zeros(20 * SAMPLE_RATE_HZ, np.float32)

    assert list(packs(speech_spans(silence, threading.Event()), clips=4, at_once=2)) == []
