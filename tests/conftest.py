"""Fixtures that several test folders share."""

import csv
import io
import math
import os
import struct
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers

from ipy_gateway.core.answers import event_json
from ipy_gateway.core.loop_clients import FAST_VARIABLE
from ipy_gateway.core.requests.servers import board
from ipy_gateway.local.pins import SMOLLM2_135M, WHISPER_TINY_EN
from ipy_gateway.local.spinning import SPIN_VARIABLE, SPINS
from ipy_gateway.local.weights import ensure_weights

from .support.kernel import Kernel, running_kernel
from .support.llama import llama_server
from .support.projector import write_projector

PROJECT = Path(__file__).parents[1]
CLIPS = PROJECT.parent / "shared" / "clips"

# The same examples in every run, however slow the machine: `--hypothesis-profile=default` looks for new ones.
settings.register_profile("the same every time", derandomize=True, deadline=None)
settings.load_profile("the same every time")
# It also tries constants of the modules that are loaded, which depends on what else a worker has run.
providers._get_local_constants = lambda: providers._local_constants


# Those that take longest. They come first, for a run ends with its last file.
SLOW_FILES = (
    "test_notebooks.py",
    "test_browser_upload.py",
    "test_browser_chat.py",
    "test_long_proofs.py",
    "test_weights.py",
    "test_packaging.py",
    "test_engine_life.py",
    "test_browser.py",
    "test_cancellation.py",
    "test_engine.py",
    "test_hub.py",
    "test_interrupts.py",
    "test_browser_transcript.py",
    "test_browser_transcript_apps.py",
    "test_browser_hostile_answers.py",
    "test_terminal.py",
    "test_secrets.py",
    "test_browser_upload_apps.py",
    "test_tutorial.py",
)


@dataclass(frozen=True)
class Clip:
    """A recording of human speech with what is said in it."""

    path: Path
    reference: str


def pytest_configure() -> None:
    """Have this process, and kernels and whatever else it starts, work as most do.

    Tests that use faster-whisper by themselves have its threads wait as those of the embedded engine do.
    """
    os.environ.setdefault(SPIN_VARIABLE, SPINS)
    os.environ[FAST_VARIABLE] = "0"  # the extra `fast` is tested by itself


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have slow files first."""
    items.sort(key=lambda item: item.path.name not in SLOW_FILES)


@pytest.fixture(autouse=True)
def _nothing_known_of_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback ports are given out again: what is known of a server must not outlive it."""
    monkeypatch.setattr(board, "_servers", {})


@pytest.fixture(autouse=True)
def _journal_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What one test heard is not known to the next, nor to whoever runs the tests."""
    monkeypatch.setenv("IPY_GATEWAY_JOURNAL_FILE", str(tmp_path / "journal.sqlite3"))


@pytest.fixture(autouse=True)
def _servers_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What one test's doctor found is not known to the next, nor to whoever runs the tests."""
    monkeypatch.setenv("IPY_GATEWAY_SERVERS_FILE", str(tmp_path / "servers.json"))


@pytest.fixture(autouse=True)
def _without_extra_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads the events of streams; its connections are turned off for all processes."""
    monkeypatch.setattr(event_json, "_fast_json", lambda: None)


@pytest.fixture(scope="session")
def speech_model() -> Path:
    """The folder with Whisper tiny.en."""
    return ensure_weights(WHISPER_TINY_EN)


@pytest.fixture(scope="session")
def chat_model() -> Path:
    """The file with SmolLM2-135M."""
    return ensure_weights(SMOLLM2_135M)


@pytest.fixture(scope="session")
def clips() -> list[Clip]:
    """Human speech, which lies beside the project and not in it."""
    if not CLIPS.is_dir():
        pytest.skip("the clips of human speech are not beside this checkout (../shared/clips)")
    with (CLIPS / "references.tsv").open(newline="") as lines:
        return [Clip(CLIPS / row["file"], row["reference"]) for row in csv.DictReader(lines, delimiter="\t")]


@pytest.fixture(scope="session")
def interview() -> Path:
    """The recording of the quickstart: 49 s, two voices, 16-bit WAV."""
    return PROJECT / "notebooks" / "audio" / "interview.wav"


@pytest.fixture(scope="session")
def note() -> Path:
    """A short recording in an M4A file."""
    return PROJECT / "notebooks" / "audio" / "note.m4a"


@pytest.fixture(scope="session")
def tone() -> bytes:
    """One second of a 440 Hz tone, 16 kHz mono 16-bit WAV."""
    samples = (int(8000 * math.sin(2 * math.pi * 440 * n / 16_000)) for n in range(16_000))
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return target.getvalue()


@pytest.fixture(scope="session")
def text_server(chat_model: Path) -> Iterator[str]:
    """A real llama.cpp server that takes text alone."""
    with llama_server(chat_model, name="smollm2", parallel=2) as url:
        yield url


@pytest.fixture(scope="session")
def audio_server(chat_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real llama.cpp server that takes audio, through a projector with random weights."""
    projector = write_projector(tmp_path_factory.mktemp("projector") / "mmproj.gguf", text_width=576)
    # Random weights never come to an end by themselves.
    with llama_server(chat_model, name="smollm2-audio", projector=str(projector), answer_tokens=8) as url:
        yield url


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A real kernel with the extension loaded, in an empty folder."""
    with running_kernel(tmp_path) as kernel:
        loaded = kernel.run("%load_ext ipy_gateway")
        assert loaded.status == "ok", loaded.error_text
        yield kernel
