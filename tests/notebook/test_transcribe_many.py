"""%transcribe of several recordings, and what is kept of them."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway import GatewayConfig
from ipy_gateway.notebook.lines.transcribe_options import TranscribeOptions
from ipy_gateway.notebook.recordings import Batch
from ipy_gateway.notebook.sources import Source

from ..support.fault_server import Answer, FaultServer, RecordedRequest, answer, fault_server
from ..support.hearing_server import Ear, hearing_server
from ..support.kernel import CellRun, Kernel, running_kernel
from ..support.tones import spoken, wav

HEARD = answer(body={"text": "Eight meters.", "segments": [{"start": 0, "end": 2, "text": "Eight meters."}]})
BROKEN = answer(400, body={"error": {"message": "This one is beyond me."}})


@pytest.fixture(scope="module")
def folder(note: Path, interview: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three recordings, a file that is none, and a folder with one of the same name."""
    folder = tmp_path_factory.mktemp("recordings")
    shutil.copy(note, folder / "a.m4a")
    shutil.copy(interview, folder / "b.wav")
    (folder / "more").mkdir()
    shutil.copy(note, folder / "more" / "a.m4a")
    (folder / "notes.txt").write_text("No sound.")
    return folder


@pytest.fixture(scope="module")
def shared_kernel(folder: Path) -> Iterator[Kernel]:
    with running_kernel(folder) as kernel:
        assert kernel.run("%load_ext ipy_gateway").status == "ok"
        yield kernel


@pytest.fixture
def kernel(shared_kernel: Kernel, tmp_path: Path) -> Kernel:
    """The kernel with a journal of its own for the test."""
    shared_kernel.run(f"import os; os.environ['IPY_GATEWAY_JOURNAL_FILE'] = {str(tmp_path / 'journal')!r}")
    return shared_kernel


def asking(kernel: Kernel, server: FaultServer, cell: str, **options: bool) -> CellRun:
    kernel.run(f"%gateway {server.url}\n%gateway set audio_api=transcriptions max_retries=0")
    return kernel.run(cell, **options)


def test_a_folder_gives_a_table_and_a_value(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, "talks = %transcribe .\nprint(list(talks.transcripts), len(talks))")

    assert run.status == "ok", run.traceback
    assert run.outputs[0]["data"]["text/plain"].startswith("2 of 2 recordings transcribed")
    assert run.outputs[1]["text"] == "['a.m4a', 'b.wav'] 2\n"


def test_several_that_are_not_assigned_are_shown_once(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, "%transcribe a.m4a b.wav")

    assert len(run.outputs) == 1


def test_a_player_for_several_recordings_is_refused_before_anything_is_sent(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, "%transcribe . --player")

    assert "--player is for one recording. Name one, or leave it out." in run.error_text
    assert server.requests == []


def test_a_larger_player_has_more_of_a_recording(kernel: Kernel) -> None:
    with fault_server(HEARD, HEARD) as server:
        small = asking(kernel, server, "_ = %transcribe b.wav")
        large = asking(kernel, server, "_ = %transcribe b.wav --player")

    small_html, large_html = (run.outputs[0]["data"]["text/html"] for run in (small, large))
    assert len(large_html) > len(small_html) + 50_000


def test_further_sound_tracks_are_told_where_the_transcript_is_shown(
    kernel: Kernel, note: Path, tmp_path: Path
) -> None:
    path = tmp_path / "call.mp4"
    tracks = ["-i", str(note), "-i", str(note), "-map", "0:a", "-map", "1:a"]
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *tracks, "-c", "copy", path], check=True)

    with fault_server(HEARD, HEARD) as server:
        alone = asking(kernel, server, f"_ = %transcribe {path}")
        of_many = asking(kernel, server, f"_ = %transcribe {path} b.wav")

    for run in (alone, of_many):
        assert [output.get("name") for output in run.outputs] == [None]  # nothing on stderr
        assert "The recording has 2 sound tracks" in run.outputs[0]["data"]["text/html"]


