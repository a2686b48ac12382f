"""The value of a transcript: what it holds, and what it refuses."""

import dataclasses
from typing import Any

import httpx
import pytest

from ipy_gateway import Gap, GatewayConfig, InvalidRequestError, Segment, Transcript, Word
from ipy_gateway.core.transcribing.transcriptions import parse_transcription
from ipy_gateway.core.transcripts.transcription import Transcription

MORNING = Segment(0.0, 1.5, "Good morning.", (Word(0.0, 0.5, "Good"), Word(0.6, 1.5, "morning")), "Anna")
NIGHT = Segment(2.0, 3.0, "Good night.")


def test_a_transcript_reads_as_its_text() -> None:
    assert str(Transcript("Good morning.", (MORNING,))) == "Good morning."


def test_a_transcript_can_be_a_key_and_not_be_changed() -> None:
    transcript = Transcript("Good morning.", [MORNING])  # type: ignore[arg-type]  # a list becomes a tuple

    assert {transcript: 1}[Transcript("Good morning.", (MORNING,))] == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        transcript.text = "Good night."  # type: ignore[misc]  # what is tried


def test_the_repr_is_one_short_line() -> None:
    transcript = Transcript(
        "Many words. " * 10_000,
        (MORNING, NIGHT),
        source="talk.m4a",
        duration_s=3753,
        gaps=(Gap(3, 9, "noise"),),
    )

    assert repr(transcript) == (
        "<Transcript of 'talk.m4a': 2 segments, 1:02:33, 1 gap, "
        "'Many words. Many words. Many words. Many words. Many words.…'>"
    )
    assert repr(Transcript("")) == "<Transcript: 0 segments, ''>"


def test_a_transcription_becomes_a_transcript_with_its_segments_in_order() -> None:
    transcription = Transcription("Good morning. Good night.", (NIGHT, MORNING), "en", 4.0, True)

    transcript = Transcript.from_transcription(
        transcription, source="talk.m4a", model="tiny", server="http://host", seconds=0.5
    )

    assert transcript == Transcript(
        "Good morning. Good night.",
        (MORNING, NIGHT),
        language="en",
        duration_s=4.0,
        source="talk.m4a",
        model="tiny",
        server="http://host",
        seconds=0.5,
        cut_off=True,
    )
    assert [word.text for word in transcript.words] == ["Good", "morning"]


def json_answer(text: str) -> httpx.Response:
    return httpx.Response(200, text=text, headers={"Content-Type": "application/json"})


@pytest.mark.parametrize(
    "answer",
    [
        json_answer('{"text": "a", "duration": 1e300, "segments": [{"text": "a", "start": 1e99}]}'),
        json_answer(r'{"text": "a\ud800", "segments": [{"text": "\ud800", "start": 2, "end": 1}]}'),
        json_answer('{"text": "a", "words": [{"word": "a", "start": "nan", "end": -1}]}'),
        httpx.Response(200, text="1\n999999:00:00,000 --> 999999:00:01,000\na\n"),
    ],
)
def test_whatever_a_server_says_becomes_a_transcript(answer: httpx.Response) -> None:
    said = parse_transcription(answer, "http://host", GatewayConfig(), takes_plain_text=True)

    transcript = Transcript.from_transcription(said)

    assert Transcript.from_json(transcript.to_json()) == transcript


def test_a_gap_reads_as_a_mark() -> None:
    assert str(Gap(30, 3600.9, "no answer")) == "[gap from 0:30 to 1:00:00: no answer]"


def test_a_transcript_is_no_list_of_anything() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        iter(Transcript("Good"))  # type: ignore[call-overload]  # what is tried


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"text": None}, "The text of the transcript is None. Give a text."),
        ({"text": "\ud800"}, "The text of the transcript holds half of a surrogate pair"),
        ({"language": 5}, "The language of the transcript is a value of type int."),
        ({"duration_s": -1}, "The duration_s of the transcript is -1, which is no time."),
        ({"duration_s": float("nan")}, "The duration_s of the transcript is nan, which is no time."),
        ({"seconds": True}, "The seconds of the transcript is True, which is no time."),
        ({"duration_s": 10**400}, "The duration_s of the transcript is 1000"),
        ({"segments": "abc"}, "The segments are no list but a value of type str."),
        ({"segments": None}, "The segments are no list but None."),
        ({"segments": [NIGHT, "b"]}, "The segments hold a value of type str. Give values of Segment alone."),
        ({"segments": [NIGHT, MORNING]}, "segment 2 begins at 0.0 s, the one before it at 2.0 s."),
        ({"segments": [Segment(2, 1, "a")]}, "The end_s of the segment 1 is 1, before its start_s, 2."),
        ({"segments": [Segment(0, float("inf"), "a")]}, "The end_s of the segment 1 is inf"),
        ({"segments": [Segment(0, 1, "a", (Word(-1, 0, "a"),))]}, "of the word 'a' of segment 1 is -1"),
        ({"segments": [Segment(0, 1, "a", speaker=0)]}, "speaker of the segment 1"),  # type: ignore[arg-type]
        ({"gaps": [Gap(1, 2, None)]}, "The reason of the gap 1 is None."),  # type: ignore[arg-type]
        ({"gaps": [Gap(1, 2, "a"), Gap(0, 2, "b")]}, "The gaps are out of order"),
    ],
)
def test_what_is_no_transcript_is_refused_in_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Transcript(**{"text": "", **values})

    assert sentence in str(refused.value)
    assert refused.value.hint
