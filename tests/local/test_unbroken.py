"""Speech that goes on without a pause is cut where no word is."""

import numpy as np

from ipy_gateway.local.packing import CLIP_S
from ipy_gateway.local.silence import SAMPLE_RATE_HZ, Span
from ipy_gateway.local.unbroken import in_clips

LONGEST = CLIP_S * SAMPLE_RATE_HZ


def test_a_long_stretch_is_cut_in_the_quietest_of_the_short_hushes_between_its_words() -> None:
    sound = np.random.default_rng(1).normal(0, 0.1, 70 * SAMPLE_RATE_HZ).astype(np.float32)
    for hush_s, loudness in ((24, 0.5), (27, 0.01), (49, 0.01)):
        middle = hush_s * SAMPLE_RATE_HZ
        sound[middle - SAMPLE_RATE_HZ // 20 : middle + SAMPLE_RATE_HZ // 20] *= loudness

    clips = list(in_clips([Span(SAMPLE_RATE_HZ, len(sound))], sound))

    edges = [clips[0].start, *(clip.end for clip in clips)]
    assert [clip.start for clip in clips] == edges[:-1]
    assert [round(edge / SAMPLE_RATE_HZ, 1) for edge in edges] == [1, 27, 49, 70]


def test_no_clip_is_longer_than_half_a_minute_and_nothing_is_left_out_where_all_is_equally_loud() -> None:
    clips = list(in_clips([Span(0, 5 * LONGEST)], np.ones(5 * LONGEST, np.float32)))

    assert max(clip.length for clip in clips) <= LONGEST
    assert sum(clip.length for clip in clips) == 5 * LONGEST


def test_what_is_short_enough_is_left_as_it_is() -> None:
    spans = [Span(0, LONGEST), Span(LONGEST + 1000, 2 * LONGEST)]

    assert list(in_clips(spans, np.zeros(2 * LONGEST, np.float32))) == spans
