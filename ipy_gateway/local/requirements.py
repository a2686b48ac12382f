"""Imports of what the extra `local` installs, with a clear error where it is not there."""

import importlib
from types import ModuleType

from ..core.exceptions import ConfigurationError


def import_extra(module: str) -> ModuleType:
    """Import a module that only the extra `local` brings.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra(error) from error


def missing_extra(error: ImportError) -> ConfigurationError:
    """What to raise when a package of the extra `local` can't be imported."""
    return ConfigurationError(
        f"The embedded engine (local://engine) is not installed: {error}.",
        'Run pip install "ipy-gateway[local]", or ask a server: %gateway http://localhost:8080 '
        "in a notebook, text_base_url in code.",
    )
