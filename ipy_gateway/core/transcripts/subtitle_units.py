"""What subtitles are made of: words with their times, and how well a line breaks before each."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..printable import one_line
from .languages import spacing
from .spoken_times import SpokenTimes
from .text_units import chunks, units
from .transcription import Segment

MAX_LINE_COLUMNS = 42  # Netflix, Timed Text Style Guide: General Requirements

# Words that begin a part of a sentence or belong to what follows: lines break before and not behind them.
_LEADING_WORDS = """
a an the and or but nor so because although though while when where which who that if unless until since
than as of in on at to for from with by into about after before between through during without
der die das den dem des ein eine einen einem einer eines und oder aber denn weil dass wenn ob als sondern
mit von zu bei nach aus über unter für durch gegen ohne um seit während
le la les un une des et ou mais donc car que qui parce quand si dans sur avec pour par sans chez entre
el los las una unos unas y o pero porque cuando como en con por para sin sobre desde hasta
il lo gli uno ma perché quando di da nel con su per tra fra os as um uma e mas ou em no na
het een en maar of want omdat dat als met van voor
"""
_LEADING = frozenset(_LEADING_WORDS.split())
_ABBREVIATION = re.compile(r"(?:\w|mr|mrs|ms|dr|prof|st|vs|no|nr|e\.g|i\.e|z\.b|p\.ex)\.", re.IGNORECASE)
_CLOSERS = r"[\"'”’»)\]」』）】]*$"
_ENDS_SENTENCE = re.compile(rf"[.!?…。！？｡؟۔।॥]{_CLOSERS}")
_ENDS_CLAUSE = re.compile(rf"[,;:،؛、，；：–—]{_CLOSERS}")
_KATAKANA, _HIRAGANA, _IDEOGRAPH = re.compile(r"[ァ-ヺー]"), re.compile(r"[ぁ-ゟ]"), re.compile(r"[㐀-鿿]")
# How bad a line break is; their order and rough distances are what matters.
AFTER_SENTENCE, AFTER_CLAUSE, BEFORE_LEADING, BETWEEN_WORDS, AFTER_LEADING, INSIDE = 0, 1, 2, 4, 7, 12


@dataclass(frozen=True, slots=True)
class Unit:
    """Some characters that stand on one line.

    Attributes:
        text: the characters, without any that control.
        has_blank: whether there is a blank before them on the same line.
        start_s: when they begin to be said.
        end_s: when they have been said.
        break_cost: how bad a line break before them is.
        begins_segment: whether they are the first of their segment.
    """

    text: str
    has_blank: bool
    start_s: float
    end_s: float
    break_cost: int = 0
    begins_segment: bool = False


def units_of(segment: Segment, label: str = "") -> list[Unit]:
    """The units of a segment, behind those of a label that takes no time."""
    labels = [Unit(word, True, segment.start_s, segment.start_s, INSIDE) for word in label.split(" ") if word]
    spoken = list(_spoken(segment))
    if labels and spoken:  # a label stands with what it is for
        spoken[0] = replace(spoken[0], has_blank=True, break_cost=INSIDE)
    parts = [part for unit in (*labels, *spoken) for part in _parts(unit)]
    if not parts:
        return []
    first = replace(parts[0], has_blank=True, begins_segment=True)
    return [first, *(_with_cost(before, unit) for before, unit in pairwise(parts))]


def append_units(units: list[Unit], following: list[Unit]) -> None:
    """Put the units of a segment behind those of the one before it."""
    if units:
        blank = spacing(units[-1].text, following[0].text)
        following = [_with_cost(units[-1], replace(following[0], has_blank=bool(blank))), *following[1:]]
    units += following


def text_of(line: Sequence[Unit]) -> str:
    """The text of units that stand on one line."""
    return "".join(f" {unit.text}" if unit.has_blank else unit.text for unit in line).removeprefix(" ")


def ends_sentence(text: str) -> bool:
    """Whether a sentence ends with this text."""
    return bool(_ENDS_SENTENCE.search(text)) and not _ABBREVIATION.fullmatch(text)


def ends_clause(text: str) -> bool:
    """Whether a part of a sentence ends with this text."""
    return bool(_ENDS_CLAUSE.search(text))


def _spoken(segment: Segment) -> Iterator[Unit]:
    times = SpokenTimes(segment)
    word_starts = [word.start for word in times.words]
    end_before = 0
    for start, stop in units(segment.text):
        text = one_line(segment.text[start:stop])
        if not text:
            continue
        is_inside = start == end_before > 0 and _is_inside(start, times, word_starts)
        yield Unit(
            text,
            start > end_before,
            times.starts_at(start),
            times.ends_at(stop),
            INSIDE if is_inside else 0,
        )
        end_before = stop


def _is_inside(offset: int, times: SpokenTimes, word_starts: list[int]) -> bool:
    """Whether a word of the server goes on there: it knows the words of scripts without blanks."""
    following = bisect_left(word_starts, offset)
    starts_word = following < len(word_starts) and word_starts[following] == offset
    return not starts_word and following > 0 and offset < times.words[following - 1].stop


def _parts(unit: Unit) -> Iterator[Unit]:
    """The unit, or where no line holds it, its parts."""
    for number, text in enumerate(chunks(unit.text, MAX_LINE_COLUMNS)):
        yield (
            replace(unit, text=text, has_blank=False, break_cost=INSIDE)
            if number
            else replace(unit, text=text)
        )


def _with_cost(before: Unit, unit: Unit) -> Unit:
    return replace(unit, break_cost=max(unit.break_cost, _break_cost(before.text, unit.text, unit.has_blank)))


def _break_cost(before: str, after: str, has_blank: bool) -> int:
    if ends_sentence(before):
        return AFTER_SENTENCE
    if ends_clause(before):
        return AFTER_CLAUSE
    if before[-1].isdigit() and after[0].isdigit():  # 1 000 000
        return INSIDE
    if before.lower() in _LEADING or _ABBREVIATION.fullmatch(before) or before[-1].isdigit():
        return AFTER_LEADING
    if not has_blank:
        return _cost_without_blank(before[-1], after[0])
    return BEFORE_LEADING if after.lower() in _LEADING else BETWEEN_WORDS


def _cost_without_blank(before: str, after: str) -> int:
    """Japanese words end in hiragana and begin with other letters, more often than not."""
    if _HIRAGANA.match(before) and (_IDEOGRAPH.match(after) or _KATAKANA.match(after)):
        return BEFORE_LEADING
    is_in_word = _KATAKANA.match(before) and _KATAKANA.match(after)
    has_ending = _IDEOGRAPH.match(before) and _HIRAGANA.match(after)
    return AFTER_LEADING if is_in_word or has_ending else BETWEEN_WORDS
