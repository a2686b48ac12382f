"""Transcripts as text, Markdown, JSON and tables, and in files."""

import contextlib
import csv
import errno
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ipy_gateway import ConfigurationError, Gap, InvalidRequestError, Segment, Transcript, Word
from ipy_gateway.core.files.whole_files import explaining

from ..support.transcripts import TEXTS, transcripts

TALK = Transcript(
    "Good morning. How are you? Fine.",
    (
        Segment(0, 1.5, "Good morning.", (Word(0, 0.5, "Good"), Word(0.6, 1.5, "morning")), "Anna"),
        Segment(1.5, 3, "How are you?", speaker="Anna"),
        Segment(90, 91, "Fine.", speaker="Ben"),
    ),
    language="en",
    duration_s=3753,
    source="talk.m4a",
    model="tiny",
    server="http://host",
    seconds=1.5,
    gaps=(Gap(30, 90, "no answer"),),
)


def test_the_text_without_speakers_and_gaps_is_as_the_server_gave_it() -> None:
    assert Transcript("Good\n\nmorning.", (Segment(0, 1, "Good morning."),)).to_text() == "Good\n\nmorning."


def test_the_text_has_a_paragraph_for_each_turn_and_each_gap() -> None:
    assert TALK.to_text() == (
        "Anna: Good morning. How are you?\n\n[gap from 0:30 to 1:30: no answer]\n\nBen: Fine."
    )


def test_the_text_with_times_has_a_line_for_each_segment_and_each_gap() -> None:
    assert TALK.to_text(times=True) == (
        "[0:00 - 0:01] Anna: Good morning.\n"
        "[0:01 - 0:03] Anna: How are you?\n"
        "[gap from 0:30 to 1:30: no answer]\n"
        "[1:30 - 1:31] Ben: Fine."
    )


def test_a_gap_in_a_transcript_without_segments_is_told_after_its_text() -> None:
    assert Transcript("Fine.", gaps=(Gap(0, 5, "noise"),)).to_text(times=True) == (
        "Fine.\n\n[gap from 0:00 to 0:05: noise]"
    )


def test_a_segment_can_not_add_lines() -> None:
    assert Transcript("x", (Segment(0, 1, "a\n[0:05 - 0:09] b"),)).to_text(times=True) == (
        "[0:00 - 0:01] a [0:05 - 0:09] b"
    )


def test_markdown_has_a_title_and_paragraphs() -> None:
    assert TALK.to_markdown() == (
        "# Transcript of talk.m4a\n\n"
        "*length 1:02:33, language en, model tiny*\n\n"
        "**0:00** **Anna:** Good morning. How are you?\n\n"
        "*&#91;gap from 0:30 to 1:30: no answer&#93;*\n\n"
        "**1:30** **Ben:** Fine.\n"
    )


def shown_by_markdown(tokens: list[Token]) -> str:
    inlines = [child for token in tokens for child in token.children or ()]
    return "".join(" " if child.type == "softbreak" else child.content for child in inlines)


PLAIN_TOKENS = {"text", "softbreak", "strong_open", "strong_close", "em_open", "em_close"}


@given(TEXTS)
def test_markdown_shows_every_character_and_nothing_else(text: str) -> None:
    markdown = Transcript("x", (Segment(0, 1, f"x {text}"),)).to_markdown()

    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(markdown)
    assert {child.type for token in tokens for child in token.children or ()} <= PLAIN_TOKENS
    expected = (
        Transcript("x", (Segment(0, 1, f"x {text}"),)).to_text(times=True).removeprefix("[0:00 - 0:01] ")
    )
    assert shown_by_markdown(tokens) == f"Transcript0:00 {expected}"


