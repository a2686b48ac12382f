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
    return [source.name for source in sources_named(words, shell).items]


def test_files_come_in_the_order_in_which_they_are_named(folder: Path, shell: InteractiveShell) -> None:
    assert list(sources_named(["b.wav", "a.mp3"], shell).items) == [
        Source("b.wav", Path("b.wav")),
        Source("a.mp3", Path("a.mp3")),
    ]


def test_a_pattern_names_what_matches_sorted(folder: Path, shell: InteractiveShell) -> None:
    assert names(["*.wav", "**/*.M4A"], shell) == ["b.wav", "my talk.wav", "c.M4A"]


def test_a_folder_names_the_recordings_in_it(folder: Path, shell: InteractiveShell) -> None:
    assert names([str(folder)], shell) == ["a.mp3", "b.wav", "my talk.wav"]


def test_numbers_are_counted_and_capitals_have_no_place_of_their_own(
    tmp_path: Path, shell: InteractiveShell
) -> None:
    in_order = ["anna.wav", "Ben.wav", "talk 2.wav", "Talk 10.wav", "talk 010b.wav"]
    for name in in_order:
        (tmp_path / name).write_bytes(b"sound")

    assert names([str(tmp_path)], shell) == in_order
    assert names([str(tmp_path / "*.wav")], shell) == in_order


def test_a_file_that_is_named_twice_is_transcribed_once(folder: Path, shell: InteractiveShell) -> None:
    assert names(["b.wav", "*.wav"], shell) == ["b.wav", "my talk.wav"]


def test_files_of_one_name_are_told_apart_by_their_folders(folder: Path, shell: InteractiveShell) -> None:
    assert names(["a.mp3", "more/a.mp3"], shell) == ["a.mp3", str(Path("more/a.mp3"))]


def test_a_name_with_blanks_needs_no_quotes(folder: Path, shell: InteractiveShell) -> None:
    assert names(["my", "talk.wav"], shell) == ["my talk.wav"]


def test_a_misspelt_name_with_blanks_is_one_name(folder: Path, shell: InteractiveShell) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        sources_named(["my", "tallk.wav"], shell)

    assert str(caught.value) == "There is no file 'my tallk.wav'. Did you mean 'my talk.wav'?"


def test_of_several_names_the_one_that_is_not_there_is_told(folder: Path, shell: InteractiveShell) -> None:
    with pytest.raises(InvalidRequestError, match=r"There is no file 'c\.wav'"):
        sources_named(["c.wav", "d.wav"], shell)


def test_an_address_of_a_file_may_be_written_as_browsers_do(folder: Path, shell: InteractiveShell) -> None:
    path = folder / "my talk.wav"

    for address in (path.as_uri(), f"file://{path}"):
        assert sources_named([address], shell).items == (Source("my talk.wav", path),)


def test_brackets_in_the_name_of_a_folder_are_no_pattern(folder: Path, shell: InteractiveShell) -> None:
    (folder / "more").rename(folder / "[2024] talks")

    assert names(["[2024] talks/*.mp3"], shell) == ["a.mp3"]
    assert names([f"{folder}/[2024] talks/*/*"], shell) == ["c.M4A"]
    assert names(["[b]*.wav"], shell) == ["b.wav"]


def test_an_address_is_called_after_its_last_part(shell: InteractiveShell) -> None:
    address = "https://example.org/shows/talk.mp3?token=1"

    assert sources_named([address], shell).items == (Source("talk.mp3", address),)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/Gespr%C3%A4ch%20eins.mp3#t=5", "Gespräch eins.mp3"),
        ("https://example.org/", "https://example.org/"),
        ("https://me:secret@example.org", "https://…@example.org"),
        ("https://me:sec/ret@example.org", "example.org"),
        ("https://example.org/a%0Ab%1B[31m.mp3", "a b[31m.mp3"),
    ],
)
def test_the_name_of_an_address_is_readable_and_tells_no_secret(
    shell: InteractiveShell, address: str, name: str
) -> None:
    assert names([address], shell) == [name]


def test_addresses_with_the_same_last_part_keep_names_of_their_own(shell: InteractiveShell) -> None:
    base = "https://example.org"
    words = [f"{base}/1/talk.mp3", f"{base}/2/talk.mp3", f"{base}/2/talk.mp3?token=1"]

    assert names(words, shell) == [
        f"{base}/1/talk.mp3",
        f"{base}/2/talk.mp3",
        f"{base}/2/talk.mp3?…",
    ]


def test_names_that_no_place_tells_apart_are_numbered(shell: InteractiveShell) -> None:
    words = [f"https://example.org/talk.mp3?id={number}" for number in range(3)]

    assert names(words, shell) == [
        "https://example.org/talk.mp3?…",
        "https://example.org/talk.mp3?… (2)",
        "https://example.org/talk.mp3?… (3)",
    ]


@pytest.mark.parametrize("words", [["b.wav"], ["my", "talk.wav"], ["{{data}}"], ["http://x.org/*.mp3"]])
def test_one_recording_by_its_name_is_one(folder: Path, shell: InteractiveShell, words: list[str]) -> None:
    shell.user_ns["data"] = b"sound"

    assert sources_named(words, shell).is_one


@pytest.mark.parametrize("words", [["b*.wav"], ["more"], ["{{one}}"], ["b.wav", "b.wav"], ["b*.wav", "x?*"]])
def test_what_may_hold_several_is_several_also_where_it_holds_one(
    folder: Path, shell: InteractiveShell, words: list[str]
) -> None:
    (folder / "x1").touch()
    shell.user_ns["one"] = [b"sound"]

    assert not sources_named(words, shell).is_one


def test_a_folder_that_is_called_like_a_recording_is_none(folder: Path, shell: InteractiveShell) -> None:
    (folder / "old.wav").mkdir()

    assert "old.wav" not in names(["."], shell)


def test_variables_hold_bytes_paths_or_lists_of_them(folder: Path, shell: InteractiveShell) -> None:
    shell.user_ns["data"] = b"sound"
    shell.user_ns["both"] = [Path("b.wav"), b"other"]

    assert list(sources_named(["{{data}}", "{{both}}"], shell).items) == [
        Source("data", b"sound"),
        Source("b.wav", Path("b.wav")),
        Source("both[1]", b"other"),
    ]


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("c.wav", "There is no file 'c.wav'."),
        ("x*.wav", "No file matches 'x*.wav'."),
        ("empty", "There is no recording in the folder 'empty'."),
        ("{{nothing}}", "There is no variable 'nothing'"),
        ("{{name}}", "{{name}} is no recording but str."),
        ("{{none}}", "{{none}} is empty."),
        ("{{path}}", "{{path}} names the file 'gone.wav', which is not there."),
    ],
)
def test_what_is_not_there_is_said(folder: Path, shell: InteractiveShell, word: str, says: str) -> None:
    (folder / "empty").mkdir()
    shell.user_ns.update(name="b.wav", path=Path("gone.wav"), none=[])

    with pytest.raises(InvalidRequestError) as caught:
        sources_named([word], shell)

    assert says in caught.value.message
    assert caught.value.hint
