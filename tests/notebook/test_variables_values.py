"""What becomes of a value in a text, by its type."""

import datetime
import decimal
import uuid
from collections import Counter, deque, namedtuple
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway import GatewayConfig, Transcript
from ipy_gateway.core.messages import AnswerText, Completion, TranscriptText
from ipy_gateway.core.transcripts.transcription import Segment, Transcription
from ipy_gateway.core.transcripts.transcripts import Transcripts
from ipy_gateway.notebook.values.parts import Filled
from ipy_gateway.notebook.values.variables import fill

from ..support.filling import filled, text_of

Point = namedtuple("Point", "x y")


# Plain values


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", ""),
        ("  as it is\n", "  as it is\n"),
        ("half a pair: \ud800", "half a pair: \ufffd"),
        (1, "1"),
        (0.1, "0.1"),
        (True, "True"),
        (None, "None"),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2026, 5, 1), "2026-05-01"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("/a/b"), "/a/b"),
        (np.float64(1.5), "1.5"),
        (np.bool_(True), "True"),
        (AnswerText("An answer.", server="http://localhost"), "An answer."),
    ],
)
def test_a_plain_value_is_written_by_str(shell: InteractiveShell, value: object, text: str) -> None:
    assert filled(shell, value) == Filled((text,))


def test_a_text_is_never_taken_for_the_name_of_a_file(shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret")

    assert text_of(filled(shell, str(tmp_path / "secret.txt"))) == str(tmp_path / "secret.txt")


# Containers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, "zwei", None, True], '[1, "zwei", null, true]'),
        ((1, 2), "[1, 2]"),
        ({"größe": [1.5]}, '{"größe": [1.5]}'),
        ({"b", "a"}, '["a", "b"]'),
        (frozenset({1, "a"}), '["a", 1]'),
        (deque([1, 2]), "[1, 2]"),
        (Counter("aab"), '{"a": 2, "b": 1}'),
        (
            {"when": datetime.date(2026, 5, 1), "where": PurePosixPath("/a")},
            '{"when": "2026-05-01", "where": "/a"}',
        ),
        ([{"inner": {2, 1}}], '[{"inner": [1, 2]}]'),
        ([np.int64(1), np.float64(0.5)], "[1, 0.5]"),
        ({(1, 2): "a key that JSON does not know"}, "{(1, 2): 'a key that JSON does not know'}"),
        ([1, object], "[1, <class 'object'>]"),
        (Point(1, 2), "Point(x=1, y=2)"),
    ],
)
def test_a_container_is_json_or_else_its_repr(shell: InteractiveShell, value: object, text: str) -> None:
    assert filled(shell, value) == Filled((text,))


def test_a_list_that_holds_itself_is_its_repr(shell: InteractiveShell) -> None:
    circle: list[object] = []
    circle.append(circle)

    assert filled(shell, circle) == Filled(("[[...]]",))


# Tables and arrays


def test_a_table_is_its_shape_columns_and_first_rows(shell: InteractiveShell) -> None:
    frame = pd.DataFrame(
        {"name": ["Anna", "Bo, jr.", None], "age": [31.5, None, None]}, index=["x", "y", "z"]
    )
    frame["name"] = frame["name"].astype(object)

    assert filled(shell, frame) == Filled(
        (
            "DataFrame of 3 rows × 2 columns\n\n"
            "column,dtype,missing\nname,object,1\nage,float64,2\n\n"
            'All rows:\nindex,name,age\nx,Anna,31.5\ny,"Bo, jr.",\nz,,',
        )
    )


def test_of_a_large_table_the_start_is_sent_and_the_user_told(shell: InteractiveShell) -> None:
    frame = pd.DataFrame(np.zeros((1000, 60), dtype=int))
    frame[0] = "word" * 100

    result = filled(shell, frame)

    text = text_of(result)
    assert text.startswith("DataFrame of 1,000 rows × 60 columns\n")
    assert "\n9," in text and "\n10," not in text.partition("First 10 rows")[2]
    assert "word" * 20 + "…" in text and "word" * 21 not in text
    assert len(text) < 3_000
    assert result.notices == (
        "{{ value }} is a table, of which 10 of 1,000 rows and 40 of 60 columns are sent.",
    )