def test_recordings_of_one_name_stay_apart(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, "talks = %transcribe **/*.m4a\nprint(list(talks.transcripts))")

    assert run.outputs[-1]["text"] == "['a.m4a', 'more/a.m4a']\n"


def test_what_is_known_is_not_asked_again(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        asking(kernel, server, "%transcribe a.m4a b.wav")
        asked = len(server.requests)
        run = asking(kernel, server, "%transcribe a.m4a b.wav")

        assert len(server.requests) == asked
        asking(kernel, server, "%transcribe a.m4a b.wav --again")
        assert len(server.requests) == 2 * asked

    assert "2 of them known already" in run.outputs[0]["data"]["text/plain"]


def test_of_what_is_known_no_speed_is_told(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        first = asking(kernel, server, "%transcribe a.m4a")
        again = asking(kernel, server, "%transcribe a.m4a")

    first_html, again_html = (run.outputs[0]["data"]["text/html"] for run in (first, again))
    assert "real time" in first_html
    assert "known already" in again_html
    assert "real time" not in again_html


def test_one_that_fails_fails_the_cell_and_costs_no_other(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, "%transcribe a.m4a notes.txt -o talks")
        after = kernel.run("print(talks['a.m4a'].text, talks.errors['notes.txt'])")

    assert run.status == "error"
    assert "'notes.txt' could not be transcribed" in run.error_text
    assert run.error_text.endswith("what is done is not asked again. The others are in talks.")
    assert "1 of 2 recordings transcribed, 1 failed" in run.outputs[0]["data"]["text/plain"]
    assert "Eight meters." in after.text
    assert "plain text, not sound" in after.text


def test_beside_one_that_fails_it_is_told_where_the_others_are_saved(kernel: Kernel, tmp_path: Path) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, f"%transcribe a.m4a notes.txt --save {tmp_path}/out")

    assert run.error_text.endswith(f"The others are in '{tmp_path}/out'.")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_transcripts_are_saved_in_the_formats_that_are_asked_for(kernel: Kernel, tmp_path: Path) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, f"%transcribe a.m4a b.wav --save {tmp_path}/out --format srt,json")

    assert run.status == "ok", run.traceback
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("a.json", "a.srt"),
        *("b.json", "b.srt"),
    ]
    assert "Eight meters." in (tmp_path / "out" / "a.srt").read_text()


def test_what_can_not_be_saved_is_shown_and_in_its_variable(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "out" / "a.txt").mkdir(parents=True)
    with fault_server(HEARD) as server:
        one = asking(kernel, server, f"%transcribe a.m4a -o talk --save {tmp_path}/out")
        many = asking(kernel, server, f"%transcribe a.m4a b.wav -o talks --save {tmp_path}/out")

    for run in (one, many):
        assert "is a folder" in run.error_text
        assert "text/html" in run.outputs[0]["data"]
    assert kernel.run("print(talk.text, len(talks))").text == "Eight meters. 2\n"
    assert (tmp_path / "out" / "b.txt").read_text() == "Eight meters.\n"


