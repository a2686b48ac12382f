"""Where a text has `{{expression}}`, and what stands between.

A placeholder is whatever between double braces is a Python expression: `{{name}}`, `{{ df.head() }}`,
`{{ {"a": 1}["a"] }}`. All else stays as it is: `{x}`, `{{}}`, `{{% raw %}}`, `{{ two words }}`, `{{...}}`.
Of three braces the inner two are the placeholder's, as in a template of JSON: `{"a":{{{name}}}}`.
Doubled once more, as in f-strings, braces stand for themselves: `{{{{name}}}}` is the text `{{name}}`.
"""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

_OPENING = re.compile(r"\{{2,}")
_TELLING = re.compile(
    r'''"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\''''
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|["'()\[\]{}]""",
    re.DOTALL,
)
_CLOSED_BY = {"(": ")", "[": "]", "{": "}"}
_MAX_DEPTH = 200  # Python's own limit for brackets within brackets (CPython's MAXLEVEL)
_MAX_LABEL_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Placeholder:
    """An expression between double braces, as it is written.

    Attributes:
        expression: what is between them.
        written: its name in a sentence where it is written otherwise, such as the value of an option.
    """

    expression: str
    written: str = ""

    @property
    def tree(self) -> ast.Expression:
        """Its syntax tree."""
        with warnings.catch_warnings():  # "\d" is the user's, and may be no code at all
            warnings.simplefilter("ignore")
            return ast.parse(self.expression, mode="eval")

    @property
    def label(self) -> str:
        """Its name in a sentence."""
        if self.written:
            return self.written
        text = " ".join(self.expression.split())
        return (
            f"{{{{ {text if len(text) <= _MAX_LABEL_CHARACTERS else text[:_MAX_LABEL_CHARACTERS] + '…'} }}}}"
        )


def pieces_of(text: str) -> Iterator[str | Placeholder]:
    """The texts and placeholders that a text is made of, in their order."""
    position = 0
    for opening in _OPENING.finditer(text):
        if opening.start() < position:  # within a placeholder that was found
            continue
        found = _placeholder_at(text, opening.end(), max_braces=opening.end() - opening.start())
        if found is None:
            continue
        placeholder, start, end = found
        if text.endswith("{{", position, start) and text.startswith("}}", end):
            yield text[position : start - 2] + text[start:end]
            position = end + 2
            continue
        if position < start:
            yield text[position:start]
        yield placeholder
        position = end
    if position < len(text) or not text:
        yield text[position:]


def _placeholder_at(text: str, inside: int, *, max_braces: int) -> tuple[Placeholder, int, int] | None:
    """The placeholder of the innermost braces, where it starts, and where it ends.

    One brace more may be the expression's: `{{{'a': 1}['a']}}`.
    """
    for start in range(inside, inside - min(max_braces, 3) + 1, -1):
        end = _closing_braces(text, start)
        placeholder = None if end is None else _placeholder(text[start:end])
        if end is not None and placeholder is not None:
            return placeholder, start - 2, end + 2
    return None


def _closing_braces(text: str, start: int) -> int | None:
    """Where the first `}}` is that is neither in a string nor in brackets, or None."""
    awaited: list[str] = []
    for token in _TELLING.finditer(text, start):
        mark = token[0]
        if mark in _CLOSED_BY:
            awaited.append(_CLOSED_BY[mark])
        elif mark in ")]}":
            if not awaited:
                return token.start() if text.startswith("}}", token.start()) else None
            if awaited.pop() != mark:
                return None
        if mark in ("'", '"') or len(awaited) > _MAX_DEPTH:
            return None
    return None


def _placeholder(expression: str) -> Placeholder | None:
    placeholder = Placeholder(expression.strip())
    try:
        body = placeholder.tree.body
    except (SyntaxError, ValueError, MemoryError, RecursionError):  # all that the parser is known to raise
        return None
    is_ellipsis = isinstance(body, ast.Constant) and body.value is ...
    return None if is_ellipsis else placeholder
