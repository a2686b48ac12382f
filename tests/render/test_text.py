"""Text that is safe to show."""

import pytest

from ipy_gateway.render.text import duration, file_size, fitting, megabytes, printable


def test_line_ends_and_tabs_stay() -> None:
    assert printable("one\ttwo\nthree\r\nfour\rfive") == "one\ttwo\nthree\nfour\nfive"


def test_escape_sequences_lose_their_escape() -> None:
    assert printable("\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J") == "[31mred[0m ]0;title 2J"


def test_nul_backspace_and_delete_go() -> None:
    assert printable("a\x00b\x08c\x7fd") == "abcd"


def test_direction_overrides_go() -> None:
    assert printable("\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\N{LEFT-TO-RIGHT ISOLATE}!") == "gpj.exe!"


def test_half_a_surrogate_pair_can_be_encoded() -> None:
    assert printable("a\ud83db").encode() == "a\N{REPLACEMENT CHARACTER}b".encode()


@pytest.mark.parametrize(
    "text",
    ["", "Größe", "שלום עולם", "مرحبا", "👩\N{ZERO WIDTH JOINER}🔬", "王さん", "x\N{LEFT-TO-RIGHT MARK}"],
)
def test_what_people_write_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (49.4, "49 s"), (59.6, "1:00"), (725, "12:05"), (3753, "1:02:33"), (36_000, "10:00:00")],
)
def test_a_duration_is_written_as_people_write_it(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (940, "940 bytes"),
        (99_999, "100.0 kB"),
        (5_000_000, "5.0 MB"),
        (3_000_000_000, "3.0 GB"),
    ],
)
def test_a_file_has_a_size_of_its_order(size: int, text: str) -> None:
    assert file_size(size) == text


def test_a_size_is_written_in_megabytes() -> None:
    assert megabytes(75_537_502) == "75.5 MB"


@pytest.mark.parametrize(
    ("line", "columns", "shown"),
    [
        ("words", 5, "words"),
        ("words", 4, "wor…"),
        ("", 0, ""),
        ("王さん", 6, "王さん"),
        ("王さん", 5, "王さ…"),
        (
            "e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}",
            3,
            "e\N{COMBINING ACUTE ACCENT}te\N{COMBINING ACUTE ACCENT}",
        ),
    ],
)
def test_a_line_is_cut_to_the_columns_of_a_terminal(line: str, columns: int, shown: str) -> None:
    assert fitting(line, columns) == shown
