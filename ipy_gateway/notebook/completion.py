"""Tab behind %chat and %%chat: its options, and behind -m the models of the server."""

import asyncio
import time
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.config import GatewayConfig
from ..core.exceptions import GatewayError
from ..core.status import server_statuses
from .gateway_magics import GatewayMagics
from .loop import gateway_loop
from .options import option_words

COMMANDS = ("%chat", "%%chat", "%gwchat", "%%gwchat")
MODEL_OPTIONS = ("-m", "--model")
LONGEST_WAIT_S = 1.0  # somebody has pressed Tab
KEPT_S = 30.0


def complete_chat_lines(shell: InteractiveShell, gateway: GatewayMagics) -> None:
    """Let the shell ask us about lines that begin with one of our chat magics."""
    completer = _ChatCompleter(gateway)
    for command in COMMANDS:
        shell.set_hook("complete_command", completer, str_key=command)


def stop_completing(shell: InteractiveShell) -> None:
    """Take that back."""
    dispatcher = shell.strdispatchers.get("complete_command")
    by_command = dispatcher.strs if dispatcher else {}
    for command in COMMANDS:
        chain = by_command.get(command)
        if chain:  # of methods: the shell binds what it is given
            chain.chain[:] = [
                entry for entry in chain.chain if not isinstance(entry[1].__func__, _ChatCompleter)
            ]


class _ChatCompleter:
    """What may follow on a line of a chat magic."""

    def __init__(self, gateway: GatewayMagics) -> None:
        self._gateway = gateway
        self._models: tuple[str, ...] = ()
        self._asked: tuple[GatewayConfig, float] | None = None

    def __call__(self, shell: InteractiveShell, event: Any) -> list[str]:
        words = event.line[: len(event.line) - len(event.symbol)].split()
        if words[-1:] and words[-1] in MODEL_OPTIONS:
            return [model for model in self._model_names() if model.startswith(event.symbol)]
        is_cell = words[:1] == ["%%chat"] or words[:1] == ["%%gwchat"]
        return [word for word in option_words(is_cell=is_cell) if word.startswith(event.symbol)]

    def _model_names(self) -> tuple[str, ...]:
        config = self._gateway.gateway_config
        if self._asked and self._asked[0] == config and time.monotonic() - self._asked[1] < KEPT_S:
            return self._models
        try:
            statuses = gateway_loop().run(_statuses(config))
        except (GatewayError, TimeoutError, RuntimeError):  # no list then; Tab is no place for errors
            return ()
        self._models = tuple(
            model.id for status in statuses if "text" in status.purposes for model in status.models
        )
        self._asked = config, time.monotonic()
        return self._models


async def _statuses(config: GatewayConfig) -> Any:
    async with asyncio.timeout(LONGEST_WAIT_S):
        return await server_statuses(config)
