"""Imports of what the extra `local` installs, with a clear error where it is not there."""

import importlib
import importlib.util
import traceback
from types import ModuleType

from ..core.exceptions import ConfigurationError
from .spinning import spinning_briefly


def import_extra(module: str) -> ModuleType:
    """Import a module that only the extra `local` brings.

    Raises:
        ConfigurationError: it is not installed, or broken.
    """
    try:
        with spinning_briefly():
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing_extra(error) from error
    except Exception as error:  # a module may raise anything: an av.py beside the notebook is one
        raise _broken_extra(error) from error


def check_extra(module: str) -> None:
    """Look whether a module of the extra `local` is installed, without the cost of importing it.

    Raises:
        ConfigurationError: it is not.
    """
    if importlib.util.find_spec(module) is None:
        raise missing_extra(ModuleNotFoundError(f"No module named {module!r}"))


def missing_extra(error: ImportError) -> ConfigurationError:
    """What to raise when a package of the extra `local` can't be imported."""
    return ConfigurationError(
        f"The embedded engine (local://engine) is not installed: {error}.",
        'Run pip install "ipy-gateway[local]", or ask a server: %gateway http://localhost:8080 '
        "in a notebook, text_base_url in code.",
    )


def _broken_extra(error: Exception) -> ConfigurationError:
    reason = f"{type(error).__name__}: {error}"[:200].rstrip(". ")
    return ConfigurationError(
        f"The embedded engine (local://engine) can't be imported: {_broken_file(error)!r} raises {reason}.",
        "Rename that file where it is your own, beside the notebook; otherwise install it again: "
        'pip install --force-reinstall "ipy-gateway[local]".',
    )


def _broken_file(error: Exception) -> str:
    """The file of the module that was being imported last."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.filename for frame in reversed(frames) if frame.name == "<module>"), "a module of it")
