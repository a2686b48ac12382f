"""Parts of a transcript: what is said between two times, and where something is said."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipy_gateway import Gap, InvalidRequestError, Match, Segment, Transcript, Word

from ..support.transcripts import transcripts

WORDS = (Word(0.0, 1.0, "Good"), Word(1.0, 2.0, "morning"), Word(4.0, 5.0, "everybody"))
GREETING = Segment(0.0, 5.0, "Good morning, everybody!", WORDS, "Anna")
QUESTION = Segment(5.0, 8.0, "How are you?", speaker="Ben")
TALK = Transcript(
    "Good morning, everybody! How are you?",
    (GREETING, QUESTION),
    duration_s=10,
    source="talk.m4a",
    gaps=(Gap(8, 10, "no answer"),),
)


def test_a_part_has_the_segments_in_it_with_the_times_of_the_recording() -> None:
    part = TALK[5:8]

    assert part.segments == (QUESTION,)
    assert part.text == "How are you?"
    assert part.gaps == ()
    assert (part.source, part.duration_s) == ("talk.m4a", 10)


def test_a_segment_is_cut_between_its_words_and_keeps_its_speaker() -> None:
    assert TALK[0:3].segments == (Segment(0.0, 2.0, "Good morning,", WORDS[:2], "Anna"),)
    assert TALK[3:5].segments == (Segment(4.0, 5.0, "everybody!", WORDS[2:], "Anna"),)


def test_a_word_on_the_border_is_in_the_part_of_its_middle() -> None:
    assert TALK[0:1.4].text == "Good"
    assert TALK[0:1.6].segments[0].words[-1] == Word(1.0, 1.6, "morning")


def test_a_segment_without_words_is_cut_where_a_word_is_to_be_expected() -> None:
    assert TALK[5:6].text == "How"
    assert TALK[6:8].text == "are you?"


def test_a_script_without_blanks_is_cut_between_characters() -> None:
    transcript = Transcript("今日は、いい天気です。", (Segment(0, 11, "今日は、いい天気です。"),))

    assert transcript[0:4].text == "今日は、"
    assert transcript[4:].text == "いい天気です。"


def test_negative_times_count_from_the_end_of_the_recording() -> None:
    assert TALK[-5:].text == "How are you?"
    assert TALK[-5:].gaps == (Gap(8, 10, "no answer"),)
    assert TALK[-100:] == TALK


def test_a_gap_is_cut_with_the_part() -> None:
    assert TALK.between(9).gaps == (Gap(9, 10, "no answer"),)


def test_the_whole_keeps_its_text_as_the_server_gave_it() -> None:
    transcript = Transcript(
        "Good morning.\nAnd so on.", (Segment(0, 1, "Good morning."), Segment(1, 2, "And so on."))
    )

    assert transcript[:] == transcript


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (
            lambda: TALK[5],  # type: ignore[index]  # what is tried
            "A transcript is sliced by two times, in seconds. Write transcript[60:120].",
        ),
        (lambda: TALK[::2], "A transcript is sliced by two times"),
        (lambda: TALK["a":"b"], "A transcript can't be sliced by 'a'."),
        (lambda: TALK[3:2], "The end_s of the part of the transcript is 2, before its start_s, 3."),
        (lambda: TALK.between(11), "is 10, before its start_s, 11."),
        (lambda: TALK.between(-1, 2), "is -1, which is no time."),
        (lambda: TALK.between(0, float("nan")), "is nan, which is no time."),
        (lambda: Transcript("Good morning.")[0:1], "The transcript has no times to be cut by."),
    ],
)
def test_what_is_no_part_is_refused_in_a_sentence(part: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        part()

    assert sentence in str(refused.value)


def test_the_search_finds_every_place_with_its_time() -> None:
    found = TALK.search("EVERYBODY")

    assert found == (Match(0, 4.0, "everybody", "Good morning, everybody! How are you?"),)
    assert str(found[0]) == "[0:04] Good morning, everybody! How are you?"
    assert TALK.search("EVERYBODY", ignore_case=False) == ()


def test_the_search_goes_across_the_borders_of_segments() -> None:
    assert [(match.segment_index, match.start_s) for match in TALK.search("everybody! how")] == [(0, 4.0)]
    split = Transcript("東京都", (Segment(0, 1, "東京"), Segment(1, 2, "都")))
    assert [match.text for match in split.search("京都")] == ["京都"]


def test_blanks_of_any_kind_are_the_same_to_the_search() -> None:
    assert [match.text for match in Transcript("New\n York").search("new york")] == ["New\n York"]


def test_the_search_takes_words_as_they_are_unless_told_that_they_are_a_pattern() -> None:
    transcript = Transcript("1.5 and 115", (Segment(0, 11, "1.5 and 115"),))

    assert [match.start_s for match in transcript.search("1.5")] == [0.0]
    assert [match.start_s for match in transcript.search("1.5", regex=True)] == [0.0, 8.0]


def test_a_transcript_without_segments_is_searched_too() -> None:
    long = "a " * 100 + "needle" + " b" * 100

    (match,) = Transcript(long).search("needle")

    assert (match.segment_index, match.start_s) == (None, None)
    assert str(match) == f"…{'a ' * 20}needle{' b' * 20}…"


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (" ", "There is nothing to search for."),
        (None, "nothing to search"),
        ("(", "'(' is no regular expression"),
    ],
)
def test_what_can_not_be_searched_for_is_refused_in_a_sentence(query: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence.replace("(", r"\(")):
        TALK.search(query, regex=True)


TIMES_S = st.floats(0, 100)


@given(transcripts(), TIMES_S, TIMES_S)
def test_the_segments_and_words_of_any_part_are_inside(
    transcript: Transcript, one_s: float, other_s: float
) -> None:
    start_s, end_s = sorted((one_s, other_s))

    part = transcript.between(start_s, end_s)

    for segment in part.segments:
        assert start_s <= segment.start_s <= segment.end_s <= end_s


@given(transcripts(), st.lists(TIMES_S, max_size=5))
def test_parts_that_follow_each_other_have_every_character_once(
    transcript: Transcript, cuts_s: list[float]
) -> None:
    borders = [0.0, *sorted(cuts_s), 10.0**9]

    parts = [transcript.between(start_s, end_s) for start_s, end_s in pairwise(borders)]

    said = "".join(segment.text for segment in transcript.segments)
    in_parts = "".join(segment.text for part in parts for segment in part.segments)
    assert sorted("".join(in_parts.split())) == sorted("".join(said.split()))


def test_a_word_at_the_very_end_of_a_segment_that_is_cut_there_is_kept() -> None:
    transcript = Transcript("I I I", (Segment(0, 2, "I I I", (Word(2, 2, "I"),)),))

    parts = [transcript.between(start_s, start_s + 1) for start_s in range(3)]

    assert "".join(segment.text for part in parts for segment in part.segments).replace(" ", "") == "III"
    assert [word for part in parts for segment in part.segments for word in segment.words] == [
        Word(2, 2, "I")
    ]


@given(transcripts(), TIMES_S, TIMES_S)
def test_a_part_of_a_part_is_the_part(transcript: Transcript, one_s: float, other_s: float) -> None:
    start_s, end_s = sorted((one_s, other_s))

    part = transcript.between(start_s, end_s)

    assert part.between(start_s, end_s) == part
