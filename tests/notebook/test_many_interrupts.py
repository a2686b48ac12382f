"""Interrupted thirty times in the middle of a request, a kernel has lost nothing."""

import time
from collections.abc import Iterator

import psutil
import pytest

from ..support.kernel import Kernel
from ..support.loopback import SilentServer, answering_server, silent_server

INTERRUPTS = 30
LIMIT_S = 5.0  # as in test_interrupts
MAGIC = "%%chat\nAnybody?"
AWAIT = "await chat_completion([{'role': 'user', 'content': 'Anybody?'}], config)"


@pytest.fixture
def server() -> Iterator[SilentServer]:
    with silent_server() as server:
        yield server


def ask(kernel: Kernel, url: str) -> None:
    """Let magics and awaits ask this server from now on."""
    imports = "from ipy_gateway import GatewayConfig, chat_completion"
    assert kernel.run(f"{imports}\nconfig = GatewayConfig({url!r})\n_ = %gateway {url}").status == "ok"


def open_connections(kernel: Kernel, url: str) -> list[object]:
    """The kernel's sockets to a server."""
    process = psutil.Process(int(kernel.run("import os\nprint(os.getpid())").text))
    port = int(url.rpartition(":")[2])
    return [one for one in process.net_connections() if one.raddr and one.raddr.port == port]


def interrupt_in_mid_request(kernel: Kernel, server: SilentServer, cell: str) -> None:
    message_id = kernel.start(cell)
    server.wait_for_request()

    started = time.monotonic()
    kernel.interrupt()
    run = kernel.finish(message_id)

    assert run.error_name in ("KeyboardInterrupt", "CancelledError"), run
    assert time.monotonic() - started < LIMIT_S
    server.wait_for_hang_up()


def test_thirty_interrupts_in_mid_request_lose_no_connection(kernel: Kernel, server: SilentServer) -> None:
    ask(kernel, server.url)

    for cell in [MAGIC, AWAIT] * (INTERRUPTS // 2):
        interrupt_in_mid_request(kernel, server, cell)

    assert open_connections(kernel, server.url) == []
    with answering_server("Here I am.") as url:
        ask(kernel, url)
        assert "Here I am." in kernel.run(MAGIC).text
        assert "Here I am." in kernel.run(AWAIT).text
