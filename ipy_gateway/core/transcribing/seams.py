"""Two windows that share some sound: what both heard of it is said once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..transcripts.transcription import Segment, Word

# A word, or a character of a language that writes no blanks between words.
_TOKEN = re.compile(
    r"[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[^\s\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
_NO_LETTERS = re.compile(r"[\W_]+")
_TOKENS_PER_SECOND = 6.0  # nobody speaks faster for long
_SPARE_TOKENS = 3
_SLACK_S = 1.5  # by how much servers are wrong about when a word is said
_SAME, _OTHER, _MISSING = 2.0, -0.75, -0.75


@dataclass(frozen=True, slots=True)
class Seam:
    """The sound that two windows share.

    Attributes:
        start_s: where the later window begins, in seconds from the start of the recording.
        end_s: where the earlier window ends.
        has_times: whether the servers said when words are said; otherwise their times are a guess.
    """

    start_s: float
    end_s: float
    has_times: bool

    @property
    def middle_s(self) -> float:
        """Up to here the earlier window heard better, from here on the later one."""
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class _Token:
    normal: str
    segment: int
    start: int
    number: int
    time_s: float


def without_doubled(
    before: Sequence[Segment], after: Sequence[Segment], seam: Seam
) -> tuple[tuple[Segment, ...], tuple[Segment, ...]]:
    """The segments of two windows without the words that both have.

    The words of both sides are aligned, the last of the one with the first of the other, and the seam goes
    through a word that both heard, near the middle. Where they share no word, their times decide; where
    there are none, or one of them heard nothing there, all is kept.
    """
    ours, theirs = _tokens(before), _tokens(after)
    tail, head = _shared(ours, theirs, seam)
    pairs = _aligned(tail, head, seam)
    if pairs:
        last, same = _nearest_middle(pairs, tail, seam)
        return _up_to(before, ours, tail[last]), _behind(after, theirs, head[same])
    if not seam.has_times or not _any_within(tail, seam) or not _any_within(head, seam):
        return tuple(before), tuple(after)
    early = [token for token in ours if token.time_s < seam.middle_s]
    late = [token for token in theirs if token.time_s < seam.middle_s]
    return _up_to(before, ours, early[-1] if early else None), _behind(
        after, theirs, late[-1] if late else None
    )


def _tokens(segments: Sequence[Segment]) -> list[_Token]:
    tokens = []
    for place, segment in enumerate(segments):
        found = list(_TOKEN.finditer(segment.text))
        for number, match in enumerate(found):
            time_s = _time_of(segment, number, len(found), match)
            normal = _NO_LETTERS.sub("", match[0]).casefold()
            tokens.append(_Token(normal, place, match.start(), number, time_s))
    return tokens


def _time_of(segment: Segment, number: int, count: int, match: re.Match[str]) -> float:
    """The middle of a word: as the server says, or as its place in the text suggests."""
    if len(segment.words) == count:
        word = segment.words[number]
        return (word.start_s + word.end_s) / 2
    share = (match.start() + match.end()) / 2 / len(segment.text)
    return segment.start_s + share * (segment.end_s - segment.start_s)


def _shared(
    ours: list[_Token], theirs: list[_Token], seam: Seam
) -> tuple[Sequence[_Token], Sequence[_Token]]:
    """The words that may be in the shared sound."""
    if seam.has_times:
        tail = [token for token in ours if token.time_s >= seam.start_s - _SLACK_S]
        return tail, [token for token in theirs if token.time_s <= seam.end_s + _SLACK_S]
    count = round((seam.end_s - seam.start_s) * _TOKENS_PER_SECOND) + _SPARE_TOKENS
    return ours[-count:], theirs[:count]


def _aligned(tail: Sequence[_Token], head: Sequence[_Token], seam: Seam) -> list[tuple[int, int]]:
    """Places of the same words in both: of the end of the one, aligned with the start of the other.

    It is Needleman and Wunsch's dynamic programme, with a free start in the tail and a free end in the head.
    """
    scores = [[_MISSING * column for column in range(len(head) + 1)]]
    for row, token in enumerate(tail):
        scores.append([0.0])
        for column, other in enumerate(head):
            steps = (
                scores[row][column] + _worth(token, other, seam),
                scores[row][column + 1] + _MISSING,
                scores[-1][-1] + _MISSING,
            )
            scores[-1].append(max(steps))
    column = max(range(len(head) + 1), key=lambda place: scores[-1][place])
    if scores[-1][column] <= 0:
        return []
    return _pairs_up_to(scores, column, tail, head, seam)


def _pairs_up_to(
    scores: list[list[float]], column: int, tail: Sequence[_Token], head: Sequence[_Token], seam: Seam
) -> list[tuple[int, int]]:
    pairs, row = [], len(tail)
    while row and column:
        worth = _worth(tail[row - 1], head[column - 1], seam)
        if scores[row][column] == scores[row - 1][column - 1] + worth:
            row, column = row - 1, column - 1
            if worth > 0:
                pairs.append((row, column))
        elif scores[row][column] == scores[row - 1][column] + _MISSING:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]


def _worth(token: _Token, other: _Token, seam: Seam) -> float:
    """What it is worth to take two words for one: the more, the closer they are in time."""
    apart_s = abs(token.time_s - other.time_s) if seam.has_times else 0.0
    is_same = token.normal == other.normal and token.normal and apart_s <= _SLACK_S
    return _SAME - apart_s if is_same else _OTHER


def _nearest_middle(pairs: Sequence[tuple[int, int]], tail: Sequence[_Token], seam: Seam) -> tuple[int, int]:
    if not seam.has_times:
        return pairs[len(pairs) // 2]
    return min(pairs, key=lambda pair: abs(tail[pair[0]].time_s - seam.middle_s))


def _any_within(tokens: Sequence[_Token], seam: Seam) -> bool:
    return any(seam.start_s <= token.time_s <= seam.end_s for token in tokens)


def _up_to(segments: Sequence[Segment], tokens: list[_Token], last: _Token | None) -> tuple[Segment, ...]:
    """The segments up to a word, which is their last; none for None."""
    following = tokens.index(last) + 1 if last else 0
    if following == len(tokens):
        return tuple(segments)
    first_gone = tokens[following]
    kept, cut = segments[: first_gone.segment], segments[first_gone.segment]
    text = cut.text[: first_gone.start].rstrip()
    if not text or last is None:
        return tuple(kept)
    words = _words(cut, tokens, first_gone)[0]
    end_s = words[-1].end_s if words else min(cut.end_s, max(last.time_s, cut.start_s))
    return (*kept, replace(cut, text=text, words=words, end_s=max(cut.start_s, end_s)))


def _behind(segments: Sequence[Segment], tokens: list[_Token], last: _Token | None) -> tuple[Segment, ...]:
    """The segments behind a word; all of them for None."""
    if last is None:
        return tuple(segments)
    following = tokens.index(last) + 1
    if following == len(tokens):
        return ()
    first = tokens[following]
    cut, kept = segments[first.segment], segments[first.segment + 1 :]
    if not first.number:
        return (cut, *kept)
    words = _words(cut, tokens, first)[1]
    start_s = words[0].start_s if words else min(cut.end_s, max(first.time_s, cut.start_s))
    return (replace(cut, text=cut.text[first.start :], words=words, start_s=start_s), *kept)


def _words(
    segment: Segment, tokens: list[_Token], first: _Token
) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
    """The words of a segment before a token of it, and those from there on."""
    words = segment.words
    if len(words) == sum(token.segment == first.segment for token in tokens):
        return words[: first.number], words[first.number :]
    before = tuple(word for word in words if (word.start_s + word.end_s) / 2 < first.time_s)
    return before, words[len(before) :]
