"""Markdown that arrives in pieces, as blocks: finished ones, and a tail that is still being written.

What is finished is shown once; only the tail is painted again and again. So the tail has to stay short: a
fence, list or table that grows beyond a limit is split where it shows least.
"""

import re
from collections.abc import Sequence

from markdown_it.token import Token

from .markdown import block_tokens, closes_fence
from .text import printable

# A screenful.
MAX_TAIL_CHARACTERS = 4096
# After a look that split nothing, the next comes when there is a quarter more: all of them read five times
# the text.
LOOK_GROWTH = 1.25

_OPENS_FORMULA = re.compile(r"\s*(\\\[|\$\$)")


class BlockSplitter:
    """Splits Markdown into blocks as it comes, without IO.

    Finished blocks and tail together are the text, made printable. Only where a block was too long does a
    fence end and begin again, with the same first line, and does a table repeat its head. The blocks are the
    same however the text was cut into pieces.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []  # of the tail, with their line ends
        self._line: list[str] = []  # pieces of the last one, which has no end yet
        self._characters = 0
        self._next_look = MAX_TAIL_CHARACTERS + 1
        self._is_after_blank = False
        self._is_after_return = False

    @property
    def tail(self) -> str:
        """What is not finished: the end of the text so far."""
        return "".join((*self._lines, *self._line))

    def feed(self, piece: str) -> list[str]:
        """The blocks that are finished with this piece: nothing that follows changes how they look.

        Except for links whose address is defined further down.
        """
        finished: list[str] = []
        *ends, rest = self._printable(piece).split("\n")
        for end in ends:
            self._line.append(end)
            finished += self._end_line()
        if rest:
            self._line.append(rest)
        return finished

    def _printable(self, piece: str) -> str:
        """The piece with line feeds alone, also where a carriage return came with the piece before."""
        if not piece:
            return ""
        text = piece.removeprefix("\n") if self._is_after_return else piece
        self._is_after_return = piece.endswith("\r")
        return printable(text)

    def _end_line(self) -> list[str]:
        line = "".join(self._line) + "\n"
        self._line = []
        self._lines.append(line)
        self._characters += len(line)
        is_blank = not line.strip(" \t\n")
        # A block that begins after a blank line ends those before it, whatever follows.
        is_beginning = self._is_after_blank and not is_blank
        self._is_after_blank = is_blank
        if self._characters > MAX_TAIL_CHARACTERS:
            return self._look() if self._characters >= self._next_look else []
        return self._look() if is_beginning else []

    def _look(self) -> list[str]:
        blocks = [token for token in block_tokens("".join(self._lines)) if token.map]
        start = _last_beginning(blocks, self._lines)
        finished = [self._take(start)] if start else []
        if self._characters > MAX_TAIL_CHARACTERS:
            finished += self._split(blocks, start)
        is_short = self._characters <= MAX_TAIL_CHARACTERS
        self._next_look = MAX_TAIL_CHARACTERS + 1 if is_short else int(self._characters * LOOK_GROWTH)
        return finished

    def _take(self, line_count: int, *, end: str = "", repeated: Sequence[str] = ()) -> str:
        """The first lines, taken from the tail, which begins with the repeated ones instead."""
        taken = "".join(self._lines[:line_count]) + end
        self._lines[:line_count] = repeated
        self._characters = sum(map(len, self._lines))
        return taken

    def _split(self, blocks: Sequence[Token], offset: int) -> list[str]:
        """The beginning of the last block, where it can be split; the tail began `offset` lines earlier."""
        tops = [token for token in blocks if token.level == 0 and _lines_of(token)[0] >= offset]
        if not tops:
            return []
        last = tops[-1]
        start = _lines_of(last)[0] - offset
        if any(map(_OPENS_FORMULA.match, self._lines[:start])):
            return []  # its end would make another block of what looks like a list
        inside = [token for token in blocks if _lines_of(token)[0] >= start + offset]
        match last.type:
            case "fence":
                return self._split_fence(last, start)
            case "bullet_list_open" | "ordered_list_open":
                return self._split_list(inside, start, offset)
            case "table_open":
                return self._split_table(start)
            case _:
                return []

    def _split_fence(self, fence: Token, start: int) -> list[str]:
        cut = len(self._lines) - 1
        if cut < start + 2 or closes_fence(self._lines[-1], fence.markup):
            return []
        return [self._take(cut, end=f"{fence.markup}\n", repeated=[self._lines[start]])]

    def _split_list(self, inside: Sequence[Token], start: int, offset: int) -> list[str]:
        items = [token for token in inside if token.type == "list_item_open" and token.level == 1]
        cut = _lines_of(items[-1])[0] - offset
        # An item's number can't be changed here: the text below it is indented by its width.
        is_numbered = not items[0].info or int(items[-1].info) == int(items[0].info) + len(items) - 1
        return [self._take(cut)] if cut > start and is_numbered else []

    def _split_table(self, start: int) -> list[str]:
        cut = len(self._lines) - 1
        if cut < start + 3 or self._is_after_blank:
            return []
        return [self._take(cut, repeated=self._lines[start : start + 2])]


def _last_beginning(blocks: Sequence[Token], lines: Sequence[str]) -> int:
    """The first line of the last block that comes after a blank line and after other text; 0 if none does."""
    starts = (_lines_of(token)[0] for token in reversed(blocks) if token.level == 0)
    found = next((start for start in starts if start and not lines[start - 1].strip(" \t\n")), 0)
    return found if "".join(lines[:found]).strip() else 0


def _lines_of(token: Token) -> tuple[int, int]:
    assert token.map
    return token.map[0], token.map[1]
