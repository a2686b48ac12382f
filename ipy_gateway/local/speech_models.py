"""Which speech model a name stands for, where it is, and the model itself."""

import os
import re
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..core.config import LOCAL_SPEECH_MODEL
from ..core.exceptions import ConfigurationError
from ..core.waiting.progress import ProgressCallback
from .folders import given_path
from .hub import hub_folder, missing_files
from .pins import WHISPER_TINY_EN
from .requests import UnknownModelError
from .requirements import import_extra
from .weights import ensure_weights, progress_shown
from .worker import Cancelled

LOADED_MODELS = 2  # those used last stay in memory
# Threads wait for each other in each of the many small steps of a decoder. On two cores, two packs with a
# thread each took four fifths of the CPU of one pack with two, and a single half minute took no longer.
_MOST_AT_ONCE = 2
_USUAL_THREADS = 4  # CTranslate2's own number, where nothing else is asked for
ALIASES = ("", "whisper-1")  # OpenAI's clients have to name a model: their usual name stands for the default
_REPOSITORY = re.compile(r"[\w.-]{1,96}/[\w.-]{1,96}")


def speech_model_name(given: Any) -> str:
    """The name that a request gives, or the default's where it gives none of its own."""
    return LOCAL_SPEECH_MODEL if given is None or given in ALIASES else str(given)


def model_folder(name: str, listener: ProgressCallback | None, cancelled: Cancelled) -> Path:
    """Where a speech model is, after it was fetched if need be; blocks, for minutes where it is fetched.

    Args:
        name: "whisper-tiny.en", a folder, a name that faster-whisper knows, or a repository of the hub.

    Raises:
        UnknownModelError: it is none of these.
        ConfigurationError: the engine is not installed, or the model can't be had.
    """
    faster_whisper = import_extra("faster_whisper")
    if name == LOCAL_SPEECH_MODEL:
        return ensure_weights(WHISPER_TINY_EN, on_progress=listener, cancelled=cancelled)
    if folder := _existing(name):
        return folder
    # The names are faster-whisper's, and so are their repositories, which it has no public word for.
    repositories = getattr(faster_whisper.utils, "_MODELS", {})
    if name in faster_whisper.available_models():
        repository = repositories.get(name, f"Systran/faster-whisper-{name}")
    elif _REPOSITORY.fullmatch(name) and not name.startswith((".", "~")):
        repository = name
    else:
        raise UnknownModelError(
            "speech", name, f"it has {LOCAL_SPEECH_MODEL!r}, and takes a folder or a name such as 'small'"
        )
    with progress_shown(listener) as report:
        return hub_folder(repository, on_progress=report, cancelled=cancelled)


def _existing(name: str) -> Path | None:
    path = given_path(name, setting="audio_model")
    with suppress(OSError):  # a name that is too long for a file
        if path.is_file():
            raise UnknownModelError("speech", name, "that is a file, and a speech model is a folder")
        if path.is_dir():
            if missing := missing_files(path):
                raise UnknownModelError("speech", name, f"that folder has no {missing[0]}")
            return path
    return None


@lru_cache(maxsize=LOADED_MODELS)
def load_model(folder: Path) -> Any:
    """The model in a folder; the two that were used last stay in memory.

    Raises:
        ConfigurationError: the folder holds none that can be loaded.
    """
    faster_whisper = import_extra("faster_whisper")
    try:
        return faster_whisper.WhisperModel(
            str(folder),
            device="cpu",
            compute_type="int8",
            num_workers=packs_at_once(),
            cpu_threads=_threads() // packs_at_once(),
        )
    except Exception as error:  # tokenizers and ctranslate2 have errors of all kinds for a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
        raise ConfigurationError(
            f"The speech model {str(folder)!r} can't be loaded: {reason}.",
            "Check that the folder holds a whole CTranslate2 model for faster-whisper.",
        ) from error


def packs_at_once() -> int:
    """How many packs of speech a model hears side by side, with an equal share of the threads for each."""
    return min(_MOST_AT_ONCE, _threads())


def _threads() -> int:
    """As many as CTranslate2 would take for one pack after the other."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return max(1, int(wanted)) if wanted.isdecimal() else min(_USUAL_THREADS, _cores())


def _cores() -> int:
    """Those that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
