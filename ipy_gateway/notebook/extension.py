"""%load_ext and %unload_ext."""

import os
import warnings
import weakref
from types import MethodType
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.exceptions import ConfigurationError
from .completion import complete_chat_lines, stop_completing
from .gateway_magics import GatewayMagics
from .magics import AnalyzeMagics, AudioMagics, ChatMagics, UploadMagics
from .question_marks import allow_question_marks, disallow_question_marks
from .settings import names_settings

if TYPE_CHECKING:
    from ..core.config import GatewayConfig

REPLAY_VARIABLE = "IPY_GATEWAY_REPLAY"
CHAT = "chat"
OUR_OWN_CHAT = "gwchat"  # where another extension has taken %%chat
MAGICS = (GatewayMagics, AudioMagics, AnalyzeMagics, ChatMagics, UploadMagics)

# What a shell had configured when the magics were taken away: %reload_ext must not send work elsewhere.
_configured: "weakref.WeakKeyDictionary[InteractiveShell, GatewayConfig]" = weakref.WeakKeyDictionary()


def load(shell: InteractiveShell) -> None:
    """Register the magics, and replay what the environment names.

    Raises:
        ConfigurationError: that can't be replayed.
    """
    if REPLAY_VARIABLE in os.environ:
        from .cassettes import replay_as_environment_says

        replay_as_environment_says()
    unload(shell)
    tables = shell.magics_manager.magics
    others = {kind: table[CHAT] for kind, table in tables.items() if CHAT in table}
    gateway = _gateway_magics(shell)
    chat = ChatMagics(shell, gateway)
    audio, analyze = AudioMagics(shell, gateway), AnalyzeMagics(shell, gateway)
    for magics in (gateway, audio, analyze, UploadMagics(shell), chat):
        shell.register_magics(magics)
    for table in tables.values():
        table[OUR_OWN_CHAT] = table[CHAT]
    if others:
        _give_back(shell, others)
    complete_chat_lines(shell, gateway)
    allow_question_marks(shell)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again."""
    stop_completing(shell)
    disallow_question_marks(shell)
    configurables: list[Any] = shell.configurables
    for magics in [one for one in configurables if isinstance(one, MAGICS)]:
        configurables.remove(magics)
        if isinstance(magics, GatewayMagics) and magics.is_configured:
            _configured[shell] = magics.gateway_config
        if isinstance(magics, GatewayMagics | ChatMagics):
            magics.close()
    manager = shell.magics_manager
    for table in (manager.registry, *manager.magics.values()):
        for name in [name for name, magic in table.items() if _is_ours(magic)]:
            del table[name]  # not what somebody else has put in its place


def _is_ours(magic: Any) -> bool:
    """Whether magics, or one of their methods, are ours: others may use the same names."""
    # Looking at any attribute of those of IPython's that nobody has used yet would import them.
    return isinstance(magic.__self__ if isinstance(magic, MethodType) else magic, MAGICS)


def _gateway_magics(shell: InteractiveShell) -> GatewayMagics:
    """With what was configured before, or else with what the environment and the profile say."""
    before = _configured.get(shell)
    gateway = GatewayMagics(shell, before or _from_environment())
    if before:
        gateway.gateway_config = before
    return gateway


def _give_back(shell: InteractiveShell, others: dict[str, Any]) -> None:
    """Leave %%chat to whoever had it first."""
    for kind, function in others.items():
        shell.magics_manager.magics[kind][CHAT] = function
    owner = getattr(next(iter(others.values())), "__module__", "another extension")
    warnings.warn(
        f"%%chat belongs to {owner} already and stays so: ipy_gateway's is %%{OUR_OWN_CHAT}.", stacklevel=4
    )


def _from_environment() -> "GatewayConfig | None":
    """What the environment says, if anything; without sense, the embedded engine, which sends nothing."""
    if not names_settings(os.environ):
        return None
    from ..core.config import GatewayConfig

    try:
        return GatewayConfig.from_env()
    except ConfigurationError as error:
        warnings.warn(f"{error} Until then the embedded engine answers.", stacklevel=4)
        return GatewayConfig()
