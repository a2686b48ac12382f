"""Words that two windows heard, said once."""

import pytest

from ipy_gateway.core.transcribing.seams import Seam, without_doubled
from ipy_gateway.core.transcripts.transcription import Segment, Word

BLIND = Seam(8.0, 10.0, has_times=False)
TIMED = Seam(8.0, 10.0, has_times=True)


def one(text: str, start_s: float, end_s: float) -> list[Segment]:
    return [Segment(start_s, end_s, text)]


def timed(text: str, start_s: float) -> list[Segment]:
    """A word every half second."""
    words = [Word(start_s + i / 2, start_s + i / 2 + 0.4, word) for i, word in enumerate(text.split())]
    return [Segment(words[0].start_s, words[-1].end_s, text, tuple(words))]


def text_of(*sides: tuple[Segment, ...]) -> str:
    return " ".join(segment.text for side in sides for segment in side)


@pytest.mark.parametrize(
    ("before", "after", "whole"),
    [
        ("the quick brown fox jumps", "brown fox jumps over", "the quick brown fox jumps over"),
        ("one two three fo", "too three four five", "one two three four five"),
        ("He said: No, thanks", "no thanks and he left", "He said: No, thanks and he left"),
        ("one two", "three four", "one two three four"),
        ("", "one two", "one two"),
        ("one two", "", "one two"),
        ("a b c d e x", "y d e f g", "a b c d e f g"),
        ("and the cat", "the cat and the dog", "and the cat and the dog"),
        ("今日はとても天気が", "天気がいいですね", "今日はとても天気がいいですね"),
    ],
)
def test_what_both_heard_is_there_once(before: str, after: str, whole: str) -> None:
    earlier = one(before, 0, 10) if before else []
    later = one(after, 8, 18) if after else []

    joined = text_of(*without_doubled(earlier, later, BLIND))

    assert joined.replace(" ", "") == whole.replace(" ", "") if "今" in whole else joined == whole


def test_repeated_words_are_told_apart_by_their_times() -> None:
    earlier, later = timed("no " * 20, 0.0), timed("no " * 20, 8.0)  # four of them are the same

    before, after = without_doubled(earlier, later, TIMED)

    assert len(text_of(before, after).split()) == 36
    assert before[-1].end_s <= after[0].start_s


def test_without_a_common_word_the_times_decide() -> None:
    earlier, later = timed("a b c d e f g h i j k l m n o p q r s t", 0.0), timed("1 2 3 4 5 6 7 8", 8.0)

    before, after = without_doubled(earlier, later, TIMED)

    assert text_of(before, after) == "a b c d e f g h i j k l m n o p q r 3 4 5 6 7 8"


def test_what_only_one_of_them_heard_is_kept() -> None:
    earlier, later = timed("a b c d e f", 0.0), timed("1 2 3 4", 8.0)

    assert text_of(*without_doubled(earlier, later, TIMED)) == "a b c d e f 1 2 3 4"


def test_a_cut_segment_keeps_its_words_and_gets_their_times() -> None:
    earlier = timed("a b c d e f g h i j k l m n o p q r s t", 0.0)
    later = timed("q r s t u v", 8.0)

    before, after = without_doubled(earlier, later, TIMED)

    for (segment,) in (before, after):
        assert segment.text.split() == [word.text for word in segment.words]
        assert (segment.start_s, segment.end_s) == (segment.words[0].start_s, segment.words[-1].end_s)


def test_whole_segments_in_the_overlap_go() -> None:
    earlier = [Segment(0, 8, "a b c d"), Segment(8, 9.9, "e f g h")]
    later = [Segment(8, 9.9, "E f, g h."), Segment(10, 12, "i j")]

    before, after = without_doubled(earlier, later, TIMED)

    assert text_of(before, after).casefold().replace(",", "").replace(".", "") == "a b c d e f g h i j"


def test_nothing_but_punctuation_is_no_common_word() -> None:
    assert text_of(*without_doubled(one("a b —", 0, 10), one("— c d", 8, 18), BLIND)) == "a b — — c d"
