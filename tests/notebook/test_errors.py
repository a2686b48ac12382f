"""Bad input to a magic: one sentence and a hint, the cell fails, and nothing else is lost."""

import os
import socket
import struct
import wave
from pathlib import Path

import pytest

from ..support.kernel import CellRun, Kernel, running_kernel
from ..support.loopback import silent_server

LFS_POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"


@pytest.fixture
def kernel(warm_kernel: Kernel) -> Kernel:
    """The shared kernel, with a variable in it and asking the embedded engine."""
    warm_kernel.run("important = 6 * 7\n_ = %gateway local://engine")
    return warm_kernel


def run_and_fail(kernel: Kernel, code: str, *, timeout_s: float = 60.0) -> str:
    """Run a cell that fails as it should, and return what it says."""
    run = kernel.run(code, timeout_s=timeout_s)
    assert_short(run)
    assert kernel.run("print(important)").text == "42\n"
    return "\n".join(run.traceback)


def assert_short(run: CellRun) -> None:
    assert run.status == "error"
    assert len(run.traceback) == 2, run.traceback
    assert run.traceback[1].startswith("Hint: ")
    assert "Traceback" not in "".join(run.traceback)
    assert "--->" not in "".join(run.traceback)


def test_a_missing_file_names_what_comes_near(kernel: Kernel) -> None:
    said = run_and_fail(kernel, "%transcribe interveiw.wav")

    assert said.startswith(
        "InvalidRequestError: There is no file 'interveiw.wav'.\nHint: Did you mean 'interview.wav'"
    )


def test_a_missing_folder_is_named(kernel: Kernel, work_folder: Path) -> None:
    said = run_and_fail(kernel, "%transcribe recordings/talk.wav")

    assert "no file 'recordings/talk.wav'" in said
    assert "folder 'recordings' does not exist" in said
    assert str(work_folder) in said


def test_a_name_is_needed(kernel: Kernel) -> None:
    said = run_and_fail(kernel, "%transcribe")

    assert "needs the name of a recording" in said


@pytest.mark.parametrize("name", ['""', "''"])
def test_an_empty_name_is_none(kernel: Kernel, name: str) -> None:
    said = run_and_fail(kernel, f"%transcribe {name}")

    assert "needs the name of a recording" in said


def test_an_open_quote_is_named(kernel: Kernel) -> None:
    said = run_and_fail(kernel, '%transcribe "interview.wav')

    assert "open quote" in said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
def test_a_fifo_is_not_waited_for(kernel: Kernel, work_folder: Path) -> None:
    os.mkfifo(work_folder / "pipe.wav")

    said = run_and_fail(kernel, "%transcribe pipe.wav", timeout_s=10)

    assert "no regular file" in said


def test_a_name_that_is_too_long_is_no_crash(kernel: Kernel) -> None:
    said = run_and_fail(kernel, f"%transcribe {'a' * 300}.wav")

    assert "can't be read" in said or "There is no file" in said


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(kernel: Kernel, work_folder: Path) -> None:
    (work_folder / "secret.wav").write_bytes(b"RIFF")
    (work_folder / "secret.wav").chmod(0)

    said = run_and_fail(kernel, "%transcribe secret.wav")

    assert "'secret.wav' can't be read: Permission denied." in said


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("empty.wav", b"", "empty"),
        ("page.wav", b"<!DOCTYPE html><html><title>Log in</title></html>", "HTML"),
        ("pointer.wav", LFS_POINTER.encode(), "Git LFS"),
        ("text.wav", b"These are only words.", "plain text"),
    ],
)
def test_a_file_that_is_no_recording_is_called_what_it_is(
    kernel: Kernel, work_folder: Path, name: str, content: bytes, expected: str
) -> None:
    (work_folder / name).write_bytes(content)

    said = run_and_fail(kernel, f"%transcribe {name}")

    assert said.startswith("AudioProcessingError: ")
    assert expected in said


def test_a_wav_of_one_sample_is_too_short(kernel: Kernel, work_folder: Path) -> None:
    with wave.open(str(work_folder / "click.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(struct.pack("<h", 1000))

    said = run_and_fail(kernel, "%transcribe click.wav")

    assert "too short: 0.0001 s" in said


def test_a_wav_that_is_cut_short_says_so(kernel: Kernel, work_folder: Path, interview: Path) -> None:
    (work_folder / "half.wav").write_bytes(interview.read_bytes()[:700_000])

    said = run_and_fail(kernel, "%transcribe half.wav")

    assert "cut short" in said


def test_a_large_file_that_is_no_recording_is_called_so(kernel: Kernel, work_folder: Path) -> None:
    with (work_folder / "huge.wav").open("wb") as file:
        file.truncate(20_000_001)

    said = run_and_fail(kernel, "%%analyze huge.wav\nWho speaks?")

    assert "'huge.wav': the recording is of no known kind" in said


def test_analyze_says_the_same(kernel: Kernel) -> None:
    said = run_and_fail(kernel, "%%analyze interveiw.wav\nWho speaks?")

    assert "Did you mean 'interview.wav'" in said


@pytest.mark.parametrize("cell", ["%%chat\n\n  \n", "%%analyze interview.wav\n\n"])
def test_an_empty_cell_asks_nothing(kernel: Kernel, cell: str) -> None:
    said = run_and_fail(kernel, cell)

    assert "is empty" in said


def test_a_cell_without_any_line_is_refused_by_ipython_itself(kernel: Kernel) -> None:
    reply = kernel.client.execute("%%chat", reply=True, timeout=10)

    assert reply["content"]["status"] == "error"
    assert "the cell body is empty" in reply["content"]["evalue"]


def test_no_server_is_listening(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    kernel.run(f"%gateway {url}")

    said = run_and_fail(kernel, "%%chat\nIs anybody there?")

    assert said.startswith(f"UpstreamUnreachableError: No server answers at {url} (")
    assert "%gateway URL" in said


def test_a_server_has_another_path(kernel: Kernel, text_server: str) -> None:
    kernel.run(f"%gateway {text_server}/wrong")

    said = run_and_fail(kernel, "%%chat\nIs anybody there?")

    assert said.startswith(f"UpstreamResponseError: {text_server}/wrong answered 404 Not Found")
    assert "Check the base URL" in said


@pytest.mark.parametrize("url", ["foo", "ftp://example.com", "http://", "localhost:8080"])
def test_a_url_that_is_none_changes_nothing(kernel: Kernel, url: str) -> None:
    said = run_and_fail(kernel, f"%gateway {url}")

    assert said.startswith("ConfigurationError: ")
    assert repr(url) in said
    assert "local://engine" in kernel.run("%gateway").text


def test_a_server_without_audio_says_who_takes_it(kernel: Kernel, text_server: str) -> None:
    kernel.run(f"%gateway {text_server}")

    said = run_and_fail(kernel, "%transcribe interview.wav")

    assert said.startswith("UpstreamResponseError: ")
    assert "takes no audio" in said
    assert "local://engine" in said


def test_what_was_going_on_does_not_stay_as_if_it_went_on(work_folder: Path) -> None:
    with silent_server() as server, running_kernel(work_folder, IPY_GATEWAY_TIMEOUT_S="1.5") as kernel:
        kernel.run(f"%load_ext ipy_gateway\n%gateway {server.url}")

        run = kernel.run("%%chat\nIs anybody there?")

    assert_short(run)
    assert run.error_name == "UpstreamTimeoutError"
    assert run.text == "Waiting for the answer: stopped after 2 s."
