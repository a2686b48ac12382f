"""The output of an answer that goes on when its cell has ended."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle

from ...core.answers.replies import Reply
from ...core.waiting.progress import progress_to
from ...render.bundle import Bundle
from ...render.results import note_bundle, waiting_bundle
from ..display import is_terminal
from .live import ANSWER_REPAINT_S, LiveAnswer

WHAT = "Waiting for the answer"
IN_A_TERMINAL = "It is being answered; await what this returned."


class BackgroundOutput(LiveAnswer):
    """One output, made in the cell that asks, and repainted from the loop that reads the answer.

    A front end finds it by its display id, whichever cell is running. The publisher is that of the cell that
    asked: while a `%%capture` runs, the shell has another one. A terminal, where nothing can be repainted, is
    told once and then left alone.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell, WHAT, owns_cell=False)
        self._publisher = shell.display_pub
        self._transient = {"display_id": DisplayHandle().display_id}
        self._is_terminal = is_terminal(shell)
        self._paints = not self._is_terminal

    def begin(self) -> None:
        """Take a place in the cell that is running."""
        if self._is_terminal:
            super().show(note_bundle(IN_A_TERMINAL))
        else:
            self._publish(waiting_bundle(WHAT, seconds=self.seconds, progress=None))

    async def painted(self, work: Callable[[], Coroutine[Any, Any, Reply]]) -> Reply:
        """Do the work and meanwhile paint what came."""
        painting = asyncio.create_task(self._keep_painting())
        try:
            with progress_to(self._note):
                return await work()
        finally:
            painting.cancel()

    def show(self, bundle: Bundle) -> None:
        """Replace what was painted by the result; a front end that is gone is no error of the answer."""
        if not self._is_terminal:
            with suppress(Exception):
                self._publish(bundle, update=True)

    async def _keep_painting(self) -> None:
        while True:
            await asyncio.sleep(ANSWER_REPAINT_S)
            self._paint_if_possible()

    def _replace(self, bundle: Bundle) -> None:
        self._publish(bundle, update=True)

    def _publish(self, bundle: Bundle, *, update: bool = False) -> None:
        self._publisher.publish(
            data=bundle.data, metadata=bundle.metadata, transient=self._transient, update=update
        )
