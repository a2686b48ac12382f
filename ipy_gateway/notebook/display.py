"""Outputs: shown once, live while there is something to wait for, and not repeated by Out[n]."""

import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, publish_display_data

from ..core.progress import Progress, progress_to
from ..render.bundle import Bundle
from ..render.results import stopped_bundle, waiting_bundle
from .loop import Bridge, gateway_loop

Result = TypeVar("Result")

FIRST_REPAINT_S = 0.4  # what is faster than that needs no waiting line
REPAINT_S = 0.25


def is_headless(shell: InteractiveShell) -> bool:
    """Whether nobody watches: nbclient, nbval and papermill allow no input."""
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return False
    return not kernel.get_parent().get("content", {}).get("allow_stdin", True)


def is_whole_cell(shell: InteractiveShell) -> bool:
    """Whether the running cell is a cell magic, so that all its outputs are that magic's."""
    kernel = getattr(shell, "kernel", None)
    code = kernel.get_parent().get("content", {}).get("code", "") if kernel else ""
    return isinstance(code, str) and code.lstrip().startswith("%%")


def is_terminal(shell: InteractiveShell) -> bool:
    """Whether the shell has no front end that could replace an output."""
    return getattr(shell, "kernel", None) is None


class Output:
    """The one output of a magic: first what is going on, then the result.

    Args:
        shell: where it is shown.
        what: what is going on, e.g. "Transcribing talk.m4a".
        bridge: where the work runs; by default the gateway's own loop.
    """

    def __init__(self, shell: InteractiveShell, what: str, bridge: Bridge | None = None) -> None:
        self._shell = shell
        self._what = what
        self._bridge = bridge or gateway_loop()
        self._progress: Progress | None = None
        self._handle: DisplayHandle | None = None
        self._started = self._painted = time.monotonic()
        self._line_is_open = False

    @property
    def seconds(self) -> float:
        """Seconds since this output began."""
        return time.monotonic() - self._started

    def wait_for(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run `work` and meanwhile say how it goes."""
        with progress_to(self._note):
            try:
                return self._bridge.run(
                    work, while_waiting=None if is_headless(self._shell) else self._repaint
                )
            except BaseException:
                self._end_waiting()
                raise

    def show(self, bundle: Bundle) -> None:
        """Replace what was shown while waiting by the result."""
        if self._handle:
            self._handle.update(bundle.data, metadata=bundle.metadata, raw=True)
            return
        self._close_line()
        publish_display_data(bundle.data, bundle.metadata)

    def _note(self, progress: Progress) -> None:
        done = progress.total_bytes is not None and progress.done_bytes == progress.total_bytes
        self._progress = None if done else progress

    def _repaint(self) -> None:
        now = time.monotonic()
        if self.seconds < FIRST_REPAINT_S or now - self._painted < REPAINT_S:
            return
        self._painted = now
        bundle = waiting_bundle(self._what, seconds=self.seconds, progress=self._progress)
        if is_terminal(self._shell):
            self._write_line(bundle.data["text/plain"])
        elif self._handle:
            self._handle.update(bundle.data, raw=True)
        else:
            self._handle = DisplayHandle()
            self._handle.display(bundle.data, raw=True)

    def _end_waiting(self) -> None:
        if self._handle:
            self._handle.update(stopped_bundle(self._what, seconds=self.seconds).data, raw=True)
        self._close_line()

    def _write_line(self, text: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{text}")
            sys.stderr.flush()
            self._line_is_open = True

    def _close_line(self) -> None:
        if self._line_is_open:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._line_is_open = False


class ShownValues:
    """Rich outputs for values of ours, without showing twice what a magic has shown already.

    `%transcribe talk.wav` at the end of a cell shows its transcript and returns it, and IPython shows what is
    returned: for the value that was shown last in the running cell this does nothing.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._last: object = None
        self._types: list[type] = []
        shell.events.register("post_execute", self._forget)

    def note(self, value: object) -> None:
        """This value has just been shown."""
        self._last = value

    def add_type(self, kind: type, bundle_of: Callable[[Any], Bundle]) -> None:
        """Show values of this type as the bundle that `bundle_of` makes."""

        def display(value: object) -> None:
            if value is not self._last:
                bundle = bundle_of(value)
                publish_display_data(bundle.data, bundle.metadata)

        self._formatter().for_type(kind, display)
        self._types.append(kind)

    def close(self) -> None:
        """Leave the shell as it was."""
        self._shell.events.unregister("post_execute", self._forget)
        for kind in self._types:
            self._formatter().pop(kind, None)
        self._types.clear()

    def _forget(self) -> None:
        """The cell has ended: in the next one the value may be shown again."""
        self._last = None

    def _formatter(self) -> Any:
        assert self._shell.display_formatter
        return self._shell.display_formatter.ipython_display_formatter
