"""The models that Tab offers: servers are asked for them, and not again for a while."""

import dataclasses
import time

from ..core.config import GatewayConfig
from ..core.doctor.status import server_statuses
from .loop import gateway_loop

LONGEST_WAIT_S = 1.0  # somebody has pressed Tab
KEPT_S = 30.0


class KnownModels:
    """The models for text of the servers that are configured."""

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._asked: tuple[GatewayConfig, float] | None = None

    def names(self, config: GatewayConfig) -> tuple[str, ...]:
        """Their names; none where a server does not answer, for Tab is no place for errors."""
        if not self._asked or self._asked[0] != config or time.monotonic() - self._asked[1] > KEPT_S:
            self._names = _models_of(config)
            self._asked = config, time.monotonic()
        return self._names


def _models_of(config: GatewayConfig) -> tuple[str, ...]:
    hurried = dataclasses.replace(config, timeout_s=min(config.timeout_s, LONGEST_WAIT_S))
    try:
        statuses = gateway_loop().run(server_statuses(hurried))
    except RuntimeError:  # the interpreter is exiting
        return ()
    return tuple(model.id for status in statuses if "text" in status.purposes for model in status.models)
