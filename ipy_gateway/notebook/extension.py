"""%load_ext and %unload_ext."""

import warnings
import weakref
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.config import GatewayConfig
from ..core.exceptions import ConfigurationError
from .magics import GatewayMagics

# What a shell had configured when the magics were taken away: %reload_ext must not send work elsewhere.
_configured: "weakref.WeakKeyDictionary[InteractiveShell, GatewayConfig]" = weakref.WeakKeyDictionary()


def load(shell: InteractiveShell) -> None:
    """Register the magics."""
    unload(shell)
    shell.register_magics(GatewayMagics(shell, _configured.get(shell) or _from_environment()))


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again."""
    registry: dict[str, Any] = shell.magics_manager.registry
    magics = registry.pop(GatewayMagics.__name__, None)
    if magics is None:
        return
    _configured[shell] = magics.gateway_config
    magics.close()
    for kind, names in magics.magics.items():
        table = shell.magics_manager.magics[kind]
        for name, function in names.items():
            if table.get(name) is function:  # somebody else's may have taken its place
                del table[name]


def _from_environment() -> GatewayConfig:
    """What the environment says; where that makes no sense, the embedded engine, which sends nothing."""
    try:
        return GatewayConfig.from_env()
    except ConfigurationError as error:
        warnings.warn(f"{error} Until then the embedded engine answers.", stacklevel=4)
        return GatewayConfig()
