"""What pages send, written to files: slices in any order, names of any kind, and what is refused."""

import hashlib
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway.core.exceptions import AudioProcessingError, InvalidRequestError
from ipy_gateway.notebook.upload.upload_limits import Announcement, Limits, limits_of
from ipy_gateway.notebook.upload.upload_spool import UploadSpool

SOUND = bytes(range(256)) * 10
HALF = len(SOUND) // 2


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadSpool]:
    """A spool whose folder for temporary files is this test's."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = UploadSpool(Limits())
    yield spool
    spool.close()


def announced(**changes: Any) -> Announcement:
    return Announcement.of(
        {"id": "a1", "name": "talk.wav", "size": len(SOUND), "type": "audio/wav", **changes}
    )


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_folder_that_somebody_has_removed_is_made_anew(spool: UploadSpool, tmp_path: Path) -> None:
    spool.begin(announced())
    (folder,) = tmp_path.iterdir()
    shutil.rmtree(folder)

    spool.begin(announced(id="a2"))
    upload = spool.write("a2", 0, SOUND)

    assert upload
    assert upload.path.read_bytes() == SOUND


def test_slices_become_a_file_of_the_same_bytes(spool: UploadSpool) -> None:
    spool.begin(announced())

    before = spool.write("a1", 0, SOUND[:HALF])
    upload = spool.write("a1", HALF, memoryview(SOUND)[HALF:])

    assert before is None
    assert upload
    assert upload.path.read_bytes() == SOUND
    assert upload.sha256 == hashlib.sha256(SOUND).hexdigest()
    assert (upload.name, upload.size_bytes) == ("talk.wav", len(SOUND))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_what_is_sent_is_for_the_user_alone(spool: UploadSpool) -> None:
    spool.begin(announced())

    upload = spool.write("a1", 0, SOUND)

    assert upload
    assert stat.S_IMODE(upload.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(upload.path.parent.stat().st_mode) == 0o700


def test_a_slice_that_comes_twice_is_taken_once(spool: UploadSpool) -> None:
    spool.begin(announced())
    spool.write("a1", 0, SOUND[:HALF])

    spool.write("a1", 0, SOUND[:HALF])
    upload = spool.write("a1", HALF, SOUND[HALF:])

    assert upload
    assert upload.path.read_bytes() == SOUND


def test_a_slice_that_comes_too_early_is_asked_for_again(spool: UploadSpool) -> None:
    spool.begin(announced())

    spool.write("a1", HALF, SOUND[HALF:])

    assert spool.received("a1") == 0


@pytest.mark.parametrize("more", [SOUND + b"x", b""], ids=["more", "nothing"])
def test_a_file_that_changes_meanwhile_is_refused(spool: UploadSpool, tmp_path: Path, more: bytes) -> None:
    spool.begin(announced())

    with pytest.raises(InvalidRequestError, match=r"'talk\.wav' has changed while it was sent"):
        spool.write("a1", 0, more)

    assert files_in(tmp_path) == []


def test_what_is_discarded_leaves_no_file(spool: UploadSpool, tmp_path: Path) -> None:
    spool.begin(announced())
    spool.write("a1", 0, SOUND[:HALF])

    spool.discard("a1")

    assert files_in(tmp_path) == []
    with pytest.raises(InvalidRequestError, match="does not know this upload"):
        spool.write("a1", HALF, SOUND[HALF:])


def test_a_close_removes_everything(spool: UploadSpool, tmp_path: Path) -> None:
    spool.begin(announced())
    spool.begin(announced(id="a2"))
    spool.write("a2", 0, SOUND)

    spool.close()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"size": 0}, "'talk.wav' is empty: it has 0 bytes"),
        ({"size": 3_000_000_000}, "too large: it has 3.0 GB, and up to 2.0 GB are taken"),
        ({"name": "notes.txt", "type": "text/plain"}, "'notes.txt' is not of a kind that is taken"),
        ({"size": -1}, "The size of the file is -1"),
        ({"size": True}, "The size of the file is True"),
        ({"size": "9"}, "The size of the file is '9'"),
        ({"size": 2.5}, "The size of the file is 2.5"),
        ({"id": "../a"}, r"'\.\./a' is no name of an upload"),
        ({"id": None}, "None is no name of an upload"),
        ({"modified": "today"}, "The modified of the file is 'today'"),
    ],
    ids=str,
)
def test_what_can_not_be_taken_is_refused_before_it_is_sent(
    spool: UploadSpool, tmp_path: Path, changes: dict[str, Any], problem: str
) -> None:
    with pytest.raises(InvalidRequestError, match=problem) as refused:
        spool.begin(announced(**changes))

    assert refused.value.hint
    assert files_in(tmp_path) == []


def test_more_than_the_disk_has_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    spool = UploadSpool(Limits(max_bytes=1 << 50))

    with pytest.raises(AudioProcessingError, match=r"are needed and .* are free"):
        spool.begin(announced(size=1 << 50))

    spool.close()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("talk.wav", "talk.wav"),
        ("../../x.wav", "x.wav"),
        (r"C:\Windows\x.wav", "x.wav"),
        ("a\0b\n.wav", "ab .wav"),
        ("<img src=x onerror=alert(1)>.wav", "<img src=x onerror=alert(1)>.wav"),
        ("photo\u202egnp.wav", "photognp.wav"),
        ("..", "recording"),
        ("", "recording"),
        ("/", "recording"),
        ("CON.wav", "CON.wav"),
        ("Grüße 東京 🗼.wav", "Grüße 東京 🗼.wav"),
        ("half \ud83d.wav", "half \ufffd.wav"),
        ("x" * 300 + ".wav", "x" * 95 + "….wav"),
        ("🗼" * 300 + ".wav", "🗼" * 95 + "….wav"),
    ],
    ids=ascii,
)
def test_a_name_is_harmless_wherever_it_goes(
    spool: UploadSpool, tmp_path: Path, name: str, shown: str
) -> None:
    announcement = announced(name=name)

    spool.begin(announcement)
    upload = spool.write("a1", 0, SOUND)

    assert upload
    assert upload.name == shown
    assert files_in(tmp_path) == [upload.path]
    assert len(upload.path.name.encode()) < 255
    assert not set(upload.path.name) & set('<>:"/\\|?*\0\n')


@pytest.mark.parametrize(
    ("accept", "name", "kind", "is_taken"),
    [
        ("audio/*", "a.weba", "audio/webm", True),
        ("audio/*", "a.mp4", "video/mp4", False),
        ("audio/*, .M4A", "a.m4a", "", True),
        ([".wav"], "A.WAV", "", True),
        (["audio/wav"], "a.wav", "audio/x-wav", False),
    ],
)
def test_types_and_suffixes_say_what_is_taken(
    accept: str | list[str], name: str, kind: str, is_taken: bool
) -> None:
    announcement = announced(name=name, type=kind)

    limits = limits_of(accept, 10_000)

    assert any(map(announcement.is_a, limits.accept)) == is_taken


@pytest.mark.parametrize(
    ("accept", "max_bytes", "problem"),
    [
        ("sounds", 1, "accept has 'sounds', which is neither"),
        ("", 1, "accept has '', which is neither"),
        ([], 1, "accept is empty"),
        ("audio/*", 0, "max_bytes is 0"),
        ("audio/*", 1.5, "max_bytes is 1.5"),
    ],
)
def test_limits_that_make_no_sense_are_refused(accept: Any, max_bytes: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        limits_of(accept, max_bytes)
