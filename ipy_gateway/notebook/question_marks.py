"""A question on a %chat line may end with a question mark, which IPython takes for a wish for help."""

import re
from collections.abc import Sequence
from tokenize import TokenInfo
from typing import Any, Self

from IPython.core.inputtransformer2 import EscapedCommand, MagicAssign
from IPython.core.interactiveshell import InteractiveShell

# Not "%chat?", which is a wish for help.
_ASKS = re.compile(r"(?:^|=)\s*%(?:chat|gwchat)[ \t]+\S.*\?\s*$")


class ChatQuestion(EscapedCommand):
    """`%chat What is a decibel?`"""

    priority = 0  # before HelpEnd, which finds the same place

    @classmethod
    def find(cls, tokens_by_line: Sequence[Sequence[TokenInfo]]) -> Self | None:
        found: Self | None = super().find(_asking(tokens_by_line))  # type: ignore[no-untyped-call]  # IPython's
        return found


class AssignedChatQuestion(MagicAssign):
    """`reply = %chat What is a decibel?`"""

    priority = 0
    magic_col = 0

    @classmethod
    def find(cls, tokens_by_line: Sequence[Sequence[TokenInfo]]) -> Self | None:
        found: Self | None = super().find(_asking(tokens_by_line))  # type: ignore[no-untyped-call]  # IPython's
        if found:  # whatever begins furthest to the left is transformed: HelpEnd would begin at the variable
            found.magic_col, found.start_col = found.start_col, -1
        return found

    def transform(self, lines: list[str]) -> list[str]:
        self.start_col = self.magic_col
        transformed: list[str] = super().transform(lines)
        return transformed


def _asking(tokens_by_line: Sequence[Sequence[TokenInfo]]) -> list[Sequence[TokenInfo]]:
    sources = [next((token.line for token in line if token.line), "") for line in tokens_by_line]
    return [line for line, source in zip(tokens_by_line, sources, strict=True) if _ASKS.search(source)]


def allow_question_marks(shell: InteractiveShell) -> None:
    """From now on, such lines are questions."""
    _transformers(shell)[:0] = [ChatQuestion, AssignedChatQuestion]


def disallow_question_marks(shell: InteractiveShell) -> None:
    """Take that back."""
    transformers = _transformers(shell)
    transformers[:] = [kind for kind in transformers if kind not in (ChatQuestion, AssignedChatQuestion)]


def _transformers(shell: InteractiveShell) -> list[Any]:
    transformers: list[Any] = shell.input_transformer_manager.token_transformers
    return transformers
