"""Transcripts as subtitles: which words stand on which lines, when, and how files hold them."""

import datetime
import io
import re
import subprocess
import unicodedata
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import imageio_ffmpeg
import pytest
import srt
import webvtt
from hypothesis import given

from ipy_gateway import Gap, InvalidRequestError, Segment, Transcript, Word
from ipy_gateway.core.transcripts.subtitle_cues import Cue, cues_of
from ipy_gateway.core.transcripts.subtitles import read_subtitles

from ..support.transcripts import transcripts


def said(*segments: Segment, gaps: tuple[Gap, ...] = ()) -> Transcript:
    return Transcript(" ".join(segment.text for segment in segments), segments, gaps=gaps)


def cues(*segments: Segment) -> list[Cue]:
    return cues_of(said(*segments), has_labels=True)


def lines_of(text: str, duration_s: float = 5) -> list[tuple[str, ...]]:
    return [cue.lines for cue in cues(Segment(0, duration_s, text))]


def times_of(*segments: Segment) -> list[tuple[int, int]]:
    return [(cue.start_ms, cue.end_ms) for cue in cues(*segments)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("One short line.", ("One short line.",)),
        (
            "We left early in the morning, and we came home late.",
            ("We left early in the morning,", "and we came home late."),
        ),
        (
            "They were certain that it would work because it had before.",
            ("They were certain that it would work", "because it had before."),
        ),
        (
            "It was heard by about 1 000 000 people as Dr. Smith said",
            ("It was heard by about 1 000 000 people", "as Dr. Smith said"),
        ),
        (
            "天気がいいので東京の公園に行きました。とても楽しかったです。",
            ("天気がいいので東京の公園に行きました。", "とても楽しかったです。"),
        ),
        (
            "צריך לדבר על זה עכשיו, לפני שיהיה מאוחר מדי בשבילנו",
            ("צריך לדבר על זה עכשיו,", "לפני שיהיה מאוחר מדי בשבילנו"),
        ),
        (
            "نحن نعرف الآن أن كل شيء سيكون على ما يرام، وسوف نعود",
            ("نحن نعرف الآن أن كل شيء سيكون على ما يرام،", "وسوف نعود"),
        ),
    ],
)
def test_a_line_ends_where_a_reader_would_pause(text: str, lines: tuple[str, ...]) -> None:
    assert lines_of(text) == [lines]


def test_a_word_is_broken_where_no_line_holds_it_alone() -> None:
    assert lines_of("https://example.org/" + "a" * 50) == [("https://example.org/" + "a" * 22, "a" * 28)]


@pytest.mark.parametrize("count", range(15, 30))
def test_a_mark_that_closes_never_begins_a_line(count: int) -> None:
    shown = cues(Segment(0, 9, "中" * count + "。" + "文" * count))

    assert not [line for cue in shown for line in cue.lines if line.startswith("。")]


def test_words_of_the_server_stay_whole_in_a_script_without_blanks() -> None:
    words = tuple(Word(float(start), start + 1.0, "สวัสดี") for start in range(6))

    (cue,) = cues(Segment(0, 6, "สวัสดี" * 6, words))

    assert {len(line) % len("สวัสดี") for line in cue.lines} == {0}


def test_a_long_segment_is_split_at_the_times_of_its_words() -> None:
    first, second = "Nobody knew what to say about it at first.", "Then somebody laughed."
    words = tuple(
        Word(start_s + number * 0.2, start_s + number * 0.2 + 0.2, word)
        for start_s, sentence in ((1.0, first), (9.0, second))
        for number, word in enumerate(sentence.split())
    )

    shown = cues(Segment(0, 12, f"{first} {second}", words))

    assert [(cue.start_ms, cue.lines) for cue in shown] == [(1000, (first,)), (9000, (second,))]


def test_words_without_times_are_shown_in_proportion() -> None:
    text = "First this is said in the recording. Second this is said in the recording."

    assert times_of(Segment(0, 12, text)) == [
        (0, pytest.approx(5800, abs=200)),
        (pytest.approx(5900, abs=200), 12000),
    ]


