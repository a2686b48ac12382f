"""The same faults, told in the same words where the extra `fast` makes the connections."""

import pytest

from ipy_gateway.core import loop_clients
from ipy_gateway.core.wire.fast_transport import FastTransport

from . import test_connections, test_sizes
from .uses import Fault, Trial, cases

FAULTS = {
    **test_connections.FAULTS,
    **test_connections.ALIENS,
    **test_connections.SLOW,
    "giant-length": test_sizes.FAULTS["giant-length"],
}
ONE_USE = [case for case in cases(FAULTS) if case.values[1] == "await"]  # how it is asked makes no difference


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop_clients, "_fast_transport", lambda: FastTransport)


@pytest.mark.parametrize(("known_fault", "use"), ONE_USE)
def test_a_fault_is_told_in_the_same_words(known_fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(known_fault, use)
