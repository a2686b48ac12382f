"""Which sentences of a recording were written down, and when they are said to begin and end."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ipy_gateway import Segment

from .long_speech import Spoken
from .word_error_rate import words

_DOUBLED_WORDS = 3  # so many that nobody said, one after the other, may be said for the second time


@dataclass(frozen=True)
class Check:
    """What became of the sentences of a recording.

    Attributes:
        dropped: sentences of which not half of the words were written down.
        doubled: when something was written that is said before or after, but not there.
        errors_s: how far the edges of segments are from those of the sentences that they begin or end with.
    """

    dropped: tuple[Spoken, ...]
    doubled: tuple[float, ...]
    errors_s: tuple[float, ...]

    def near(self, cuts_s: Iterable[float]) -> "Check":
        """What of it is within two seconds of a cut."""
        cuts = list(cuts_s)
        dropped = (one for one in self.dropped if any(one.start_s - 2 < cut < one.end_s + 2 for cut in cuts))
        doubled = (time_s for time_s in self.doubled if any(abs(time_s - cut) < 4 for cut in cuts))
        return Check(tuple(dropped), tuple(doubled), self.errors_s)


def check(spoken: Sequence[Spoken], segments: Sequence[Segment]) -> Check:
    """Compare what is said with what was written down, word by word."""
    said = [(word, place) for place, sentence in enumerate(spoken) for word in words(sentence.text)]
    written = [(word, place) for place, segment in enumerate(segments) for word in words(segment.text)]
    pairs = _aligned([word for word, _ in said], [word for word, _ in written])
    found = Counter(said[place][1] for place, _ in pairs)
    dropped = [
        sentence for place, sentence in enumerate(spoken) if 2 * found[place] < len(words(sentence.text))
    ]
    return Check(
        tuple(dropped),
        tuple(_doubled(spoken, segments, written, pairs)),
        tuple(_errors_s(spoken, segments, said, written, pairs)),
    )


def _doubled(
    spoken: Sequence[Spoken],
    segments: Sequence[Segment],
    written: list[tuple[str, int]],
    pairs: list[tuple[int, int]],
) -> Iterable[float]:
    of_somebody = {place for _, place in pairs}
    surplus = (place for place in range(len(written)) if place not in of_somebody)
    for _, run in groupby(enumerate(surplus), key=lambda item: item[1] - item[0]):
        places = [place for _, place in run]
        segment = segments[written[places[0]][1]]
        text = " ".join(written[place][0] for place in places)
        around = (one for one in spoken if abs(one.start_s - segment.start_s) < 15)
        if len(places) >= _DOUBLED_WORDS and any(text in " ".join(words(one.text)) for one in around):
            yield segment.start_s


def _errors_s(
    spoken: Sequence[Spoken],
    segments: Sequence[Segment],
    said: list[tuple[str, int]],
    written: list[tuple[str, int]],
    pairs: list[tuple[int, int]],
) -> Iterable[float]:
    for place, other in pairs:
        sentence, segment = spoken[said[place][1]], segments[written[other][1]]
        if _begins(said, place) and _begins(written, other):
            yield abs(segment.start_s - sentence.start_s)
        if _begins(said, place + 1) and _begins(written, other + 1):
            yield abs(segment.end_s - sentence.end_s)


def _begins(of_words: list[tuple[str, int]], place: int) -> bool:
    """Whether a sentence or segment begins with this word; behind the last one, another would."""
    return place in (0, len(of_words)) or of_words[place - 1][1] != of_words[place][1]


def _aligned(said: list[str], written: list[str]) -> list[tuple[int, int]]:
    """Places of the same words in both, with the fewest edits (Levenshtein) from one to the other."""
    numbers = {word: number for number, word in enumerate({*said, *written})}
    target = np.array([numbers[word] for word in written])
    columns = np.arange(len(written) + 1)
    edits = np.zeros((len(said) + 1, len(written) + 1), np.int32)
    edits[0] = columns
    for row, word in enumerate(said, 1):
        least = np.full(len(columns), row)
        least[1:] = np.minimum(edits[row - 1, :-1] + (target != numbers[word]), edits[row - 1, 1:] + 1)
        edits[row] = np.minimum.accumulate(least - columns) + columns
    pairs, row, column = [], len(said), len(written)
    while row and column:
        is_same = said[row - 1] == written[column - 1]
        if edits[row, column] == edits[row - 1, column - 1] + (not is_same):
            row, column = row - 1, column - 1
            pairs += [(row, column)] * is_same
        elif edits[row, column] == edits[row - 1, column] + 1:
            row -= 1
        else:
            column -= 1
    return pairs[::-1]