def test_a_subtitle_lasts_long_enough_to_be_seen_and_no_longer_than_seven_seconds() -> None:
    assert times_of(Segment(0, 0.1, "Yes."), Segment(10, 60, "No.")) == [(0, 833), (10_000, 17_000)]


def test_a_subtitle_stays_until_it_is_read_where_nothing_follows() -> None:
    assert times_of(Segment(0, 1, "x" * 34)) == [(0, 2000)]


def test_two_frames_are_between_subtitles_that_follow_at_once() -> None:
    assert times_of(Segment(0, 2, "Yes."), Segment(2.3, 4, "No.")) == [(0, 2217), (2300, 4000)]


def test_segments_of_single_words_make_whole_lines() -> None:
    words = re.findall(r"\S+", "this server gives every word a segment of its own.")

    shown = cues(*(Segment(number * 0.3, number * 0.3 + 0.3, word) for number, word in enumerate(words)))

    assert [cue.lines for cue in shown] == [("this server gives every word", "a segment of its own.")]


def test_what_two_say_at_once_is_shown_one_after_the_other() -> None:
    both = Segment(0, 2, "Yes.", speaker="Anna"), Segment(0, 2, "No.", speaker="Ben")

    assert [(cue.start_ms, cue.end_ms, cue.lines) for cue in cues(*both)] == [
        (0, 833, ("Anna: Yes.",)),
        (833, 2000, ("Ben: No.",)),
    ]


def test_a_name_stands_before_the_first_words_of_a_speaker_alone() -> None:
    transcript = said(
        Segment(0, 2, "One.", speaker="Anna"),
        Segment(5, 7, "Two.", speaker="Anna"),
        Segment(7, 9, "Three & <four>.", speaker="Ben > co"),
    )

    assert [cue.text for cue in read_subtitles(transcript.to_srt())][:2] == ["Anna: One.", "Two."]
    assert "<v Ben &gt; co>Three &amp; &lt;four&gt;.\n" in transcript.to_vtt()
    assert [cue.speaker for cue in read_subtitles(transcript.to_vtt())] == ["Anna", "Anna", "Ben > co"]


def test_a_gap_is_a_subtitle() -> None:
    transcript = said(Segment(0, 2, "One."), gaps=(Gap(30, 90, "no answer"),))

    assert "\n[gap from 0:30 to 1:30: no answer]\n" in transcript.to_srt()
    assert "\n[gap from 0:30 to 1:30: no answer]\n" in transcript.to_vtt()


def test_a_transcript_of_silence_gives_files_without_subtitles() -> None:
    assert Transcript("").to_srt() == ""
    assert Transcript("").to_vtt() == "WEBVTT\n"


def test_a_text_without_segments_is_spread_over_its_recording() -> None:
    assert Transcript("Yes.", duration_s=2).to_srt() == "1\n00:00:00,000 --> 00:00:02,000\nYes.\n"


def test_a_text_without_any_times_makes_no_subtitles() -> None:
    with pytest.raises(InvalidRequestError, match="The transcript has no times, which subtitles need"):
        Transcript("Yes.").to_srt()


def test_hours_may_have_more_than_two_digits() -> None:
    late = said(Segment(360_000, 360_002.5, "Late."))

    assert late.to_srt() == "1\n100:00:00,000 --> 100:00:02,500\nLate.\n"
    assert late.to_vtt() == "WEBVTT\n\n100:00:00.000 --> 100:00:02.500\nLate.\n"


def test_a_million_characters_without_times_are_split_as_well() -> None:
    text = "many words " * 90_000

    shown = cues(Segment(0, 36_000, text))

    assert " ".join(line for cue in shown for line in cue.lines) == text.strip()


def width(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in ("Mn", "Me", "Cf") for character in text)


def letters(text: str) -> str:
    """What is to be seen of a text: no blanks, no controls, no changes of direction."""
    hidden = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    return "".join(
        character
        for character in text
        if not character.isspace()
        and unicodedata.category(character) != "Cc"
        and unicodedata.bidirectional(character) not in hidden
    )


