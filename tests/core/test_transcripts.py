"""Transcripts of many recordings as one value, a table and files."""

from pathlib import Path

import pytest

from ipy_gateway import InvalidRequestError, Transcript
from ipy_gateway.core.transcripts.transcripts import Transcripts, save_as

TALK = Transcript("Good morning.", duration_s=2.0, language="en", model="tiny", server="http://x/v1")
BROKEN = InvalidRequestError("This is no recording.", "Give one.")


def saved_names(folder: Path, *names: str) -> list[str]:
    transcripts = {name: Transcript(name) for name in names}
    paths = Transcripts(transcripts, {}).save(folder)
    assert [path.read_text() for path in paths] == [f"{name}\n" for name in names]
    return [path.name for path in paths]


def test_they_are_found_by_name_and_a_failure_is_raised() -> None:
    talks = Transcripts({"a.wav": TALK}, {"b.wav": BROKEN})

    assert talks["a.wav"] is TALK
    assert list(talks) == [TALK]
    assert repr(talks) == "<Transcripts of 1 recordings, 1 failed>"
    with pytest.raises(InvalidRequestError, match="no recording"):
        talks["b.wav"]
    with pytest.raises(KeyError):
        talks["c.wav"]


def test_a_name_is_in_them_where_it_has_a_transcript() -> None:
    talks = Transcripts({"a.wav": Transcript("Good morning.")}, {"b.wav": ValueError()})

    assert "a.wav" in talks
    assert "b.wav" not in talks


def test_the_table_has_a_row_for_each_also_for_failures() -> None:
    pytest.importorskip("pandas")

    table = Transcripts({"a.wav": TALK}, {"b.wav": BROKEN}).to_dataframe()

    assert list(table.source) == ["a.wav", "b.wav"]
    assert table.text[0] == "Good morning."
    assert "This is no recording." in table.error[1]
    assert Transcripts({}, {}).to_dataframe().empty


def test_each_is_saved_under_the_name_of_its_recording(tmp_path: Path) -> None:
    paths = Transcripts({"a.wav": TALK, "more/b.mp3": TALK}, {}).save(tmp_path / "new", ("txt", "json"))

    assert [path.name for path in paths] == ["a.txt", "a.json", "more-b.txt", "more-b.json"]
    assert Transcript.from_json(paths[1].read_text()) == TALK


def test_recordings_that_differ_in_their_suffix_alone_keep_a_file_each(tmp_path: Path) -> None:
    assert saved_names(tmp_path, "a.wav", "a.mp3", "b.wav") == ["a-wav.txt", "a-mp3.txt", "b.txt"]


def test_names_that_some_systems_take_for_one_keep_a_file_each(tmp_path: Path) -> None:
    assert saved_names(tmp_path, "Talk.wav", "talk.wav") == ["Talk-wav.txt", "talk-wav (2).txt"]
    assert saved_names(tmp_path, "a?.wav", "a*.wav") == ["a_-wav.txt", "a_-wav (2).txt"]


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("/tmp/talk.wav", "tmp-talk"),
        ("<img onerror>.wav", "_img onerror_"),
        ("a\0b.wav", "a_b"),
        ("..", "recording"),
        ("", "recording"),
        ("\u202eabc.wav", "_abc"),
        ("語" * 300 + ".wav", "語" * 66),
    ],
)
def test_a_hostile_name_stays_in_its_folder(tmp_path: Path, name: str, saved: str) -> None:
    (path,) = save_as(TALK, name, tmp_path, ("txt",))

    assert path == tmp_path / f"{saved}.txt"
    assert path.is_file()


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").touch()

    with pytest.raises(InvalidRequestError, match=r"The folder '.*out' can't be made"):
        save_as(TALK, "a.wav", tmp_path / "out", ("txt",))


def test_the_home_folder_may_be_named_by_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    assert save_as(TALK, "a.wav", "~/out", ("txt",)) == [tmp_path / "out" / "a.txt"]


def test_one_that_can_not_be_saved_costs_no_other(tmp_path: Path) -> None:
    without_times = Transcript("Good morning.")
    talks = Transcripts({"a.wav": without_times, "b.wav": TALK, "c.wav": without_times}, {})

    with pytest.raises(InvalidRequestError, match="has no times") as refused:
        talks.save(tmp_path, ["srt", "txt"])

    assert "1 other files could not be written either." in refused.value.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "b.srt", "b.txt", "c.txt"]


@pytest.mark.parametrize("formats", [["txt", "docx"], "srt"])
def test_formats_are_checked_before_anything_is_written(tmp_path: Path, formats: list[str]) -> None:
    with pytest.raises(InvalidRequestError):
        Transcripts({"a.wav": TALK}, {}).save(tmp_path / "out", formats)

    assert list(tmp_path.iterdir()) == []