@pytest.mark.parametrize(
    "text",
    ["# a", "- a", "1. a", "---", "a\n===", "    a", "> a", "```", "[a]: http://x", "| a |\n|---|", "+"],
)
def test_markdown_of_a_transcript_without_segments_is_paragraphs_alone(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(Transcript(text).to_markdown())

    assert [token.type for token in tokens[3:]] == ["paragraph_open", "inline", "paragraph_close"]
    assert shown_by_markdown(tokens[3:]) == " ".join(text.split())


def test_markdown_makes_no_links_and_no_formulas() -> None:
    text = r"see https://x.org or www.x.org or a@x.org for $x$ and \(y\) and \[z\]"

    markdown = Transcript("x", (Segment(0, 1, text),)).to_markdown()

    assert not any(mark in markdown for mark in ("://", "www.", "@", "$", "\\", "["))


@given(transcripts())
def test_json_holds_every_value_exactly(transcript: Transcript) -> None:
    assert Transcript.from_json(transcript.to_json()) == transcript
    assert Transcript.from_json(transcript.to_json().encode()) == transcript
    assert repr(Transcript.from_json(transcript.to_json()).segments) == repr(transcript.segments)


def test_json_says_what_it_is() -> None:
    content = json.loads(TALK.to_json())

    assert (content["format"], content["version"]) == ("ipy_gateway transcript", 1)
    assert content["gaps"] == [{"start_s": 30, "end_s": 90, "reason": "no answer"}]


def changed(**values: Any) -> str:
    return json.dumps({**json.loads(TALK.to_json()), **values})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "The JSON can't be read: Expecting value"),
        (b"\xff\xfe\xfd", "The JSON is no text in UTF-8."),
        (None, "The JSON is a value of type NoneType."),
        ("[" * 100_000, "The JSON is nested too deeply."),
        ("[]", "The JSON is no transcript that was saved as JSON."),
        ('{"text": "a"}', "The JSON is no transcript that was saved as JSON."),
        (changed(version=2), "is a transcript of version 2; this reads 1."),
        (changed(more=1), "The JSON holds 'more', which no transcript has."),
        (changed(text=5), "The JSON holds a number as text."),
        (changed(text="\ud800"), "holds half of a surrogate pair"),
        (changed(cut_off=None), "The JSON holds null as cut_off."),
        (changed(duration_s=-1), "The duration_s of the transcript is -1, which is no time."),
        (changed(duration_s="x").replace('"x"', "NaN"), "can't be read: NaN is no number"),
        (changed(duration_s="x").replace('"x"', "1e999"), "is inf, which is no time."),
        (changed(duration_s="x").replace('"x"', "9" * 5000), "The JSON can't be read"),
        (changed(segments={}), "The JSON holds an object as segments."),
        (changed(segments=[1]), "The JSON holds a number as a segment."),
        (changed(segments=[{"start_s": 1, "end_s": 2}]), "The JSON holds a segment without text."),
        (changed(segments=[{"start_s": 1, "end_s": 2, "text": None}]), "The text of the segment 1 is None."),
        (changed(segments=[{"start_s": 1, "end_s": 2, "text": "", "id": 1}]), "'id', which no segment has."),
        (
            changed(segments=[{"start_s": 1, "end_s": 2, "text": "", "words": [{}]}]),
            "a word without start_s.",
        ),
        (changed(segments=[{"start_s": 2, "end_s": 1, "text": ""}]), "before its start_s, 2."),
        (changed(gaps=[None]), "The JSON holds null as a gap."),
        (changed(notices="a"), "The JSON holds a text as notices."),
        (changed(notices=[1]), "The notices hold a value of type int."),
        (changed(notices=["\ud800"]), "holds half of a surrogate pair"),
    ],
)
def test_json_of_anything_else_is_refused_in_a_sentence(text: Any, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Transcript.from_json(text)

    assert sentence in str(refused.value)
    assert refused.value.hint


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=3),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(json.loads(TALK.to_json()))), json_values)
def test_anything_anywhere_in_json_is_read_or_refused(name: str, value: Any) -> None:
    text = changed(**{name: value})

    with contextlib.suppress(InvalidRequestError):
        transcript = Transcript.from_json(text)
        assert Transcript.from_json(transcript.to_json()) == transcript


def test_a_data_frame_has_a_row_for_each_segment_and_each_gap() -> None:
    frame = TALK.to_dataframe()

    assert list(frame.columns) == ["start_s", "end_s", "speaker", "text", "gap"]
    assert list(frame.start_s) == [0, 1.5, 30, 90]
    assert list(frame.text) == ["Good morning.", "How are you?", "", "Fine."]
    assert list(frame.gap.dropna()) == ["no answer"]
    assert frame.start_s.dtype == Transcript("").to_dataframe().start_s.dtype == "float64"


def test_a_missing_pandas_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(ConfigurationError, match="A DataFrame needs pandas, which is not installed"):
        TALK.to_dataframe()


