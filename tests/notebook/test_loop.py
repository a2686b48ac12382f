"""The gateway's own loop, and how a cell waits for it."""

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway.notebook.loop import GatewayLoop, gateway_loop

from ..support.chat_stream import unfinished
from ..support.fault_server import fault_server

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
needs_posix_signals = pytest.mark.skipif(sys.platform == "win32", reason="os.kill ends a process on Windows")

request_number: contextvars.ContextVar[int] = contextvars.ContextVar("request_number", default=0)


@pytest.fixture
def loop() -> Iterator[GatewayLoop]:
    loop = GatewayLoop()
    yield loop
    loop.stop()


class Work:
    """Something long, which takes a moment to clean up."""

    def __init__(self) -> None:
        self.cancellations = 0
        self.is_clean = False

    async def run(self) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancellations += 1
            await asyncio.sleep(0.2)
            self.is_clean = True
            raise


def interrupt_soon(delay_s: float = 0.3) -> threading.Timer:
    timer = threading.Timer(delay_s, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    return timer


def test_a_result_comes_back(loop: GatewayLoop) -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    assert loop.run(double(21)) == 42


def test_an_exception_comes_back(loop: GatewayLoop) -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        loop.run(fail())


def test_the_waiting_thread_is_told_that_it_waits(loop: GatewayLoop) -> None:
    moments: list[threading.Thread] = []

    loop.run(asyncio.sleep(0.3), while_waiting=lambda: moments.append(threading.current_thread()))

    assert 2 <= len(moments) <= 6
    assert set(moments) == {threading.current_thread()}


def test_waiting_in_its_own_thread_is_refused(loop: GatewayLoop) -> None:
    async def wait_for_itself() -> None:
        loop.run(asyncio.sleep(0))

    with pytest.raises(RuntimeError, match="await the coroutine instead"):
        loop.run(wait_for_itself())


def test_waiting_after_the_stop_is_refused() -> None:
    loop = GatewayLoop()
    loop.stop()

    with pytest.raises(RuntimeError, match="has been stopped"):
        loop.run(asyncio.sleep(0))


@needs_posix_signals
def test_an_interrupt_cancels_once_and_waits_for_the_clean_up(loop: GatewayLoop) -> None:
    work = Work()
    timer = interrupt_soon()

    with pytest.raises(KeyboardInterrupt):
        loop.run(work.run())

    timer.join()
    assert (work.cancellations, work.is_clean) == (1, True)
    assert loop.run(asyncio.sleep(0, "still working")) == "still working"


@needs_posix_signals
def test_an_interrupt_comes_through_a_foreign_handler_which_is_put_back(loop: GatewayLoop) -> None:
    def foreign(number: int, frame: FrameType | None) -> None:
        """What somebody else does with an interrupt: nothing."""

    before = signal.signal(signal.SIGINT, foreign)
    work = Work()
    timer = interrupt_soon()

    try:
        with pytest.raises(KeyboardInterrupt):
            loop.run(work.run())
        after = signal.getsignal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    timer.join()
    assert work.is_clean
    assert after is foreign


@needs_posix_signals
def test_an_interrupt_comes_through_the_handler_of_asyncio(loop: GatewayLoop) -> None:
    work = Work()

    async def a_cell_with_a_magic() -> None:
        loop.run(work.run())

    timer = interrupt_soon()
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(a_cell_with_a_magic())

    timer.join()
    assert work.is_clean
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_error_during_the_clean_up_is_not_shouted_about(
    loop: GatewayLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail_to_clean_up() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise OSError("the socket is gone")

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.run(fail_to_clean_up(), while_waiting=interrupted)
    loop.stop()

    assert caplog.records == []


def test_other_threads_wait_as_well(loop: GatewayLoop) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda word=word: answers.append(loop.run(asyncio.sleep(0.05, word))))
        for word in ("one", "two", "three")
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["one", "three", "two"]


def test_context_variables_travel(loop: GatewayLoop) -> None:
    async def number_there() -> int:
        return request_number.get()

    token = request_number.set(7)
    try:
        assert loop.run(number_there()) == 7
    finally:
        request_number.reset(token)


def test_there_is_one_thread_however_often_the_extension_is_loaded(shell: InteractiveShell) -> None:
    for _ in range(5):
        shell.run_line_magic("reload_ext", "ipy_gateway")
        gateway_loop().run(asyncio.sleep(0))

    names = [thread.name for thread in threading.enumerate()]

    assert names.count("ipy_gateway-loop") == 1


# Work that nobody waits for


async def twice(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def test_a_job_is_awaited_on_another_loop_as_often_as_one_likes(loop: GatewayLoop) -> None:
    job = loop.submit(twice(21))

    async def wait_twice() -> list[int]:
        await asyncio.gather(job.settled(), job.settled())
        await job.settled()
        return [job.result(), job.result()]

    assert asyncio.run(wait_twice()) == [42, 42]


def test_who_waits_is_told_after_the_work_is_put_in_order(loop: GatewayLoop) -> None:
    order: list[str] = []

    async def wait() -> None:
        await loop.submit(asyncio.sleep(0.05), at_end=lambda job: order.append("in order")).settled()
        order.append("told")

    asyncio.run(wait())

    assert order == ["in order", "told"]


def test_giving_up_waiting_does_not_stop_a_job(loop: GatewayLoop) -> None:
    work = Work()
    job = loop.submit(work.run())

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.settled(), 0.05)

    asyncio.run(give_up())
    loop.run(asyncio.sleep(0))

    assert (work.cancellations, job.finished.is_set()) == (0, False)


def test_a_job_that_is_cancelled_before_it_begins_ends_all_the_same(loop: GatewayLoop) -> None:
    ended = threading.Event()
    job = loop.submit(Work().run(), at_end=lambda job: ended.set())

    job.cancel()

    assert job.finished.wait(30)
    assert ended.is_set()


def test_an_error_that_nobody_waits_for_is_not_shouted_about(
    loop: GatewayLoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise LookupError("nothing there")

    job = loop.submit(fail())
    assert job.finished.wait(30)
    del job
    gc.collect()
    loop.stop()

    assert caplog.records == []


def test_work_after_the_stop_is_refused_without_a_warning() -> None:
    loop = GatewayLoop()
    loop.stop()

    with pytest.raises(RuntimeError, match="has been stopped"):
        loop.submit(asyncio.sleep(0))


def run_python(code: str) -> str:
    """What a Python that warns of everything writes, both streams together."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@needs_fork
def test_a_fork_starts_anew() -> None:
    written = run_python("""
import asyncio, os, warnings
from ipy_gateway.notebook.loop import gateway_loop

warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of any fork beside threads
gateway_loop().run(asyncio.sleep(0))
child = os.fork()
print(gateway_loop().run(asyncio.sleep(0, "child" if child == 0 else "parent")), flush=True)
if child:
    assert os.waitpid(child, 0)[1] == 0
""")

    assert sorted(written.split()) == ["child", "parent"]


def test_the_exit_leaves_no_warning(text_server: str) -> None:
    written = run_python(f"""
import logging
from ipy_gateway import GatewayConfig, list_models
from ipy_gateway.notebook.loop import gateway_loop

logging.getLogger("asyncio").setLevel(logging.ERROR)  # not interested in what takes more than 0.1 s
print(len(gateway_loop().run(list_models(GatewayConfig({text_server!r})))["data"]))
""")

    assert written == "1\n"


def test_the_exit_ends_what_still_runs() -> None:
    written = run_python("""
import asyncio, threading
from ipy_gateway.notebook.loop import gateway_loop

async def work():
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.1)
        print("clean", flush=True)

def waiting_thread():
    try:
        gateway_loop().run(work())
    except asyncio.CancelledError:
        pass

gateway_loop().run(asyncio.sleep(0))
threading.Thread(target=waiting_thread, daemon=True).start()
gateway_loop().run(asyncio.sleep(0.2))
""")

    assert written == "clean\n"


def test_the_exit_hangs_up_on_what_is_answered_in_the_background() -> None:
    with fault_server(unfinished("It begins")) as server:
        written = run_python(f"""
import logging, time
from IPython.core.interactiveshell import InteractiveShell

logging.getLogger("asyncio").setLevel(logging.ERROR)  # not interested in what takes more than 0.1 s
shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ipy_gateway")
shell.run_line_magic("chat", "--bg --url {server.url} -o r Well?")
while not shell.user_ns["r"].text:
    time.sleep(0.01)
""")
        server.wait_until_all_closed()

    assert written == "It is being answered; await what this returned.\n"
    assert server.open == 0
