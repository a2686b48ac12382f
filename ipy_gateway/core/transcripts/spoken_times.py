"""When each character of a segment is said."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from ..printable import BLANKS
from .text_units import units
from .transcription import Segment

# A word that is missing in the text must not be found far behind its place, and all others with it.
_MAX_SKIPPED_CHARACTERS = 40
_BLANK = re.compile(BLANKS)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of a segment that belong together: a word with its punctuation.

    Attributes:
        start: offset of the first character in the segment's text.
        stop: offset behind the last one.
        start_s: when it begins to be said.
        end_s: when it has been said.
    """

    start: int
    stop: int
    start_s: float
    end_s: float


class SpokenTimes:
    """When each character of a segment is said: by its words where it has them, else by its length.

    Words are found in the text in their order, whatever their case. Those that are not in it are left out.
    """

    def __init__(self, segment: Segment) -> None:
        self._segment = segment
        self.words = tuple(_words_in_text(segment))
        anchors = [(0, segment.start_s)]
        for word in self.words:
            anchors += [(word.start, word.start_s), (word.stop, word.end_s)]
        anchors.append((len(segment.text), segment.end_s))
        self._offsets = [offset for offset, _ in anchors]
        self._times_s = [time_s for _, time_s in anchors]

    def starts_at(self, offset: int) -> float:
        """When the character at this offset begins to be said."""
        following = bisect_right(self._offsets, offset)
        return self._between(following - 1, following, offset)

    def ends_at(self, offset: int) -> float:
        """When all that stands before this offset has been said."""
        following = bisect_left(self._offsets, offset)
        return self._between(following - 1, following, offset)

    def pieces(self) -> Iterator[Piece]:
        """The words, or where there are none, the units of the text; blanks belong to no piece."""
        if self.words:
            yield from self.words
            return
        for start, stop in units(self._segment.text):
            yield Piece(start, stop, self.starts_at(start), self.ends_at(stop))

    def _between(self, before: int, following: int, offset: int) -> float:
        """The time at an offset from one anchor to the next."""
        if before < 0 or following == len(self._offsets):
            return self._times_s[max(before, 0)]
        start, stop = self._offsets[before], self._offsets[following]
        start_s, end_s = self._times_s[before], self._times_s[following]
        return min(end_s, start_s + (end_s - start_s) * (offset - start) / (stop - start))


def _words_in_text(segment: Segment) -> Iterator[Piece]:
    """The words with their places in the text, in whose order their times never go back."""
    text, has_case = segment.text.lower(), False
    if len(text) != len(segment.text):  # of few letters, such as the Turkish İ
        text, has_case = segment.text, True
    position, now_s = 0, segment.start_s
    for word in segment.words:
        sought = word.text.strip() if has_case else word.text.strip().lower()
        found = (
            text.find(sought, position, position + len(sought) + _MAX_SKIPPED_CHARACTERS) if sought else -1
        )
        if found < 0:
            continue
        start, stop = _with_punctuation(text, found, found + len(sought), position)
        start_s = min(max(now_s, word.start_s), segment.end_s)
        now_s = min(max(start_s, word.end_s), segment.end_s)
        yield Piece(start, stop, start_s, now_s)
        position = stop


def _with_punctuation(text: str, start: int, stop: int, earliest: int) -> tuple[int, int]:
    """A word's place with the marks around it, which take no time."""
    while start > earliest and _is_mark(text[start - 1]):
        start -= 1
    while stop < len(text) and _is_mark(text[stop]):
        stop += 1
    return start, stop


def _is_mark(character: str) -> bool:
    return not character.isalnum() and not _BLANK.match(character)
