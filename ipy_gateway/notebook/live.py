"""An answer that is shown while it is being written."""

import sys
import time
from collections.abc import Callable, Coroutine
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, clear_output

from ..core.chunks import ChatChunk
from ..core.replies import Reply, ReplyBuilder
from ..render.answers import Answer, answer_bundle
from ..render.blocks import BlockSplitter, should_repaint
from ..render.bundle import Bundle
from ..render.live import block_bundle, reasoning_bundle
from ..render.text import printable
from .display import FIRST_REPAINT_S, REPAINT_S, Output, is_terminal
from .loop import Bridge

ANSWER_REPAINT_S = 0.1  # what an eye follows
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
    """

    def __init__(
        self, shell: InteractiveShell, what: str, bridge: Bridge | None = None, *, owns_cell: bool
    ) -> None:
        super().__init__(shell, what, bridge)
        self._owns_cell = owns_cell
        self._builder = ReplyBuilder()
        self._splitter = BlockSplitter()
        self._finished: list[str] = []  # blocks that are done, in the output that is repainted
        self._read_characters = 0
        self._shown_characters = 0
        self._sealed_outputs = 0
        self.first_token_s: float | None = None

    def take(self, chunk: ChatChunk) -> None:
        """Add what came; called on the loop that reads the stream, while the cell's thread paints."""
        if self.first_token_s is None and (chunk.text or chunk.reasoning):
            self.first_token_s = self.seconds
        self._builder.add(chunk)

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer is there."""
        return self.first_token_s is not None

    def reply(self, *, is_complete: bool = True) -> Reply:
        """The answer so far."""
        return self._builder.reply(is_complete=is_complete)

    def follow(self, work: Coroutine[Any, Any, Reply], answer_of: Callable[[Reply], Answer]) -> Reply:
        """Show the answer until it is complete; what came before an error or a stop stays, and is marked.

        Args:
            work: asks, calls `take` for what comes, and returns the reply.
            answer_of: what to show of a reply, in the end.
        """
        try:
            reply = self.wait_for(work)
        except BaseException:
            partial = self.reply(is_complete=False)
            if partial.text or partial.reasoning:
                self._finish(answer_of(partial))
            raise
        self._finish(answer_of(reply))
        return reply

    def _repaint(self) -> None:
        text = self._builder.text.lstrip()
        if is_terminal(self._shell) and text:
            self._write(text)
        elif text:
            self._paint(text)
        elif self._builder.reasoning:
            self._paint_reasoning(self._builder.reasoning)
        else:
            super()._repaint()

    def _paint(self, text: str) -> None:
        now = time.monotonic()
        if now - self._painted < ANSWER_REPAINT_S:
            return
        self._painted = now
        self._finished += self._splitter.feed(text[self._read_characters :])
        self._read_characters = len(text)
        self._seal()
        growing = "".join((*self._finished, self._splitter.tail))
        if growing and should_repaint(self._shown_characters, len(growing)):
            self._shown_characters = len(growing)
            self._display(block_bundle(growing, has_style=not self._sealed_outputs))

    def _seal(self) -> None:
        """Let finished blocks be, and go on in an output below them."""
        finished = "".join(self._finished)
        if not self._owns_cell or len(finished) < max(
            SEALED_CHARACTERS, SEALED_SHARE * self._read_characters
        ):
            return
        self._display(block_bundle(finished, has_style=not self._sealed_outputs))
        self._finished.clear()
        self._sealed_outputs += 1
        self._shown_characters = 0
        self._handle = None

    def _paint_reasoning(self, reasoning: str) -> None:
        now = time.monotonic()
        if self.seconds < FIRST_REPAINT_S or now - self._painted < REPAINT_S:
            return
        self._painted = now
        bundle = reasoning_bundle(reasoning, seconds=self.seconds)
        if is_terminal(self._shell):
            self._write_line(bundle.text)
        else:
            self._display(bundle)

    def _display(self, bundle: Bundle) -> None:
        if self._handle:
            self._handle.update(bundle.data, raw=True)
        else:
            self._handle = DisplayHandle()
            self._handle.display(bundle.data, raw=True)

    def _write(self, text: str) -> None:
        """Write what is new, but for a carriage return whose line feed may follow."""
        self._close_line()
        new = text[self._read_characters :].removesuffix("\r")
        self._read_characters += len(new)
        sys.stdout.write(printable(new))
        sys.stdout.flush()

    def _finish(self, answer: Answer) -> None:
        bundle = answer_bundle(answer)
        if is_terminal(self._shell) and answer.text:
            self._write(self._builder.text.strip())
            _, _, notices = bundle.text.partition(answer.text)
            sys.stdout.write(f"{notices}\n")
            sys.stdout.flush()
        elif self._sealed_outputs:
            clear_output(wait=True)
            self._handle = None
            self.show(bundle)
        else:
            self.show(bundle)

    def _end_waiting(self) -> None:
        if not self.has_begun:
            super()._end_waiting()
        self._close_line()
