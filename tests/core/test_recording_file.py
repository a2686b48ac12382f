"""A recording's file is opened once, looked at, and read; what is no file is refused without waiting."""

import asyncio
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ipy_gateway.core.exceptions import InvalidRequestError
from ipy_gateway.core.files.random_access import Bytes, FileBytes
from ipy_gateway.core.recordings.recording_file import open_recording
from ipy_gateway.core.recordings.recording_source import open_source

posix_alone = pytest.mark.skipif(os.name != "posix", reason="files of POSIX")
linux_alone = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="files of Linux")


def contents_of(path: str | Path) -> bytes:
    descriptor = open_recording(Path(path))
    try:
        return FileBytes(descriptor, Path(path))[:]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_file_is_read_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "talk.wav").write_bytes(content)

    assert contents_of(tmp_path / "talk.wav") == content


def test_a_name_as_text_and_every_byte_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"one\r\ntwo\x1athree\n")

    assert contents_of(str(tmp_path / "talk.wav")) == b"one\r\ntwo\x1athree\n"


def test_a_link_to_a_recording_is_followed(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"sound")
    (tmp_path / "link.wav").symlink_to("talk.wav")

    assert contents_of(tmp_path / "link.wav") == b"sound"


def test_a_folder_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        contents_of(tmp_path)

    assert str(caught.value) == f"{str(tmp_path)!r} is a folder. Name a recording in it."


@posix_alone
def test_a_fifo_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")

    with pytest.raises(InvalidRequestError, match=r"pipe\.wav' is no regular file"):
        contents_of(tmp_path / "pipe.wav")


@posix_alone
@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero"])
def test_a_device_is_refused(device: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"'{device}' is no regular file"):
        contents_of(device)


@posix_alone
def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # its name has to be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("talk.wav")

        with pytest.raises(InvalidRequestError, match=r"'talk\.wav' is no regular file"):
            contents_of("talk.wav")


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
        return contents_of(path)
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
        contents_of(tmp_path / name)

    assert str(caught.value) == (f"There is no file {str(tmp_path / name)!r}. Check its name and its folder.")


@pytest.mark.parametrize("name", ["talk\0.wav", "talk\ud800.wav"])
def test_a_name_that_no_file_has_is_one_sentence(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="no file has a name like this"):
        contents_of(name)


@posix_alone
def test_links_in_a_circle_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").symlink_to("talk.wav")

    with pytest.raises(InvalidRequestError, match="can't be read: Too many levels of symbolic links"):
        contents_of(tmp_path / "talk.wav")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "talk.wav").write_bytes(b"sound")
    (tmp_path / "talk.wav").chmod(stat.S_IWUSR)

    with pytest.raises(InvalidRequestError, match="can't be read: Permission denied"):
        contents_of(tmp_path / "talk.wav")


@linux_alone
def test_no_descriptor_stays_open_whatever_happens(tmp_path: Path) -> None:
    (tmp_path / "circle.wav").symlink_to("circle.wav")
    before = open_descriptors()

    for path in (tmp_path, tmp_path / "circle.wav", tmp_path / "absent.wav", Path("/dev/null")):
        with pytest.raises(InvalidRequestError):
            open_recording(path)

    assert open_descriptors() == before


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_who_goes_on_reading_when_it_is_closed_reads_no_other_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1" * 100)
    other.write_bytes(b"2" * 100)
    seen: set[bytes] = set()

    def read_on(content: Bytes) -> None:
        with suppress(InvalidRequestError):
            while b"2" not in seen:
                seen.add(content[5:6])

    async with open_source(one) as opened:
        reading = threading.Thread(target=read_on, args=[opened.content])
        reading.start()
        while not seen:
            await asyncio.sleep(0.001)
    async with open_source(other):
        await asyncio.to_thread(reading.join)

    assert seen == {b"1"}
