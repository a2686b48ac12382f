"""Tab behind %chat, %%chat and %%analyze: their options and models; behind %gateway: its words."""

import re
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.completer import (
    CompletionContext,
    SimpleCompletion,
    SimpleMatcherResult,
    completion_matcher,
)
from IPython.core.interactiveshell import InteractiveShell

from .gateway_magics import GatewayMagics
from .lines.analyze_options import analyze_option_words
from .lines.options import option_words
from .settings import WORDS

if TYPE_CHECKING:
    from .known_models import KnownModels

CHAT_LINE = re.compile(r"\s*(?:[^'\"#%=]+=\s*)?(?P<escape>%%?)(?P<magic>chat|gwchat|analyze)\s(?P<rest>.*)")
GATEWAY_LINE = re.compile(r"\s*(?:[^'\"#%=]+=\s*)?%gateway\s(?P<rest>.*)")
# What may follow a word of %gateway; the names of files are IPython's own affair.
BEHIND_WORDS = {
    "record": ("off",),
    "replay": ("off",),
    "key": ("audio",),
    "journal": ("--empty",),
    "loop": ("own", "kernel"),
}
MODEL_OPTIONS = ("-m", "--model")
MODELS_OPTION = "--compare"


def complete_chat_lines(shell: InteractiveShell, gateway: GatewayMagics) -> None:
    """Let the shell ask us about lines with %gateway or one of our chat magics."""
    _matchers(shell).extend((_ChatMatcher(shell, gateway).match, _GatewayMatcher().match))


def stop_completing(shell: InteractiveShell) -> None:
    """Take that back."""
    matchers = _matchers(shell)
    matchers[:] = [
        matcher
        for matcher in matchers
        if not isinstance(getattr(matcher, "__self__", None), (_ChatMatcher, _GatewayMatcher))
    ]


def _matchers(shell: InteractiveShell) -> list[Any]:
    matchers: list[Any] = shell.Completer.custom_matchers
    return matchers


class _ChatMatcher:
    """What may follow on a line of a chat magic, for version 2 of IPython's matchers.

    Version 1 takes neither a word with a colon in it nor silence of Jedi, which reads the line as Python.
    """

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        self._shell = shell
        self._gateway = gateway

    @completion_matcher(api_version=2, priority=100)  # type: ignore[untyped-decorator]  # IPython's
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        line = CHAT_LINE.fullmatch(context.text_until_cursor)
        if not line or not self._is_ours(line["magic"], is_cell=line["escape"] == "%%"):
            return {"completions": []}
        before, word = _last_word(line["rest"])
        option, equals, value = word.partition("=")
        if equals and option in MODEL_OPTIONS:
            return _beginning_with(value, self._model_names())
        if before.endswith(MODEL_OPTIONS):
            return _beginning_with(word, self._model_names())
        if before.endswith(MODELS_OPTION) or (equals and option == MODELS_OPTION):
            last = (value if equals else word).rpartition(",")[2]
            return _beginning_with(last, self._model_names())
        if line["magic"] == "analyze":  # behind it also stands a file, whose name others complete
            words = analyze_option_words() if word.startswith("-") else []
            return _beginning_with(word, words) if words else {"completions": []}
        if word.startswith("-") or not (before or word):
            return _beginning_with(word, option_words(is_cell=line["escape"] == "%%"))
        return {"completions": []}

    def _is_ours(self, magic: str, *, is_cell: bool) -> bool:
        function = self._shell.find_magic(magic, "cell" if is_cell else "line")
        return str(getattr(function, "__module__", "")).startswith(f"{__package__}.")

    def _model_names(self) -> tuple[str, ...]:
        return self._known_models.names(self._gateway.gateway_config)

    @cached_property
    def _known_models(self) -> "KnownModels":
        from .known_models import KnownModels  # which ask servers

        return KnownModels()


class _GatewayMatcher:
    """What may follow on a line of %gateway."""

    @completion_matcher(api_version=2, priority=100)  # type: ignore[untyped-decorator]  # IPython's
    def match(self, context: CompletionContext) -> SimpleMatcherResult:
        line = GATEWAY_LINE.fullmatch(context.text_until_cursor)
        if not line:
            return {"completions": []}
        before, word = _last_word(line["rest"])
        result = _beginning_with(word, BEHIND_WORDS.get(before, ()) if before else WORDS)
        return {**result, "suppress": before not in ("record", "replay") and bool(result["completions"])}


def _last_word(text: str) -> tuple[str, str]:
    """What stands before the word that is being written, and that word, which may be empty yet."""
    word = re.split(r"\s", text)[-1]
    return text[: len(text) - len(word)].strip(), word


def _beginning_with(word: str, candidates: Iterable[str]) -> SimpleMatcherResult:
    """Completions in place of a word, and nobody else's beside them."""
    found = [SimpleCompletion(candidate) for candidate in candidates if candidate.startswith(word)]
    return {"completions": found, "matched_fragment": word, "suppress": True, "ordered": True}
