"""A real IPython kernel, driven as a front end drives it."""

import os
import queue
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager


@dataclass
class CellRun:
    """What running a cell gave."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error_name: str = ""
    error_text: str = ""
    traceback: list[str] = field(default_factory=list)
    seconds: float = 0.0
    display_updates: int = 0
    cleared_outputs: int = 0

    @property
    def text(self) -> str:
        """All that the cell printed or showed as plain text."""
        return "\n".join(
            str(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in self.outputs
        )


class Kernel:
    """Runs cells, interrupts them, and restarts."""

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client

    def start(self, code: str, *, allow_stdin: bool = True) -> str:
        """Send a cell and return its message id at once. Headless front ends allow no stdin."""
        return str(self.client.execute(code, allow_stdin=allow_stdin))

    def wait_until_begun(self, message_id: str, *, timeout_s: float = 60.0) -> None:
        """Wait for a cell to be read: before that, Jupyter forgets an interrupt."""
        while True:
            message = self.client.get_iopub_msg(timeout=timeout_s)
            if (message["msg_type"], message["parent_header"].get("msg_id")) == ("execute_input", message_id):
                return

    def finish(self, message_id: str, *, timeout_s: float = 60.0) -> CellRun:
        """Wait for a cell that was started; display updates replace what they update."""
        run = CellRun()
        displays: dict[str, dict[str, Any]] = {}
        started = time.monotonic()
        while True:
            left = timeout_s - (time.monotonic() - started)
            if left <= 0:
                raise TimeoutError(f"the cell did not end within {timeout_s} s; so far: {run}")
            try:
                message = self.client.get_iopub_msg(timeout=left)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "status" and content["execution_state"] == "idle":
                break
            if kind == "update_display_data":
                run.display_updates += 1
                displays.setdefault(content["transient"]["display_id"], {}).update(content)
            elif kind == "clear_output":
                run.cleared_outputs += len(run.outputs)
                run.outputs.clear()  # as soon as something else is shown, but nothing is asked for in between
            elif kind == "stream" and run.outputs and run.outputs[-1].get("name") == content["name"]:
                run.outputs[-1]["text"] += content["text"]  # one print may come in two messages
            elif kind in ("stream", "display_data", "execute_result"):
                run.outputs.append(content)
                if display_id := content.get("transient", {}).get("display_id"):
                    displays[display_id] = content
            elif kind == "error":
                run.error_name, run.error_text = content["ename"], content["evalue"]
                run.traceback = content["traceback"]
        run.seconds = time.monotonic() - started
        run.status = "error" if run.error_name else "ok"
        return run

    def run(self, code: str, *, timeout_s: float = 60.0, allow_stdin: bool = True) -> CellRun:
        """Run a cell to its end."""
        return self.finish(self.start(code, allow_stdin=allow_stdin), timeout_s=timeout_s)

    def interrupt(self) -> None:
        """What the stop button does."""
        self.manager.interrupt_kernel()


@contextmanager
def running_kernel(folder: Path, **environment: str) -> Iterator[Kernel]:
    """A kernel of this interpreter that runs in `folder`."""
    manager = KernelManager(kernel_name="python3")
    assert manager.kernel_spec
    manager.kernel_spec.argv[0] = sys.executable
    temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # what a kernel leaves that is killed
    manager.start_kernel(cwd=str(folder), env={**os.environ, "TMPDIR": temporary.name, **environment})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        # What it has run it can tell only when it ends by itself.
        manager.shutdown_kernel(now="COVERAGE_PROCESS_CONFIG" not in os.environ)
        temporary.cleanup()
