"""What a terminal shows: text as it comes, and one line beside it that is replaced until there is text."""

import os
import shutil
import sys

from ..render.text import fitting, printable


class WaitingLine:
    """A line that says what is going on; nothing where nobody could see it go away again."""

    def __init__(self) -> None:
        self._is_open = False

    def show(self, text: str) -> None:
        """Replace the line. It stays on one row: of a longer one, only the last row could be taken away."""
        if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
            return
        columns = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{fitting(printable(text), columns)}")
        sys.stderr.flush()
        self._is_open = True

    def close(self) -> None:
        """Take the line away."""
        if self._is_open:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_open = False


class WrittenText:
    """A text that is written while it grows, and never taken back."""

    def __init__(self) -> None:
        self._characters = 0
        self._written: list[str] = []

    def grow(self, text: str) -> None:
        """Write what is new, but for white space at its end: nothing or half a line end may follow.

        Args:
            text: all of it so far.
        """
        end = len(text.rstrip())
        new = printable(text[self._characters : end])
        self._characters = max(self._characters, end)
        if new:
            self._write(new)

    def finish(self, whole: str) -> None:
        """Write what is missing of the whole text, which is printable, and end its line."""
        self._write(whole.removeprefix("".join(self._written)) + "\n")

    def _write(self, text: str) -> None:
        self._written.append(text)
        sys.stdout.write(encodable(text))
        sys.stdout.flush()


def encodable(text: str) -> str:
    """The text with question marks for what stdout has no bytes for, as in a pipe on Windows."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "replace").decode(encoding)
