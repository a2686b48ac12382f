"""Word error rate: edits to make one text of the other, per word of the reference."""

import re


def words(text: str) -> list[str]:
    """Lower case, no punctuation, "mister" as "mr", hyphens as spaces."""
    plain = re.sub(r"[^a-z0-9' ]", "", text.lower().replace("-", " "))
    return plain.replace("mister", "mr").split()


def word_errors(reference: str, hypothesis: str) -> int:
    """Substitutions, insertions and deletions (Levenshtein distance over words)."""
    target, given = words(reference), words(hypothesis)
    row = list(range(len(given) + 1))
    for number, word in enumerate(target, 1):
        previous, row = row, [number]
        for column, other in enumerate(given, 1):
            row.append(min(previous[column] + 1, row[-1] + 1, previous[column - 1] + (word != other)))
    return row[-1]