def test_a_table_of_thirty_rows_is_sent_whole(shell: InteractiveShell) -> None:
    result = filled(shell, pd.DataFrame({"n": range(30)}))

    assert text_of(result).endswith("\n28,28\n29,29")
    assert result.notices == ()


def test_a_table_with_names_on_several_levels_keeps_them(shell: InteractiveShell) -> None:
    frame = pd.DataFrame({"kind": ["a", "a", "b"], "year": [1, 2, 1], "value": [5, 6, 7]})

    text = text_of(filled(shell, frame.set_index(["kind", "year"])))

    assert text.endswith("kind,year,value\na,1,5\na,2,6\nb,1,7")


@pytest.mark.parametrize(
    "frame", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame([[1, 2]], columns=["a", "a"])]
)
def test_a_table_without_rows_or_with_equal_names_is_no_trouble(
    shell: InteractiveShell, frame: pd.DataFrame
) -> None:
    rows, columns = frame.shape

    assert text_of(filled(shell, frame)).startswith(
        f"DataFrame of {rows} rows × {columns} columns\n\ncolumn,dtype"
    )


def test_a_series_is_a_table_of_one_column(shell: InteractiveShell) -> None:
    text = text_of(filled(shell, pd.Series([1, 2], name="count")))

    assert text == (
        "Series of 2 rows\n\ncolumn,dtype,missing\ncount,int64,0\n\nAll rows:\nindex,count\n0,1\n1,2"
    )


def test_an_array_is_its_shape_range_and_ends(shell: InteractiveShell) -> None:
    text = text_of(filled(shell, np.arange(1000.0)))

    assert text == (
        "ndarray of shape (1000,), dtype float64, minimum 0.0, maximum 999.0, mean 499.5\n"
        "[  0.   1.   2. ... 997. 998. 999.]"
    )


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (
            np.array([1, np.nan]),
            "(2,), dtype float64, minimum 1.0, maximum 1.0, mean 1, 1 values are NaN\n[ 1. nan]",
        ),
        (np.array([np.nan]), "(1,), dtype float64, 1 values are NaN\n[nan]"),
        (np.array(["a", "b"]), "(2,), dtype <U1\n['a' 'b']"),
        (np.array([]), "(0,), dtype float64\n[]"),
        (np.array(5), "(), dtype int64, minimum 5, maximum 5, mean 5\n5"),
        (
            np.array([np.inf, -np.inf]),
            "(2,), dtype float64, minimum -inf, maximum inf, mean nan\n[ inf -inf]",
        ),
    ],
)
def test_an_array_of_any_kind_is_described(shell: InteractiveShell, array: object, text: str) -> None:
    assert text_of(filled(shell, array)) == f"ndarray of shape {text}"


# Transcripts and answers


def test_a_transcript_is_its_text_under_the_name_of_the_recording(shell: InteractiveShell) -> None:
    transcript = TranscriptText("Good morning.", source="talk.wav")

    assert text_of(filled(shell, transcript)) == "Transcript of talk.wav:\nGood morning."
    assert text_of(filled(shell, TranscriptText("Good morning."))) == "Good morning."


def test_a_transcription_with_times_is_a_line_for_each_segment(shell: InteractiveShell) -> None:
    segments = (
        Segment(5.2, 9.9, "Good morning.", speaker="Anna"),
        Segment(59.99, 60, "Yes."),
        Segment(3605, 3723, "Good night."),
    )

    text = text_of(filled(shell, Transcription("Good morning. ...", segments)))

    assert text == "[0:05 - 0:09] Anna: Good morning.\n[0:59 - 1:00] Yes.\n[1:00:05 - 1:02:03] Good night."


@pytest.mark.parametrize("text", ["All in one.", ""])
def test_a_transcription_without_times_is_its_text(shell: InteractiveShell, text: str) -> None:
    assert filled(shell, Transcription(text)) == Filled((text,))


