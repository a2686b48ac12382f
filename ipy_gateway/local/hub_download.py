"""Fetch the files of a model from the hub into the hub's own cache, in a process that can be ended.

Run by path, not by `-m`: `python hub_download.py REPOSITORY FILE...`, where a file may be a pattern. It
needs nothing of this package. It writes lines of JSON: `{"done_bytes": N, "total_bytes": N}` while bytes
arrive, then `{"folder": PATH}` or `{"error": REASON}`, and exits when standard input closes, however its
parent ended.

A process of its own, because huggingface_hub can't be stopped: it retries a silent server for minutes.
"""

import fnmatch
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import huggingface_hub
from huggingface_hub import constants

POLL_S = 0.2


def main(repository: str, *patterns: str) -> None:
    """Fetch, and tell how it goes."""
    answers = os.fdopen(os.dup(1), "w")  # nobody else writes there, whatever the library prints
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    done = threading.Event()
    teller = threading.Thread(target=_tell_growth, args=(repository, patterns, answers, done), daemon=True)
    teller.start()
    try:
        folder = huggingface_hub.snapshot_download(repository, allow_patterns=list(patterns))
        answer = {"folder": folder}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    done.set()
    teller.join(1)
    _write(answers, answer)
    os._exit(0)


def _end_with_parent() -> None:
    os.read(0, 1)
    os._exit(1)


def _tell_growth(repository: str, patterns: tuple[str, ...], answers: IO[str], done: threading.Event) -> None:
    total_bytes = _total_bytes(repository, patterns)
    folder = Path(constants.HF_HUB_CACHE, "models--" + repository.replace("/", "--"))
    told_bytes = 0
    while not done.is_set():
        done_bytes = _size_bytes(folder)
        if done_bytes > told_bytes:
            told_bytes = done_bytes
            shown_bytes = min(done_bytes, total_bytes) if total_bytes else done_bytes
            _write(answers, {"done_bytes": shown_bytes, "total_bytes": total_bytes})
        time.sleep(POLL_S)


def _total_bytes(repository: str, patterns: tuple[str, ...]) -> int | None:
    try:
        files = huggingface_hub.HfApi().model_info(repository, files_metadata=True).siblings or []
    except Exception:  # it says so itself, where the files are asked for
        return None
    wanted = [file for file in files if any(fnmatch.fnmatch(file.rfilename, pattern) for pattern in patterns)]
    return sum(file.size or 0 for file in wanted) or None


def _size_bytes(folder: Path) -> int:
    """Links count for next to nothing: what they lead to is in the same folder."""
    size_bytes = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size_bytes += Path(parent, name).lstat().st_size
            except OSError:  # gone since it was listed
                continue
    return size_bytes


def _write(answers: IO[str], answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
