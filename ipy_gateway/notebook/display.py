"""Outputs: shown once, live while there is something to wait for, and not repeated by Out[n]."""

import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, publish_display_data

from ..core.waiting.progress import Progress, progress_to
from ..render.bundle import Bundle
from ..render.results import stopped_bundle, waiting_bundle
from .loop import Bridge, gateway_loop
from .terminal import WaitingLine, encodable

Result = TypeVar("Result")

FIRST_REPAINT_S = 0.4  # what is faster than that needs no waiting line
REPAINT_S = 0.25
CHAT_CELLS = ("%%chat", "%%gwchat", "%%analyze")  # others, such as %%time, show something of their own


def is_headless(shell: InteractiveShell) -> bool:
    """Whether nobody watches: nbclient, nbval and papermill allow no input."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    return not kernel.get_parent().get("content", {}).get("allow_stdin", True)


def is_watched(shell: InteractiveShell) -> bool:
    """Whether somebody sees what is replaced: %%capture would keep all of it."""
    return not is_headless(shell) and not isinstance(shell.display_pub, CapturingDisplayPublisher)


def is_chat_cell(shell: InteractiveShell) -> bool:
    """Whether the running cell is a question and nothing else, so that all its outputs are the answer's."""
    kernel = getattr(shell, "kernel", None)
    code = kernel.get_parent().get("content", {}).get("code", "") if kernel else ""
    return isinstance(code, str) and code.lstrip().startswith(CHAT_CELLS)


def is_terminal(shell: InteractiveShell) -> bool:
    """Whether the shell has no front end that could replace an output."""
    return getattr(shell, "kernel", None) is None


class Output:
    """The one output of a magic: first what is going on, then the result.

    Args:
        shell: where it is shown.
        what: what is going on, e.g. "Transcribing talk.m4a".
        bridge: where the work runs; by default the gateway's own loop.
        clock: seconds, as `time.monotonic` counts them.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        what: str,
        bridge: Bridge | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._shell = shell
        self._what = what
        self._bridge = bridge or gateway_loop()
        self._progress: Progress | None = None
        self._handle: DisplayHandle | None = None
        self._clock = clock
        self._started = self._painted = clock()
        self._paints = is_watched(shell)
        self._line = WaitingLine()

    @property
    def seconds(self) -> float:
        """Seconds since this output began."""
        return self._clock() - self._started

    def wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` and meanwhile say how it goes."""
        with progress_to(self._note):
            try:
                return self._bridge.run(work, while_waiting=self._paint_if_possible)
            except BaseException:
                self._end_waiting()
                raise

    def show(self, bundle: Bundle) -> None:
        """Replace what was shown while waiting by the result."""
        self._line.close()
        if self._handle:
            self._handle.update(bundle.data, metadata=bundle.metadata, raw=True)
        else:
            publish(self._shell, bundle)

    def _note(self, progress: Progress) -> None:
        done = progress.total_bytes is not None and progress.done_bytes == progress.total_bytes
        self._progress = None if done else progress

    def _paint_if_possible(self) -> None:
        """Say how it goes, until that fails: what can't be painted is no reason to lose the result."""
        if not self._paints:
            return
        try:
            self._repaint()
        except Exception:  # the result is shown in the same way, and raises the error where it lasts
            self._paints = False

    def _repaint(self) -> None:
        if self._is_time():
            self._replace(waiting_bundle(self._what, seconds=self.seconds, progress=self._progress))

    def _is_time(self) -> bool:
        """Whether to say again how it goes."""
        now = self._clock()
        if self.seconds < FIRST_REPAINT_S or now - self._painted < REPAINT_S:
            return False
        self._painted = now
        return True

    def _replace(self, bundle: Bundle) -> None:
        """Show something in place of what was shown before."""
        if is_terminal(self._shell):
            self._line.show(bundle.terminal_text)
        elif self._handle:
            self._handle.update(bundle.data, raw=True)
        else:
            handle = DisplayHandle()
            handle.display(bundle.data, raw=True)
            self._handle = handle  # now that it is there: what was never shown can't be replaced

    def _end_waiting(self) -> None:
        if self._handle:
            self._handle.update(stopped_bundle(self._what, seconds=self.seconds).data, raw=True)
        self._line.close()


def publish(shell: InteractiveShell, bundle: Bundle) -> None:
    """Show an output: in a terminal all of its text, as far as that can write it."""
    data = bundle.data
    if is_terminal(shell):
        data["text/plain"] = encodable(bundle.terminal_text)
    publish_display_data(data, bundle.metadata)
