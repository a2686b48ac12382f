"""What many recordings look like while they are transcribed, and afterwards."""

import pytest

from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.recordings import (
    FINAL_ROWS,
    LIVE_ROWS,
    RecordingState,
    one_progress_bundle,
    progress_bundle,
    summary_bundle,
)

from ..support.strict_html import StrictReader
from .hostile import HOSTILE_ANSWERS

DONE = RecordingState("a.wav", "done", length_s=120.0, seconds=10.0)
KNOWN = RecordingState("b.wav", "known already", length_s=60.0, seconds=0.1)
NOT_KNOWN = RecordingState("b.wav", "done", length_s=60.0, seconds=9.0)
FAILED = RecordingState("c.wav", "failed", problem="The file is empty.")
HALF = RecordingState("d.wav", "under way", length_s=600.0, done_s=300.0)
WAITING = RecordingState("e.wav")
STOPPED = RecordingState("f.wav", "stopped", length_s=600.0, done_s=300.0)
ALL = (DONE, KNOWN, FAILED, HALF, WAITING, STOPPED)


def read(bundle: Bundle) -> StrictReader:
    return StrictReader(bundle.data["text/html"])


def lines(bundle: Bundle) -> list[str]:
    return bundle.data["text/plain"].splitlines()


def many(count: int, state: RecordingState = DONE) -> list[RecordingState]:
    return [
        RecordingState(
            f"{number}.wav", state.state, state.length_s, state.done_s, state.seconds, state.problem
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("state", "share"),
    [(DONE, 1), (KNOWN, 1), (FAILED, 1), (HALF, 0.5), (WAITING, 0), (STOPPED, 0.5)],
)
def test_a_share_is_what_is_through(state: RecordingState, share: float) -> None:
    assert state.share == share


def test_no_more_than_all_of_a_recording_is_through() -> None:
    assert RecordingState("a.wav", "under way", length_s=10.0, done_s=10.4).share == 1
    assert RecordingState("a.wav", "under way", length_s=0.0, done_s=10.0).share == 0


def test_the_summary_counts_and_tells_of_each() -> None:
    assert lines(summary_bundle(ALL, note="Stopped.")) == [
        "2 of 6 recordings transcribed, 1 of them known already, 1 failed",
        "a.wav, 2:00: done",
        "b.wav, 1:00: known already",
        "c.wav: failed: The file is empty.",
        "d.wav, 10:00: 50%",
        "e.wav: waiting",
        "f.wav, 10:00: stopped",
        "Stopped.",
    ]


def test_the_table_has_the_same_and_the_speed_of_what_was_transcribed_now() -> None:
    summary = read(summary_bundle([DONE, KNOWN, FAILED], note="Stopped."))

    assert summary.violations == []
    assert summary.tags.count("tr") == 4
    assert (
        "recordinglengthstatespeedproblema.wav2:00done12.0 × real timeb.wav1:00known alreadyc.wav"
        in summary.text
    )
    assert summary.text.endswith("failedThe file is empty.Stopped.")


def test_a_deterministic_summary_has_no_speed_but_in_its_facts() -> None:
    bundle = summary_bundle([DONE], is_deterministic=True)

    assert "real time" not in read(bundle).text
    assert "speed" not in read(bundle).text
    assert bundle.metadata["ipy_gateway"]["seconds"] == {"a.wav": 10.0}


def test_nothing_to_count_is_counted_as_nothing() -> None:
    assert lines(summary_bundle([]))[0] == "0 of 0 recordings transcribed"


def test_of_very_many_recordings_the_rest_is_a_number() -> None:
    bundle = summary_bundle(many(FINAL_ROWS + 3))

    assert lines(bundle)[0] == f"{FINAL_ROWS + 3} of {FINAL_ROWS + 3} recordings transcribed"
    assert lines(bundle)[-1] == "and 3 more"
    assert read(bundle).tags.count("tr") == FINAL_ROWS + 1
    assert "and 3 more" in read(bundle).text


def test_while_many_are_under_way_few_rows_are_sent_and_none_of_those_that_wait() -> None:
    bundle = progress_bundle([*many(100), HALF, FAILED, *many(100, WAITING)], seconds=30.0)

    names = [line.partition(",")[0].partition(":")[0] for line in lines(bundle)[1:]]
    assert names == ["d.wav", "c.wav", *(f"{number}.wav" for number in range(88, 98))]
    assert len(names) == LIVE_ROWS
    assert read(bundle).violations == []
    assert read(bundle).tags.count("progress") == 1


@pytest.mark.parametrize(
    ("states", "seconds", "line"),
    [
        ([HALF, WAITING], 0.5, "0 of 2 recordings transcribed · 0 s"),
        ([HALF, WAITING], 30, "0 of 2 recordings transcribed · 30 s, about 1:30 left"),
        ([DONE, FAILED, HALF], 50, "1 of 3 recordings transcribed, 1 failed · 50 s, about 10 s left"),
        ([WAITING] * 3, 300, "0 of 3 recordings transcribed · 5:00"),
        ([DONE], 4, "1 of 1 recordings transcribed · 4 s, about 0 s left"),
    ],
)
def test_the_time_left_is_what_the_rest_takes_at_the_speed_so_far(
    states: list[RecordingState], seconds: float, line: str
) -> None:
    assert lines(progress_bundle(states, seconds=seconds))[0] == line


def test_one_recording_has_a_line_and_a_bar() -> None:
    bundle = one_progress_bundle("Transcribing d.wav", HALF, seconds=20.0)

    assert lines(bundle) == ["Transcribing d.wav … 5:00 of 10:00 · 20 s, about 20 s left"]
    assert read(bundle).violations == []
    assert 'value="0.5000"' in bundle.data["text/html"]


def test_a_length_that_is_unknown_is_not_told() -> None:
    state = RecordingState("d.wav", "under way", done_s=61.0)

    assert lines(one_progress_bundle("Transcribing d.wav", state, seconds=20.0)) == [
        "Transcribing d.wav … 1:01 · 20 s"
    ]


@pytest.mark.parametrize("text", [*HOSTILE_ANSWERS.values(), "</td></table><script> \x1b[31m \u202e \ud800"])
def test_no_name_and_no_problem_gets_out_of_its_cell(text: str) -> None:
    state = RecordingState(text, "under way", length_s=10.0, done_s=5.0, problem=text)

    bundles = [
        summary_bundle([state], note=text),
        progress_bundle([state], seconds=5.0),
        one_progress_bundle(text, state, seconds=5.0),
    ]

    assert [read(bundle).violations for bundle in bundles] == [[], [], []]
    assert [read(bundle).tags.count("tr") for bundle in bundles] == [2, 2, 0]
    assert not {"\x1b", "\u202e", "\ud800"} & set("".join(map(str, (bundle.data for bundle in bundles))))


@pytest.mark.parametrize("blank", ["\n", "\r\n", "\u2028", "\x0b"])
def test_a_name_with_line_ends_adds_no_line(blank: str) -> None:
    state = RecordingState(f"a{blank}b.wav: done", "failed", problem=f"First.{blank}Second.")

    assert lines(summary_bundle([state]))[1:] == ["a b.wav: done: failed: First. Second."]
    assert lines(progress_bundle([state], seconds=5.0))[1:] == ["a b.wav: done: failed: First. Second."]


def test_what_is_to_be_the_same_in_every_run_does_not_tell_what_was_known() -> None:
    first, second = (summary_bundle([state], is_deterministic=True) for state in (KNOWN, NOT_KNOWN))

    assert first.data == second.data
