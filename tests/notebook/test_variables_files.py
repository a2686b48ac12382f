"""Texts too long to be sent, files and bytes in variables."""

import os
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway.core.exceptions import InvalidRequestError
from ipy_gateway.notebook.values.parts import Filled, Sound
from ipy_gateway.notebook.values.variables import fill

from ..support.filling import filled, text_of

# Long texts


def test_a_long_text_is_cut_with_a_mark_and_a_notice(shell: InteractiveShell) -> None:
    result = filled(shell, "x" * 100_000 + "y" * 12_345)

    assert text_of(result) == "x" * 100_000 + "\n[... 12,345 of 112,345 characters left out]"
    assert result.notices == ("{{ value }} is too long: 12,345 of 112,345 characters left out.",)


def test_a_text_of_just_the_limit_is_sent_whole(shell: InteractiveShell) -> None:
    assert filled(shell, "x" * 100_000) == Filled(("x" * 100_000,))


def test_a_long_repr_is_cut_earlier(shell: InteractiveShell) -> None:
    result = filled(shell, {(1,): "x" * 20_000})

    assert len(text_of(result)) < 10_100
    assert "characters left out" in result.notices[0]


def test_a_notice_about_a_variable_that_stands_twice_comes_once(shell: InteractiveShell) -> None:
    shell.user_ns["value"] = "x" * 100_001

    assert len(fill("{{value}} {{value}}", shell).notices) == 1


# Files


@pytest.mark.parametrize(
    "data",
    ["Größe\n".encode(), "\ufeffGröße\n".encode(), "Größe\n".encode("utf-16")],
    ids=["utf-8", "bom", "utf-16"],
)
def test_a_path_to_a_text_is_its_text(shell: InteractiveShell, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "notes.txt").write_bytes(data)

    assert filled(shell, tmp_path / "notes.txt") == Filled(("Größe\n",))


def test_a_path_to_a_long_text_is_cut(shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "long.log").write_text("line\n" * 30_000)

    assert text_of(filled(shell, tmp_path / "long.log")).endswith(
        "[... 50,000 of 150,000 characters left out]"
    )


def test_a_path_to_a_recording_is_a_sound(shell: InteractiveShell, note: Path) -> None:
    sound = Sound(note.read_bytes(), "{{ value }} (note.m4a)")
    assert filled(shell, note) == Filled((sound,), recordings=("note.m4a",))


def test_an_empty_file_is_nothing_and_the_user_told(shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()

    result = filled(shell, tmp_path / "empty.txt")

    assert text_of(result) == ""
    assert result.notices[0].endswith("empty.txt', an empty file.")


def test_a_path_to_nothing_or_to_a_folder_is_an_error(shell: InteractiveShell, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidRequestError, match=r"^\{\{ value \}\} is '.*none.txt', and there is no such file\."
    ):
        filled(shell, tmp_path / "none.txt")
    with pytest.raises(InvalidRequestError, match="which is a folder"):
        filled(shell, tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_waited_for(shell: InteractiveShell, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InvalidRequestError, match="which is no regular file"):
        filled(shell, tmp_path / "pipe")


def test_a_path_to_something_else_is_an_error_that_says_what_it_is(
    shell: InteractiveShell, tmp_path: Path
) -> None:
    (tmp_path / "report.pdf").write_bytes(b"%PDF-1.7\n\xff\x00")

    with pytest.raises(
        InvalidRequestError, match=r"^\{\{ value \}\} \(report\.pdf\) is no picture.*a PDF document"
    ):
        filled(shell, tmp_path / "report.pdf")


# Bytes


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_a_recording_are_a_sound(shell: InteractiveShell, tone: bytes, kind: type) -> None:
    assert filled(shell, kind(tone)) == Filled((Sound(tone, "{{ value }}"),))


@pytest.mark.parametrize(
    ("data", "reason"), [(b"hello", "plain text"), (b"", "empty"), (b"\x00\x01\xff", "no known kind")]
)
def test_other_bytes_are_an_error(shell: InteractiveShell, data: bytes, reason: str) -> None:
    with pytest.raises(
        InvalidRequestError, match=rf"^\{{\{{ value \}}\}} is no picture.*{reason}.*decode\(\)"
    ):
        filled(shell, data)
