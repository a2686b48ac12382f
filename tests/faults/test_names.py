"""A name server that never answers.

Which name servers are asked is for the administrator to say, so here it is the resolver that never returns.
"""

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any
from unittest import mock

import pytest

from ipy_gateway import UpstreamTimeoutError, UpstreamUnreachableError

from .test_connections import NO_ANSWER, QUICK, Nobody
from .uses import EVERY_USE, Fault, Trial, cases

URL = "https://somewhere.invalid"
HANG_S = 60.0  # a test that fails is to end, too

PROGRAM = f"""
import asyncio, socket, sys, threading

def hangs(*_, **__):
    threading.Event().wait()

socket.getaddrinfo = hangs

from ipy_gateway import GatewayConfig, GatewayError, chat_completion
from ipy_gateway.notebook.loop import gateway_loop

asked = chat_completion([dict(role="user", content="Hello")], GatewayConfig("{URL}", timeout_s=0.3))
try:
    gateway_loop().run(asked) if sys.argv[1] == "magic" else asyncio.run(asked)
except GatewayError as error:
    print(type(error).__name__)
"""


@contextlib.contextmanager
def no_answer_from_name_server(url: str) -> Iterator[Nobody]:
    over = threading.Event()

    def hangs(*_: Any, **__: Any) -> Any:
        over.wait(HANG_S)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with mock.patch.object(socket, "getaddrinfo", hangs):
        try:
            yield Nobody(url)
        finally:
            over.set()


FAULTS = {
    "hangs": Fault(
        "The name server does not answer",
        partial(no_answer_from_name_server, URL),
        UpstreamTimeoutError,
        NO_ANSWER,
        QUICK,
        uses=EVERY_USE,
    ),
    "hangs-while-connecting": Fault(
        "The name server does not answer within connect_timeout_s",
        partial(no_answer_from_name_server, URL),
        UpstreamUnreachableError,
        "No server answers at {url} (connecting took too long).",
        {"connect_timeout_s": 0.3},
    ),
}


@pytest.mark.parametrize(("fault", "use"), cases(FAULTS))
def test_a_name_that_is_looked_up_for_ever(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", ["await", "magic"])
def test_a_lookup_that_hangs_does_not_keep_the_process_from_its_end(use: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, use], capture_output=True, text=True, timeout=HANG_S, check=True
    )

    assert run.stdout.split() == ["UpstreamTimeoutError"]
    assert run.stderr == ""
