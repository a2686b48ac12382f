"""Where this system keeps what belongs to a user."""

import os
import sys
from pathlib import Path


def data_folder() -> Path:
    """The folder that this system has for a user's data.

    Raises:
        RuntimeError: this user has no home folder.
    """
    if os.name == "nt" and (given := os.environ.get("LOCALAPPDATA")):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    given = os.environ.get("XDG_DATA_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".local" / "share"
