"""An answer that is shown while it is being written."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import clear_output

from ...core.answers.replies import Reply
from ...render.answers import Answer, answer_bundle
from ...render.blocks import BlockSplitter
from ...render.live import block_bundle, reasoning_bundle
from ..display import Output, is_terminal
from ..loop import Bridge
from ..terminal import WrittenText
from .incoming import IncomingAnswer

ANSWER_REPAINT_S = 0.1  # what an eye follows
# So much is repainted in a second at most, however long an answer is, or a block of it: as text and as HTML
# that is 15 kB/s. A screenful, 4096 characters, is repainted every 0.7 s then.
PAINTED_CHARACTERS_PER_S = 6000
# Finished blocks get an output of their own once there is so much of them. JupyterLab folds a cell's outputs
# from the fiftieth on: the longer the answer, the more goes into one.
SEALED_CHARACTERS = 800
SEALED_SHARE = 0.08


class LiveAnswer(Output):
    """The output of a chat: first what is going on, then the answer as it grows, in the end one bundle.

    Finished blocks are sent once and stay; what is still being written is repainted. In a terminal,
    where nothing can be repainted, the text is written as it comes.

    Args:
        owns_cell: whether nothing else is shown by the cell, so that its outputs may become one in the
            end. Otherwise there is one from the beginning, which is repainted whole, more and more seldom.

    Attributes:
        incoming: what has come of the answer; the loop that reads it adds to it.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        what: str,
        bridge: Bridge | None = None,
        *,
        owns_cell: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(shell, what, bridge, clock=clock)
        self._owns_cell = owns_cell
        self.incoming = IncomingAnswer(clock=clock)
        self._splitter = BlockSplitter()
        self._finished: list[str] = []  # blocks that are done, in the output that is repainted
        self._read_characters = 0
        self._sealed_outputs = 0
        self._next_paint_s = 0.0
        self._written = WrittenText()

    def follow(self, work: Coroutine[Any, Any, Reply], answer_of: Callable[[Reply], Answer]) -> Reply:
        """Show the answer until it is complete; what came before an error or a stop stays, and is marked.

        Args:
            work: asks, adds what comes to `incoming`, and returns the reply.
            answer_of: what to show of a reply, in the end.
        """
        try:
            reply = self.wait_for(work)
        except BaseException:
            partial = self.incoming.reply(is_complete=self.incoming.is_whole)
            if is_worth_showing(partial):
                self._finish(answer_of(partial))
            raise
        self._finish(answer_of(reply))
        return reply

    def _repaint(self) -> None:
        text, reasoning = self.incoming.so_far()
        if is_terminal(self._shell) and text:
            self._line.close()
            self._written.grow(text)
        elif text:
            self._paint(text)
        elif reasoning:
            self._paint_reasoning(reasoning)
        else:
            super()._repaint()

    def _paint(self, text: str) -> None:
        now = self._clock()
        if now < self._next_paint_s or len(text) == self._read_characters:
            return
        self._finished += self._splitter.feed(text[self._read_characters :])
        self._read_characters = len(text)
        painted_characters = self._seal()
        growing = "".join((*self._finished, self._splitter.tail))
        if growing.strip():
            self._replace(block_bundle(growing, has_style=not self._sealed_outputs))
            painted_characters += len(growing)
        self._next_paint_s = now + max(ANSWER_REPAINT_S, painted_characters / PAINTED_CHARACTERS_PER_S)

    def _seal(self) -> int:
        """Let finished blocks be, where there is enough of them, and go on in an output below them.

        Returns:
            how many characters were sent.
        """
        finished = "".join(self._finished)
        enough = max(SEALED_CHARACTERS, SEALED_SHARE * self._read_characters)
        if not self._owns_cell or len(finished) < enough:
            return 0
        self._replace(block_bundle(finished, has_style=not self._sealed_outputs))
        self._finished.clear()
        self._sealed_outputs += 1
        self._handle = None
        return len(finished)

    def _paint_reasoning(self, reasoning: str) -> None:
        if self._is_time():
            self._replace(reasoning_bundle(reasoning, seconds=self.seconds))

    def _finish(self, answer: Answer) -> None:
        bundle = answer_bundle(answer)
        if is_terminal(self._shell):
            self._line.close()
            self._written.finish(bundle.data["text/plain"])
            return
        if self._sealed_outputs:
            clear_output(wait=True)
            self._handle = None
        self.show(bundle)

    def _end_waiting(self) -> None:
        if is_worth_showing(self.incoming.reply(is_complete=False)):
            self._line.close()  # what came is shown instead
        else:
            super()._end_waiting()


def is_worth_showing(partial: Reply) -> bool:
    """Whether anything has come that is seen."""
    return bool(partial.text or partial.reasoning or partial.refusal)