def test_a_folder_that_can_not_be_made_is_told_before_asking(kernel: Kernel, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("A file stands in the way.")
    with fault_server(HEARD) as server:
        run = asking(kernel, server, f"%transcribe a.m4a --save {tmp_path}/out")

    assert "can't be made: a file is in its place" in run.error_text
    assert server.requests == []


def test_addresses_of_one_name_give_a_transcript_each(kernel: Kernel, note: Path) -> None:
    recording = answer(body=note.read_bytes(), headers={"Content-Type": "audio/mp4"})
    with fault_server(HEARD) as server, fault_server(recording) as web:
        cell = f"talks = %transcribe {web.url}/1/talk.m4a {web.url}/2/talk.m4a\nprint(*talks.transcripts)"
        run = asking(kernel, server, cell)

    assert run.outputs[-1]["text"] == f"{web.url}/1/talk.m4a {web.url}/2/talk.m4a\n"


def test_a_list_of_one_gives_a_table_too(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        cell = "data = [open('a.m4a', 'rb').read()]\nt = %transcribe {{data}}\nprint(list(t.transcripts))"
        run = asking(kernel, server, cell)

    assert run.outputs[-1]["text"] == "['data[0]']\n"


def test_options_reach_the_server(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        asking(kernel, server, "%transcribe a.m4a -l de --prompt 'Anna Braun' -m whisper-9 --words")
        form = server.requests[-1].body

    for said in (b"de", b"Anna Braun", b"whisper-9", b"timestamp_granularities[]"):
        assert said in form


def test_an_address_is_fetched(kernel: Kernel, note: Path) -> None:
    recording = answer(body=note.read_bytes(), headers={"Content-Type": "audio/mp4"})
    with fault_server(HEARD) as server, fault_server(recording) as web:
        run = asking(kernel, server, f"t = %transcribe {web.url}/shows/talk.m4a\nprint(t.source, t.text)")

    assert run.outputs[-1]["text"] == "talk.m4a Eight meters.\n"


def test_a_variable_is_transcribed(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        cell = "data = open('a.m4a', 'rb').read()\nt = %transcribe {{data}}\nprint(t.text)"
        run = asking(kernel, server, cell)

    assert run.status == "ok", run.traceback
    assert run.outputs[-1]["text"] == "Eight meters.\n"


def test_headless_there_is_one_output_without_times(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        run = asking(kernel, server, "%transcribe a.m4a b.wav --again", allow_stdin=False)

    assert run.display_updates == 0
    assert "real time" not in run.outputs[0]["data"]["text/html"]


def test_an_interrupt_keeps_what_is_done_and_says_how_to_go_on(kernel: Kernel, tmp_path: Path) -> None:
    silent = Answer(b"")
    with fault_server(HEARD) as server:
        asking(kernel, server, "%transcribe a.m4a")
        server.script = [silent]
        kernel.run("talks = None")
        message_id = kernel.start(f"%transcribe a.m4a b.wav -o talks --save {tmp_path}/out")
        asked = len(server.requests)
        while len(server.requests) == asked:
            time.sleep(0.05)
        time.sleep(1)  # for the one that is known already
        kernel.interrupt()
        run = kernel.finish(message_id)

    assert run.error_name == "KeyboardInterrupt"
    assert "1 of 2 recordings transcribed" in run.text
    assert "b.wav: stopped" in run.text
    assert "Run the cell again to go on" in run.text
    assert kernel.run("print(list(talks.transcripts))").text == "['a.m4a']\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.txt"]


def test_one_that_fails_is_no_longer_said_to_go_on(kernel: Kernel) -> None:
    with fault_server(answer(400, delay_s=1.0)) as server:
        run = asking(kernel, server, "%transcribe b.wav")

    assert run.status == "error"
    assert "Transcribing b.wav: stopped after" in run.text


@pytest.mark.parametrize(
    ("setting", "option", "says"),
    [
        ("journal=True", "", "Run the cell again to go on"),
        ("journal=True", "--again", "Run the cell without --again to go on"),
        ("journal=False", "", "it begins anew, because the journal is off"),
    ],
)
def test_one_that_is_stopped_says_how_to_go_on(kernel: Kernel, setting: str, option: str, says: str) -> None:
    with fault_server(Answer(b"")) as server:
        asking(kernel, server, f"%gateway set {setting}")
        message_id = kernel.start(f"%transcribe b.wav {option}")
        while not server.requests:
            time.sleep(0.05)
        kernel.interrupt()
        run = kernel.finish(message_id)
        kernel.run("%gateway set journal=True")

    assert run.error_name == "KeyboardInterrupt"
    assert says in run.text


def test_a_stop_while_the_player_is_made_does_not_cost_the_transcript(kernel: Kernel, tmp_path: Path) -> None:
    slow = tmp_path / "ffmpeg"
    slow.write_text(f"#!/bin/sh\necho > {tmp_path}/started\nexec sleep 60\n")
    slow.chmod(0o700)
    with fault_server(HEARD) as server:
        asking(kernel, server, f"%gateway set ffmpeg_bin={slow}")
        message_id = kernel.start("%transcribe b.wav -o talk")
        while not (tmp_path / "started").exists():
            time.sleep(0.05)
        kernel.interrupt()
        run = kernel.finish(message_id)
        kernel.run("%gateway set ffmpeg_bin=ffmpeg")

    assert run.error_name == "KeyboardInterrupt"
    assert "Eight meters." in run.text
    assert kernel.run("print(talk.text)").text == "Eight meters.\n"


async def test_what_was_fetched_is_removed_before_the_next_is_fetched(
    note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept: list[list[str]] = []

    def recording(_: RecordedRequest) -> Answer:
        kept.append([path.name for path in tmp_path.glob("ipy_gateway_*/*")])
        return answer(body=note.read_bytes(), headers={"Content-Type": "audio/mp4"})

    with fault_server(HEARD) as server, fault_server(respond=recording) as web:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        sources = [Source(name, f"{web.url}/{name}") for name in ("a.m4a", "b.m4a")]
        batch = Batch(sources, TranscribeOptions(("…",), jobs=1), config)
        await batch.run()

    assert list(batch.result.transcripts) == ["a.m4a", "b.m4a"]
    assert kept == [[], []]


async def test_what_has_come_of_a_recording_that_breaks_off_is_removed_at_once(
    note: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept: list[list[str]] = []
    whole = answer(body=note.read_bytes(), headers={"Content-Type": "audio/mp4"})

    def recording(request: RecordedRequest) -> Answer:
        kept.append([path.name for path in tmp_path.glob("ipy_gateway_*/*")])
        return Answer(whole.data[:-100], closes=True) if request.target == "/a.m4a" else whole

    with fault_server(HEARD) as server, fault_server(respond=recording) as web:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        sources = [Source(name, f"{web.url}/{name}") for name in ("a.m4a", "b.m4a")]
        batch = Batch(sources, TranscribeOptions(("…",), jobs=1), config)
        await batch.run()

    assert list(batch.result.errors) == ["a.m4a"]
    assert list(batch.result.transcripts) == ["b.m4a"]
    assert kept == [[], []]


async def test_the_progress_of_recordings_of_one_name_is_that_of_each(tmp_path: Path) -> None:
    sources = []
    for number, words in enumerate((90, 10, 50)):
        path = tmp_path / str(number) / "talk.wav"
        path.parent.mkdir()
        path.write_bytes(wav(spoken(range(words))))
        sources.append(Source(f"{number}/talk.wav", path))

    with hearing_server(Ear()) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions", journal=False, window_s=10)
        batch = Batch(sources, TranscribeOptions(("…",), jobs=3), config)
        await batch.run()

    assert [state.done_s for state in batch.states] == [
        transcript.duration_s for transcript in batch.result.transcripts.values()
    ]
    assert len({state.done_s for state in batch.states}) == 3


def test_the_journal_is_shown_searched_and_emptied(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        asking(kernel, server, "%transcribe a.m4a b.wav")

    assert kernel.run("%gateway journal").text.count("Eight meters.") == 2
    assert "a.m4a" not in kernel.run("%gateway journal b.wav").text
    assert "The journal is empty now; it held 2 pieces." in kernel.run("%gateway journal --empty").text
    assert kernel.run("%gateway journal").text == "The journal holds nothing."


def test_a_part_of_a_transcript_has_no_speed_of_its_own(kernel: Kernel) -> None:
    with fault_server(HEARD) as server:
        asking(kernel, server, "t = %transcribe a.m4a")
        run = kernel.run("from dataclasses import replace\nreplace(t, duration_s=9.0, seconds=1.0)")

    html = "".join(output["data"]["text/html"] for output in run.outputs)
    assert "9 s" in html
    assert "real time" not in html
