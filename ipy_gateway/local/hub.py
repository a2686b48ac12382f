"""Speech models of the model hub: found in its cache, or fetched by a child process that can be ended."""

import json
import threading
from pathlib import Path
from typing import Any

from ..core.exceptions import ConfigurationError
from ..core.waiting.progress import Progress, ProgressCallback
from .children import Child, Lines, SilenceError, Tail, kill, start
from .downloads import STALL_S
from .requirements import import_extra

SCRIPT = Path(__file__).with_name("hub_download.py")
FILES = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
# Without tokenizer.json faster-whisper would ask the hub for one, where nothing can stop it.
NEEDED_FILES = ("model.bin", "config.json", "tokenizer.json")
# Plain HTTP: its files grow while they come, so that we see how far they are, and that they come.
_ENVIRONMENT = {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
_HINT = "Check the name and the network, or set audio_model to a folder that holds the model."


def hub_folder(repository: str, *, on_progress: ProgressCallback, cancelled: threading.Event) -> Path:
    """The folder of a CTranslate2 model of the hub, fetched if its cache has none; blocks.

    Where the hub is, where its cache lies and whether it may be asked is told by its own variables:
    HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE.

    Raises:
        ConfigurationError: the hub has no such model, or no answer.
        concurrent.futures.CancelledError: `cancelled` was set.
    """
    folder = _cached(repository)
    if folder and not missing_files(folder):
        return folder
    process = start(SCRIPT, repository, *FILES, environment=_ENVIRONMENT)
    try:
        folder = _fetched(process, repository, on_progress, cancelled)
    finally:
        kill(process)
        assert process.stdin
        process.stdin.close()
    if missing := missing_files(folder):
        raise ConfigurationError(
            f"The speech model {repository!r} of the hub has no {missing[0]}.",
            "Choose one that was converted for faster-whisper.",
        )
    return folder


def missing_files(folder: Path) -> list[str]:
    """What a folder lacks to be a model that is loaded without the network."""
    return [name for name in NEEDED_FILES if not (folder / name).is_file()]


def _cached(repository: str) -> Path | None:
    huggingface_hub = import_extra("huggingface_hub")
    try:
        return Path(huggingface_hub.snapshot_download(repository, local_files_only=True))
    except Exception:  # of many kinds, and the hub is asked next: it has the better words
        return None


def _fetched(
    process: Child, repository: str, on_progress: ProgressCallback, cancelled: threading.Event
) -> Path:
    assert process.stdout and process.stderr
    lines, last_words = Lines(process.stdout), Tail(process.stderr)
    while True:
        try:
            line = lines.next(cancelled, patience_s=STALL_S)
        except SilenceError as error:
            raise _not_fetched(repository, f"it sent nothing for {STALL_S:g} s") from error
        answer: dict[str, Any] = json.loads(line or "{}")
        if "folder" in answer:
            return Path(answer["folder"])
        if "done_bytes" not in answer:
            reason = answer.get("error") or last_words.line(200) or "the download ended"
            raise _not_fetched(repository, reason)
        on_progress(Progress(repository, answer["done_bytes"], answer["total_bytes"]))


def _not_fetched(repository: str, reason: str) -> ConfigurationError:
    line = " ".join(reason.split())[:200].rstrip(". ")
    return ConfigurationError(
        f"The speech model {repository!r} can't be fetched from the hub ({line}).", _HINT
    )
