"""What a text may be broken between: words, and the characters of scripts that write no blanks."""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from ..printable import BLANKS

# Thai to Tibetan and Myanmar, Khmer, CJK marks, kana, bopomofo, ideographs, full-width marks.
_UNSPACED = (
    r"[\u0e00-\u109f\u1780-\u17ff\u3001-\u312f\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    r"\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff9f\U00020000-\U0003ffff]"
)
_TOKEN = re.compile(f"(?:(?!{BLANKS}).)+", re.DOTALL)
_RUN = re.compile(f"{_UNSPACED}|(?:(?!{_UNSPACED}).)+", re.DOTALL)
_IS_UNSPACED = re.compile(_UNSPACED)
# What never begins a line (JIS X 4051 and Unicode's line breaking, UAX 14): marks that close, small kana,
# vowels that Thai and Lao write behind their consonant.
_NEVER_FIRST = frozenset({"Mn", "Mc", "Me", "Pe", "Pf", "Po", "Lm", "Cf"})
_NEVER_FIRST_LETTERS = frozenset(
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶ\u0e30\u0e32\u0e33\u0e45\u0eb0\u0eb2\u0eb3"
)
# What never ends one: marks that open, currencies, vowels that Thai and Lao write before their consonant, and
# the signs that join the next consonant in Khmer and Myanmar.
_NEVER_LAST = frozenset({"Ps", "Pi", "Sc"})
_NEVER_LAST_LETTERS = frozenset(
    "\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4\u17d2\u1039\u200d"
)
_WITHOUT_WIDTH = frozenset({"Mn", "Me", "Cf"})


def units(text: str) -> Iterator[tuple[int, int]]:
    """Where the units of a text begin and end: between two of them a line may break.

    A word with the marks around it is one. In scripts without blanks it is a character with what belongs to
    it: where a word ends there, only a dictionary knows.
    """
    for token in _TOKEN.finditer(text):
        if not _IS_UNSPACED.search(token[0]):
            yield token.span()
            continue
        runs = [run.start() for run in _RUN.finditer(text, *token.span())]
        starts = [start for start in runs if start == token.start() or _may_break_before(text, start)]
        yield from pairwise([*starts, token.end()])


def columns(text: str) -> int:
    """How wide a text is: East Asian wide characters take two columns, marks above others none."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def chunks(text: str, max_columns: int) -> Iterator[str]:
    """A text in parts that are no wider, cut anywhere but before a mark that has no width."""
    start = width = 0
    for position, character in enumerate(text):
        added = _columns_of(character)
        if width + added > max_columns:
            yield text[start:position]
            start, width = position, 0
        width += added
    yield text[start:]


@lru_cache(maxsize=4096)
def _columns_of(character: str) -> int:
    if unicodedata.category(character) in _WITHOUT_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _may_break_before(text: str, position: int) -> bool:
    before, after = text[position - 1], text[position]
    is_first = unicodedata.category(after) in _NEVER_FIRST or after in _NEVER_FIRST_LETTERS
    is_last = unicodedata.category(before) in _NEVER_LAST or before in _NEVER_LAST_LETTERS
    return not is_first and not is_last
