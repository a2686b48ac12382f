"""A recording's file is opened once, looked at, and read up to the limit: nothing else is believed."""

import dataclasses
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ipy_gateway.core import GatewayConfig
from ipy_gateway.core.exceptions import AudioProcessingError, InvalidRequestError
from ipy_gateway.core.recording_file import read_recording

CONFIG = GatewayConfig(audio_max_upload_bytes=100_000)
posix_alone = pytest.mark.skipif(os.name != "posix", reason="files of POSIX")
linux_alone = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="files of Linux")


@pytest.mark.parametrize("size", [0, 1, 99_999, 100_000])
def test_a_file_up_to_the_limit_is_read_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "talk.wav").write_bytes(content)

    assert read_recording(tmp_path / "talk.wav", CONFIG) == content


def test_a_name_as_text_and_every_byte_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"one\r\ntwo\x1athree\n")

    assert read_recording(str(tmp_path / "talk.wav"), CONFIG) == b"one\r\ntwo\x1athree\n"


def test_a_link_to_a_recording_is_followed(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"sound")
    (tmp_path / "link.wav").symlink_to("talk.wav")

    assert read_recording(tmp_path / "link.wav", CONFIG) == b"sound"


def test_a_file_over_the_limit_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    with (tmp_path / "huge.wav").open("wb") as file:
        file.truncate(10**12)  # a hole: whoever reads it never comes back

    with pytest.raises(AudioProcessingError) as caught:
        read_recording(tmp_path / "huge.wav", CONFIG)

    assert caught.value.message == ("'huge.wav' has 1,000,000,000,000 bytes, and the limit is 100,000 bytes.")
    assert caught.value.error_type == "audio_too_large"


def test_a_generous_limit_takes_no_memory_in_advance(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"sound")

    generous = dataclasses.replace(CONFIG, audio_max_upload_bytes=10**12)

    assert read_recording(tmp_path / "talk.wav", generous) == b"sound"


@contextmanager
def written_to_for_ever(path: Path) -> Iterator[None]:
    """A recorder that never comes to an end, or at twenty megabytes."""
    done = threading.Event()

    def write() -> None:
        with path.open("ab", buffering=0) as file:
            while not done.is_set() and file.tell() < 20_000_000:
                file.write(bytes(1 << 12))

    with path.open("wb") as file:
        file.write(bytes(1000))
    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        done.set()
        writer.join()


def test_a_file_that_grows_past_the_limit_is_refused(tmp_path: Path) -> None:
    growing = tmp_path / "growing.wav"

    with written_to_for_ever(growing), pytest.raises(AudioProcessingError) as caught:
        read_until_refused(growing)

    assert caught.value.error_type == "audio_too_large"
    assert caught.value.message.startswith("'growing.wav' ")
    assert "100,000" in caught.value.message


def read_until_refused(path: Path) -> None:
    while True:
        read_recording(path, CONFIG)


@linux_alone
def test_a_file_that_states_no_bytes_and_goes_on_for_ever_is_refused_at_the_limit() -> None:
    endless = Path("/proc/self/pagemap")  # it is read in pieces of 8 bytes, and 79,999 + 1 is so many
    config = dataclasses.replace(CONFIG, audio_max_upload_bytes=79_999)
    assert endless.stat().st_size == 0

    with pytest.raises(AudioProcessingError) as caught:
        read_recording(endless, config)

    assert caught.value.message == "'pagemap' stated 0 bytes, and went on past the limit of 79,999."
    assert caught.value.error_type == "audio_too_large"


@linux_alone
def test_a_file_that_states_no_bytes_and_has_some_is_read() -> None:
    assert read_recording("/proc/self/status", CONFIG).startswith(b"Name:")


@linux_alone
def test_a_file_that_fails_in_the_middle_is_one_sentence() -> None:
    with pytest.raises(InvalidRequestError, match=r"^'/proc/self/mem' can't be read: Input/output error\."):
        read_recording("/proc/self/mem", CONFIG)


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        read_recording(tmp_path, CONFIG)

    assert str(caught.value) == f"{str(tmp_path)!r} is a folder. Name a recording in it."


@posix_alone
def test_a_fifo_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")

    with pytest.raises(InvalidRequestError, match=r"pipe\.wav' is no regular file"):
        read_recording(tmp_path / "pipe.wav", CONFIG)


@posix_alone
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"'{device}' is no regular file"):
        read_recording(device, CONFIG)


@posix_alone
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # its name has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("talk.wav")

        with pytest.raises(InvalidRequestError, match=r"'talk\.wav' is no regular file"):
            read_recording("talk.wav", CONFIG)


@posix_alone
def test_a_file_that_becomes_a_fifo_at_the_last_moment_is_refused_without_waiting(tmp_path: Path) -> None:
    path = tmp_path / "talk.wav"
    outcomes = set()
    with changing_places(path):
        for _ in range(2000):
            outcomes.add(outcome_of_reading(path))

    assert outcomes <= {b"sound", f"{str(path)!r} is no regular file."}


def outcome_of_reading(path: Path) -> bytes | str:
    try:
        return read_recording(path, CONFIG)
    except InvalidRequestError as error:
        return error.message


@contextmanager
def changing_places(path: Path) -> Iterator[None]:
    """A recording and a FIFO that stand at `path` in turns, as fast as can be."""
    done = threading.Event()
    path.with_suffix(".sound").write_bytes(b"sound")
    os.mkfifo(path.with_suffix(".fifo"))
    path.symlink_to(path.with_suffix(".sound"))

    def change() -> None:
        while not done.is_set():
            for suffix in (".fifo", ".sound"):
                path.with_suffix(".new").symlink_to(path.with_suffix(suffix))
                path.with_suffix(".new").replace(path)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        yield
    finally:
        done.set()
        changer.join()


@pytest.mark.parametrize("name", ["absent.wav", "talk.wav/absent.wav", "absent/talk.wav"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "talk.wav").write_bytes(b"sound")

    with pytest.raises(InvalidRequestError) as caught:
        read_recording(tmp_path / name, CONFIG)

    assert str(caught.value) == (f"There is no file {str(tmp_path / name)!r}. Check its name and its folder.")


@pytest.mark.parametrize("name", ["talk\0.wav", "talk\ud800.wav"])
def test_a_name_that_no_file_has_is_one_sentence(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="no file has a name like this"):
        read_recording(name, CONFIG)


@posix_alone
def test_links_in_a_circle_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").symlink_to("talk.wav")

    with pytest.raises(InvalidRequestError, match="can't be read: Too many levels of symbolic links"):
        read_recording(tmp_path / "talk.wav", CONFIG)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"sound")
    (tmp_path / "talk.wav").chmod(stat.S_IWUSR)

    with pytest.raises(InvalidRequestError, match="can't be read: Permission denied"):
        read_recording(tmp_path / "talk.wav", CONFIG)


@linux_alone
def test_no_descriptor_stays_open_whatever_happens(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(bytes(200_000))
    before = open_descriptors()

    for path in (tmp_path / "talk.wav", tmp_path, Path("/proc/self/pagemap"), Path("/proc/self/mem")):
        with pytest.raises((InvalidRequestError, AudioProcessingError)):
            read_recording(path, CONFIG)

    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
