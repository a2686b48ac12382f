"""Folders that a person named, and the one that this system has for caches."""

import os
from pathlib import Path

from ..core.exceptions import ConfigurationError
from .requirements import missing_extra


def given_path(text: str, *, setting: str) -> Path:
    """The path that a setting holds, with `~` and `~user` filled in.

    Raises:
        ConfigurationError: there is no such home folder.
    """
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{setting} is {text!r:.80}, and this machine knows no such home folder.", "Give the whole path."
        ) from error


def cache_root() -> Path:
    """IPY_GATEWAY_CACHE, or the folder that this system has for caches.

    Raises:
        ConfigurationError: platformdirs isn't installed or finds no home, and IPY_GATEWAY_CACHE isn't set.
    """
    if given := os.environ.get("IPY_GATEWAY_CACHE"):
        return given_path(given, setting="IPY_GATEWAY_CACHE")
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    try:
        found = user_cache_path("ipy_gateway")
    except RuntimeError:
        found = Path()
    if not found.is_absolute():  # "~/.cache": without HOME, and with a user that no one knows
        raise ConfigurationError(
            "This user has no home folder, so there is no place for the weights of the models.",
            "Set IPY_GATEWAY_CACHE to a folder that can be written.",
        )
    return found


def model_folders() -> list[Path]:
    """The folders in IPY_GATEWAY_MODELS.

    Raises:
        ConfigurationError: one of them is below a home folder that isn't there.
    """
    given = os.environ.get("IPY_GATEWAY_MODELS", "").split(os.pathsep)
    return [given_path(folder, setting="IPY_GATEWAY_MODELS") for folder in given if folder]
