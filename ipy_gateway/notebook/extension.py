"""%load_ext and %unload_ext."""

import warnings
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.exceptions import IncompleteAnswerWarning
from .magics import GatewayMagics


def load(shell: InteractiveShell) -> None:
    """Register the magics."""
    unload(shell)
    shell.register_magics(GatewayMagics(shell))
    # Python shows a warning once for each line of code, and here one line asks for every transcript.
    warnings.filterwarnings("always", category=IncompleteAnswerWarning, append=True)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again."""
    registry: dict[str, Any] = shell.magics_manager.registry
    magics = registry.pop(GatewayMagics.__name__, None)
    if magics is None:
        return
    magics.close()
    for kind, names in magics.magics.items():
        table = shell.magics_manager.magics[kind]
        for name, function in names.items():
            if table.get(name) is function:  # somebody else's may have taken its place
                del table[name]
