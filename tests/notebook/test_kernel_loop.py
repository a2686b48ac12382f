"""%gateway loop kernel: work on the kernel's own event loop, nested in the cell that waits for it."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from ipy_gateway import ConfigurationError
from ipy_gateway.notebook.kernel_loop import KernelLoop

from ..support.chat_stream import streamed, unfinished
from ..support.fault_server import Answer, fault_server
from ..support.kernel import CellRun, Kernel, running_kernel

NOT_ASYNCIOS_OWN = """
import asyncio, sys

class OtherLoop(asyncio.AbstractEventLoop):
    "As uvloop's: it runs coroutines, and inherits from the interface alone."

    def __init__(self):
        self._loop = asyncio.new_event_loop()

    def __getattribute__(self, name):
        return getattr(object.__getattribute__(self, "_loop"), name) if name != "__class__" else OtherLoop

before = {name: vars(asyncio).get(name) for name in ("run", "Task", "Future", "get_event_loop")}
asyncio._set_running_loop(OtherLoop())
from ipy_gateway.notebook.kernel_loop import KernelLoop
try:
    KernelLoop()
except Exception as error:
    print(f"{type(error).__name__}: {error}")
print("nest_asyncio2" in sys.modules, all(vars(asyncio)[name] is was for name, was in before.items()))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel of its own: nesting changes asyncio for the whole process."""
    with running_kernel(tmp_path_factory.mktemp("nested")) as kernel:
        loaded = kernel.run("%load_ext ipy_gateway\n%gateway loop kernel")
        assert loaded.text == "From now on requests run on the kernel's own event loop."
        yield kernel


def ask(kernel: Kernel, cell: str, reply: Answer) -> CellRun:
    with fault_server(reply) as server:
        kernel.run(f"_ = %gateway {server.url}")
        return kernel.run(cell)


def test_a_chat_is_answered(kernel: Kernel) -> None:
    assert ask(kernel, "%chat Who?", streamed("Me.")).text == "Me."


def test_a_cell_that_awaits_asks_too(kernel: Kernel) -> None:
    run = ask(
        kernel, "import asyncio\nawait asyncio.sleep(0)\n%chat Who?\nawait asyncio.sleep(0)", streamed("Me.")
    )

    assert run.status == "ok", run.traceback
    assert run.text == "Me."


def test_an_error_of_the_work_is_the_cells(kernel: Kernel) -> None:
    run = ask(kernel, "%chat Who?", Answer(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"))

    assert run.error_name == "UpstreamResponseError"
    assert len(run.traceback) == 2


def test_an_interrupt_stops_the_work_and_the_kernel_goes_on(kernel: Kernel) -> None:
    with fault_server(unfinished("It begins")) as server:
        kernel.run(f"_ = %gateway {server.url}")
        cell = kernel.start("%chat Tell me.")
        server.wait_for_requests(1)

        kernel.interrupt()
        run = kernel.finish(cell)
        server.wait_until_all_closed()

    assert run.error_name == "KeyboardInterrupt"
    assert server.open == 0
    assert ask(kernel, "%chat Who?", streamed("Me.")).text == "Me."


def test_the_own_loop_is_taken_back(kernel: Kernel) -> None:
    said = kernel.run("%gateway loop own").text
    run = ask(kernel, "import threading\n%chat Who?", streamed("Me."))
    kernel.run("%gateway loop kernel")

    assert said == "From now on requests run on a loop of their own."
    assert run.text == "Me."


def test_a_shell_without_a_loop_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"runs no event loop.*Keep %gateway loop own\."):
        KernelLoop()


def test_a_loop_that_cannot_be_nested_is_refused_before_asyncio_is_changed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOT_ASYNCIOS_OWN], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.splitlines() == [
        "ConfigurationError: The kernel's loop is __main__.OtherLoop, which can't be nested. "
        "Keep %gateway loop own, or start the kernel with asyncio's own loop.",
        "False True",
    ], done.stderr