MANY = {
    "a.wav": Transcript("Yes.", (Segment(5.2, 9.9, "Yes."),), source="a.wav"),
    "b.wav": Transcript("No.", source="b.wav"),
}


@pytest.mark.parametrize("several", [Transcripts(MANY, {}), MANY, list(MANY.values())])
def test_transcripts_of_many_stand_under_the_names_of_their_recordings(
    shell: InteractiveShell, several: object
) -> None:
    text = "Transcript of a.wav:\n[0:05 - 0:09] Yes.\n\nTranscript of b.wav:\nNo."

    assert filled(shell, several) == Filled((text,), recordings=("a.wav", "b.wav"))


def test_of_many_recordings_those_without_transcript_are_told(shell: InteractiveShell) -> None:
    several = Transcripts(MANY, {"c.wav": ValueError()})

    assert "1 recordings of {{ value }} have no transcript" in filled(shell, several).notices[0]


def test_an_answer_with_its_message_is_its_text(shell: InteractiveShell) -> None:
    shell.run_cell(
        "class Reply:\n"
        "    message = {'role': 'assistant', 'content': 'Yes.'}\n"
        "    text = 'Yes.'\n"
        "reply = Reply()"
    )

    assert fill("{{reply}}", shell) == Filled(("Yes.",))


def test_a_completion_is_its_text(shell: InteractiveShell) -> None:
    completion = Completion(choices=[{"message": {"role": "assistant", "content": "Yes."}}])

    assert filled(shell, completion) == Filled(("Yes.",))


# Code and other objects


def test_a_function_and_a_class_of_a_cell_are_their_source(shell: InteractiveShell) -> None:
    function = "def double(x):\n    return 2 * x\n"
    cls = "@marked\nclass Pair:\n    def first(self):\n        return 1\n"
    dataclass = "@dataclass\nclass Kept:\n    x: int\n    def twice(self):\n        return 2 * self.x\n"
    shell.run_cell(f"from dataclasses import dataclass\n{dataclass}")
    shell.run_cell(f"marked = lambda cls: cls\n{function}\n\n{cls}")

    assert fill("{{double}}", shell) == Filled((function,))
    assert fill("{{Pair}}", shell) == Filled((cls,))
    assert fill("{{Kept}}", shell) == Filled((dataclass,))
    assert fill("{{Pair.first}}", shell) == Filled(("    def first(self):\n        return 1\n",))


def test_a_module_is_its_source_and_what_is_built_in_its_repr(shell: InteractiveShell) -> None:
    shell.run_cell("import ipy_gateway.notebook.libraries as libraries")

    assert text_of(fill("{{libraries}}", shell)).startswith('"""Whether a value is of a class')
    assert fill("{{len}} {{int}}", shell) == Filled(
        ("<built-in function len> <class 'int'>",),
        (
            "The source of {{ len }} can't be had: only its name is sent.",
            "The source of {{ int }} can't be had: only its name is sent.",
        ),
    )


def test_another_object_is_its_repr(shell: InteractiveShell) -> None:
    config = GatewayConfig()

    assert filled(shell, config) == Filled((repr(config),))


def test_an_object_that_makes_up_attributes_is_not_asked_for_them(shell: InteractiveShell) -> None:
    shell.run_cell(
        "asked = []\n"
        "class Service:\n"
        "    def __getattr__(self, name):\n"
        "        asked.append(name)\n"
        "        return 'made up'\n"
        "    def __repr__(self):\n"
        "        return 'a service'\n"
        "service = Service()"
    )

    assert fill("{{service}} {{asked}}", shell) == Filled(("a service []",))


def test_a_generator_is_not_consumed_and_the_user_told(shell: InteractiveShell) -> None:
    shell.run_cell("numbers = (n for n in range(3))")

    result = fill("{{numbers}}", shell)

    assert text_of(result).startswith("<generator object")
    assert result.notices == (
        "{{ numbers }} is a generator, whose values are not read: make a list of it first to send them.",
    )
    assert list(shell.user_ns["numbers"]) == [0, 1, 2]
