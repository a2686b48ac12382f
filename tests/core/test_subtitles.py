"""SubRip and WebVTT subtitles, however carelessly written."""

import pytest

from ipy_gateway.core.transcripts.subtitles import read_subtitles
from ipy_gateway.core.transcripts.transcription import Segment


@pytest.mark.parametrize(
    "text",
    [
        "1\n00:00:01,000 --> 00:00:02,500\nOne\n\n2\n01:00:02,500 --> 01:00:04,000\nTwo\n",
        "1\r\n00:00:01,000 --> 00:00:02,500\r\nOne\r\n\r\n2\r\n01:00:02,500 --> 01:00:04,000\r\nTwo\r\n",
        "1\r00:00:01,000 --> 00:00:02,500\rOne\r\r2\r01:00:02,500 --> 01:00:04,000\rTwo",
        "\ufeff1\n00:00:01,000 --> 00:00:02,500\nOne\n\n2\n01:00:02,500 --> 01:00:04,000\nTwo",
        "00:00:01,000 --> 00:00:02,500\nOne\n\n01:00:02,500 --> 01:00:04,000\nTwo\n",
        "00:00:01.000 --> 00:00:02.500\nOne\n01:00:02.500 --> 01:00:04.000\nTwo\n",
        "1\n00:00:01,000 --> 00:00:02,500\nOne\n2\n01:00:02,500 --> 01:00:04,000\nTwo\n",
        "\n\n1\n0:0:1 --> 0:0:2,5 X1:40 X2:600\n"
        "<font color='red'><i>One</i></font>\n\n2\n60:02,5-->60:4,0\nTwo\n",
        "WEBVTT\n\n00:01.000 --> 00:02.500\nOne\n\n60:02.500 --> 60:04.000\nTwo\n",
        "\ufeffWEBVTT - A title\nKind: captions\n\n"
        "00:01.000 --> 00:02.500 align:start position:0%\n<c.x>One</c>\n\n"
        "NOTE two lines\nabout this\n\nintro\n01:00:02.500 --> 01:00:04.000\nTwo\n\n"
        "STYLE\n::cue { color: red }\n",
        "WEBVTT\n\nNOTE\nfirst\n\nREGION\nid:fred\n\n"
        "00:01.000 --> 00:02.500\n<00:01.500>One\n\n2\n60:02.500 --> 60:04.000\n\n\nTwo",
    ],
)
def test_subtitles_are_read_however_they_are_written(text: str) -> None:
    assert read_subtitles(text) == (Segment(1.0, 2.5, "One"), Segment(3602.5, 3604.0, "Two"))


def test_a_cue_may_have_lines_blank_lines_and_numbers_in_it() -> None:
    text = (
        "1\n00:00:01,000 --> 00:00:02,000\nOne\nand\n\nmore\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\n42\n\n"
        "3\n00:00:03,000 --> 00:00:04,000\nNOTE well\n"
    )

    assert [cue.text for cue in read_subtitles(text)] == ["One and more", "42", "NOTE well"]


def test_voices_and_entities_of_vtt_are_understood() -> None:
    text = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v.loud Anna Lee>a &lt; b &amp; c</v>\n\n"
    text += "00:02.000 --> 00:03.000\nAT&T <3\n"

    assert read_subtitles(text) == (
        Segment(1, 2, "a < b & c", speaker="Anna Lee"),
        Segment(2, 3, "AT&T <3"),
    )


def test_srt_is_not_taken_for_markup() -> None:
    assert read_subtitles("00:01,0 --> 00:02,0\n&amp; 2 < 3 > 1\n")[0].text == "&amp; 2 < 3 > 1"


@pytest.mark.parametrize(
    "text", ["", "\n", "Hello", "1\n\n2\n", "WEBVTT", "NOTE\n\n", "00:01 --> later\nx", "-->"]
)
def test_what_has_no_cues_gives_none(text: str) -> None:
    assert read_subtitles(text) == ()


def test_the_end_of_a_cue_before_its_start_is_moved() -> None:
    assert read_subtitles("00:02,0 --> 00:01,0\nOne\n") == (Segment(2, 2, "One"),)