@given(transcripts())
def test_subtitles_never_overlap_and_have_at_most_two_lines_that_fit(transcript: Transcript) -> None:
    shown = cues_of(transcript, has_labels=True)

    assert all(0 <= cue.start_ms < cue.end_ms for cue in shown)
    assert all(cue.end_ms - cue.start_ms <= 7000 for cue in shown)
    assert all(before.end_ms <= after.start_ms for before, after in pairwise(shown))
    assert all(1 <= len(cue.lines) <= 2 for cue in shown)
    assert all(width(line) <= 42 and line.strip() for cue in shown for line in cue.lines)


@given(transcripts())
def test_every_character_of_every_speaker_is_shown_in_order(transcript: Transcript) -> None:
    shown = cues_of(transcript, has_labels=False)

    speakers = {segment.speaker for segment in transcript.segments} - {None}
    for speaker in speakers:
        segments = [segment.text for segment in transcript.segments if segment.speaker == speaker]
        in_cues = [line for cue in shown if cue.speaker == speaker for line in cue.lines]
        assert letters("".join(in_cues)) == letters("".join(segments))


@given(transcripts())
def test_a_library_reads_the_subtitles_back(transcript: Transcript) -> None:
    from_srt = list(srt.parse(transcript.to_srt()))
    from_vtt = webvtt.from_buffer(io.StringIO(transcript.to_vtt())).captions

    labelled = cues_of(transcript, has_labels=True)
    assert [cue.content.replace("\u2060", "").split("\n") for cue in from_srt] == [
        [line.replace("\u2060", "") for line in cue.lines] for cue in labelled
    ]
    assert [cue.start // datetime.timedelta(milliseconds=1) for cue in from_srt] == [
        cue.start_ms for cue in labelled
    ]
    assert len(from_vtt) == len(cues_of(transcript, has_labels=False))


HOSTILE = said(
    Segment(
        0, 3, "a <b>bold</b> <script>alert(1)</script> & {\\an8} {Y:i} C:\\New --> 1\n\n2\n00:00:01,000 --> x"
    ),
    Segment(5, 8, "\x1b[2J\x00\u202eNOTE that\u2028STYLE"),
    Segment(10, 13, "今日は、いい天気です。", speaker="佐藤"),
    Segment(15, 18, "مرحبا بالعالم", speaker="Ben & <co>"),
    Segment(400_000, 400_003, "12"),
    gaps=(Gap(20, 24, "<no> answer"),),
)


def converted(text: str, suffix: str, to: str, folder: Path) -> str:
    source, result = folder / f"from.{suffix}", folder / f"result.{to}"
    source.write_text(text, encoding="utf-8")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-i", str(source), str(result)]
    subprocess.run(command, check=True, timeout=60, capture_output=True)
    return result.read_text(encoding="utf-8")


def cues_in(subtitles: str) -> list[tuple[int, str]]:
    """What ffmpeg wrote: it leaves its own escapes of braces there."""
    return [
        (cue.start // datetime.timedelta(milliseconds=1), letters(cue.content.replace("\\{{}", "{")))
        for cue in srt.parse(subtitles.replace("\u2060", ""))
    ]


def cues_of_transcript(transcript: Transcript, *, has_labels: bool) -> list[tuple[int, str]]:
    return [
        (cue.start_ms, letters("".join(cue.lines)).replace("\u2060", ""))
        for cue in cues_of(transcript, has_labels=has_labels)
    ]


def test_ffmpeg_reads_the_words_of_srt_and_no_markup(tmp_path: Path) -> None:
    read = converted(HOSTILE.to_srt(), "srt", "srt", tmp_path)

    assert cues_in(read) == cues_of_transcript(HOSTILE, has_labels=True)


def test_ffmpeg_reads_the_words_of_vtt_and_no_markup(tmp_path: Path) -> None:
    read = converted(HOSTILE.to_vtt(), "vtt", "srt", tmp_path)

    assert cues_in(read) == cues_of_transcript(HOSTILE, has_labels=False)


def test_ffmpeg_makes_vtt_of_srt_and_srt_of_that(tmp_path: Path) -> None:
    harmless = replace(HOSTILE, segments=HOSTILE.segments[1:3] + HOSTILE.segments[4:], gaps=())

    vtt = converted(harmless.to_srt(), "srt", "vtt", tmp_path)
    back = converted(vtt, "vtt", "srt", tmp_path)

    assert cues_in(back) == cues_of_transcript(harmless, has_labels=True)
