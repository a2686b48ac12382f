"""Which recordings the words of a line name."""

from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway import InvalidRequestError
from ipy_gateway.notebook.sources import Source, sources_named


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.wav", "a.mp3", "notes.txt", "more/a.mp3", "more/deep/c.M4A", "my talk.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"sound")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(words: list[str], shell: InteractiveShell) -> list[str]:
    return [source.name for source in sources_named(words, shell)]


def test_files_come_in_the_order_in_which_they_are_named(folder: Path, shell: InteractiveShell) -> None:
    assert sources_named(["b.wav", "a.mp3"], shell) == [
        Source("b.wav", Path("b.wav")),
        Source("a.mp3", Path("a.mp3")),
    ]


def test_a_pattern_names_what_matches_sorted(folder: Path, shell: InteractiveShell) -> None:
    assert names(["*.wav", "**/*.M4A"], shell) == ["b.wav", "my talk.wav", "c.M4A"]


def test_a_folder_names_the_recordings_in_it(folder: Path, shell: InteractiveShell) -> None:
    assert names([str(folder)], shell) == ["a.mp3", "b.wav", "my talk.wav"]


def test_a_file_that_is_named_twice_is_transcribed_once(folder: Path, shell: InteractiveShell) -> None:
    assert names(["b.wav", "*.wav"], shell) == ["b.wav", "my talk.wav"]


def test_files_of_one_name_are_told_apart_by_their_folders(folder: Path, shell: InteractiveShell) -> None:
    assert names(["a.mp3", "more/a.mp3"], shell) == ["a.mp3", str(Path("more/a.mp3"))]


def test_a_name_with_blanks_needs_no_quotes(folder: Path, shell: InteractiveShell) -> None:
    assert names(["my", "talk.wav"], shell) == ["my talk.wav"]


def test_an_address_is_called_after_its_last_part(shell: InteractiveShell) -> None:
    address = "https://example.org/shows/talk.mp3?token=1"

    assert sources_named([address], shell) == [Source("talk.mp3", address)]


def test_variables_hold_bytes_paths_or_lists_of_them(folder: Path, shell: InteractiveShell) -> None:
    shell.user_ns["data"] = b"sound"
    shell.user_ns["both"] = [Path("b.wav"), b"other"]

    assert sources_named(["{{data}}", "{{both}}"], shell) == [
        Source("{{data}}", b"sound"),
        Source("b.wav", Path("b.wav")),
        Source("{{both}}[1]", b"other"),
    ]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("c.wav", "There is no file 'c.wav'."),
        ("x*.wav", "No file matches 'x*.wav'."),
        ("empty", "There is no recording in the folder 'empty'."),
        ("{{nothing}}", "There is no variable 'nothing'"),
        ("{{name}}", "{{name}} is no recording but str."),
        ("{{path}}", "{{path}} names the file 'gone.wav', which is not there."),
    ],
)
def test_what_is_not_there_is_said(folder: Path, shell: InteractiveShell, word: str, says: str) -> None:
    (folder / "empty").mkdir()
    shell.user_ns.update(name="b.wav", path=Path("gone.wav"))

    with pytest.raises(InvalidRequestError) as caught:
        sources_named([word], shell)

    assert says in caught.value.message
    assert caught.value.hint