@pytest.mark.parametrize(("name", "delimiter"), [("talk.csv", ","), ("talk.tsv", "\t")])
def test_tables_are_read_by_csv_and_pandas(tmp_path: Path, name: str, delimiter: str) -> None:
    path = TALK.save(tmp_path / name)

    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    assert rows[0] == ["start_s", "end_s", "speaker", "text", "gap"]
    assert rows[1] == ["0", "1.5", "Anna", "Good morning.", ""]
    assert rows[3] == ["30", "90", "", "", "no answer"]
    assert list(pandas.read_csv(path, sep=delimiter).end_s) == [1.5, 3, 90, 91]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "＝1", "\r\n=1"])
def test_no_text_in_a_table_is_a_formula(tmp_path: Path, text: str) -> None:
    path = Transcript("x", (Segment(0, 1, text, speaker=text),)).save(tmp_path / "talk.csv")

    rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    assert rows[1][2:4] == [f"'{text}", f"'{text}"]


@pytest.mark.parametrize("name", ["a.txt", "a.SRT", "a.vtt", "a.json", "a.md", "a.csv", "a.tsv"])
def test_a_file_is_what_its_suffix_says_and_replaces_an_older_one(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("old")

    path = TALK.save(str(tmp_path / name))

    assert path == (tmp_path / name).resolve()
    assert "Good morning." in path.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [tmp_path / name]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "talk.m4a",
            "'talk.m4a' has no suffix of a transcript. Use one of .txt, .srt, .vtt, .json, .md, .csv, .tsv.",
        ),
        ("talk", "'talk' has no suffix of a transcript."),
        ("", "is a folder. Name a file in it."),
        ("folder.txt", "is a folder. Name a file in it."),
        ("missing/talk.txt", "There is no folder"),
        ("a\0b.txt", "can't be written: "),
        ("a" * 300 + ".txt", "can't be written: File name too long."),
    ],
)
def test_what_can_not_be_written_is_told_in_a_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "folder.txt").mkdir()

    with pytest.raises(InvalidRequestError) as refused:
        TALK.save(tmp_path / name)

    assert sentence in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.txt"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_told_in_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(InvalidRequestError, match="can't be written: Permission denied"):
        TALK.save(tmp_path / "talk.txt")


def test_of_a_full_disk_the_permissions_are_not_to_be_checked() -> None:
    with pytest.raises(InvalidRequestError) as refused, explaining(Path("talk.txt"), "written"):
        raise OSError(errno.ENOSPC, "No space left on device")

    assert refused.value.hint == "Free space on its disk."


def test_subtitles_that_can_not_be_made_leave_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("old")

    with pytest.raises(InvalidRequestError, match="has no times"):
        Transcript("text").save(tmp_path / "a.srt")

    assert (tmp_path / "a.srt").read_text() == "old"


def test_json_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    assert Transcript.load(TALK.save(tmp_path / "talk.json")) == TALK


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_subtitles_are_loaded_as_segments_in_order(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "talk.vtt"
    text = "WEBVTT\n\n00:02.000 --> 00:03.000\nZwei\n\n00:01.000 --> 00:02.000\n<v Ännä>Eins\n"
    path.write_text(text, encoding=encoding)

    assert Transcript.load(path) == Transcript(
        "Eins Zwei", (Segment(1, 2, "Eins", speaker="Ännä"), Segment(2, 3, "Zwei"))
    )


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("talk.txt", b"text", "'talk.txt' can't be read as a transcript. Use .json, .srt or .vtt."),
        ("talk.srt", b"no subtitles", "'talk.srt' holds no subtitles."),
        ("talk.srt", b"\xe4\xf6", "'talk.srt' is no text in UTF-8."),
        ("talk.vtt", b"\xff\xfe\x00", "'talk.vtt' is no text in UTF-8."),
        ("talk.json", b"{", "The JSON can't be read"),
        ("talk.srt", None, "There is no file"),
        ("folder.srt", None, "is a folder."),
    ],
)
def test_what_can_not_be_loaded_is_told_in_a_sentence(
    tmp_path: Path, name: str, data: bytes | None, sentence: str
) -> None:
    (tmp_path / "folder.srt").mkdir()
    if data is not None:
        (tmp_path / name).write_bytes(data)

    with pytest.raises(InvalidRequestError) as refused:
        Transcript.load(tmp_path / name)

    assert sentence in str(refused.value)


@given(transcripts())
def test_every_transcript_can_be_written_in_every_format(transcript: Transcript) -> None:
    texts = [
        transcript.to_text(),
        transcript.to_text(times=True),
        transcript.to_markdown(),
        transcript.to_srt(),
    ]

    assert all(text.encode() is not None for text in texts)
    assert len(transcript.to_dataframe()) == len(transcript.segments) + len(transcript.gaps)
