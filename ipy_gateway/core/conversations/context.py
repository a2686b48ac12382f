"""How much goes into a model's context: tokens, estimated without a tokenizer, and what a server says of it.

Measured in bytes of UTF-8 per token, with the vocabularies of GPT-2 (50,257) and SmolLM2 (49,152), which are
small, so that newer ones need fewer tokens:

    English 4.2-4.3, French 3.1, German 2.6, code 2.2-3.0       letters
    digits 1.0-2.3, CSV 1.0-1.5, punctuation 1.2-1.3            digits and marks
    Hindi 1.7-2.4, Russian 1.7-2.4, Arabic 1.8, Greek 1.6-2.2,  beyond ASCII
    Japanese 1.7-1.9, Chinese 1.5-1.8, Thai 1.5-1.6, emoji 1.3-1.4, Korean 1.2

The constants below overestimate all of them but emoji and Korean, of which a quarter may be missing; what a
server reports corrects them.
"""

import math
import re
import string
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..exceptions import UpstreamError, UpstreamResponseError
from ..messages import Message

TOKENS_PER_LETTER: Final = 0.4
TOKENS_PER_MARK: Final = 1.0
TOKENS_PER_OTHER_BYTE: Final = 0.7
# ChatML takes 5 or 6 around each message, OpenAI's format 3 (https://github.com/openai/openai-cookbook, "How
# to count tokens with tiktoken").
TOKENS_PER_MESSAGE: Final = 6
# What a template adds once: the beginning of the answer (4), often a system prompt of its own (SmolLM2: 21).
TOKENS_PER_REQUEST: Final = 25
# A picture takes 85 to 1,105 tokens with OpenAI, by its size in pixels; a second of sound 10 with OpenAI, 25
# with Qwen2-Audio. Their base64 says little of it, and would be counted as a whole book.
TOKENS_PER_MEDIA_PART: Final = 1000

# Half is what newer vocabularies need for most languages; less is not believed, because servers were seen to
# leave out what their cache held (https://github.com/ollama/ollama/issues/5370). A letter that takes a whole
# token is the worst there is.
RATIO_LIMITS: Final = (0.5, 1 / TOKENS_PER_LETTER)

_LETTERS = (string.ascii_letters + " ").encode("ascii")
_ASCII = bytes(range(128))

_NUMBER = r"(\d{1,9}(?:,\d{3}){0,3})"
LIMITS_IN_WORDS: Final = tuple(
    re.compile(pattern.replace("NUMBER", _NUMBER))
    for pattern in (
        r"context size \(NUMBER tokens\)",  # llama.cpp, and LiteLLM before it
        r"n_ctx['\"]?\s*[:=]\s*NUMBER",  # llama.cpp, LM Studio
        r"maximum context length (?:is|of) NUMBER",  # OpenAI, vLLM, SGLang
        r"context length \(?(?:of )?(?:only )?NUMBER",  # LM Studio, vLLM, SGLang
        r"NUMBER maximum context length",  # Mistral
        r"context window of NUMBER",  # llama-cpp-python
        r"maximum model length of NUMBER",  # vLLM
        r"tokens > NUMBER maximum",  # Anthropic
        r"context limit: \d+ \+ \d+ > NUMBER",  # Anthropic
        r"`max_new_tokens` must be <= NUMBER",  # text-generation-inference
    )
)


def estimated_tokens(messages: Iterable[Message]) -> int:
    """Tokens that messages take in a request, without those that a request takes once."""
    return math.ceil(sum(map(_tokens_of_message, messages)))


def request_tokens(messages: Iterable[Message]) -> int:
    """Tokens that a request with these messages takes, estimated."""
    return TOKENS_PER_REQUEST + estimated_tokens(messages)


def tokens_of_text(text: str) -> float:
    """Tokens of a text, estimated from its bytes."""
    data = text.encode("utf-8", "replace")
    other = len(data.translate(None, _ASCII))
    letters = len(data) - len(data.translate(None, _LETTERS))
    marks = len(data) - letters - other
    return letters * TOKENS_PER_LETTER + marks * TOKENS_PER_MARK + other * TOKENS_PER_OTHER_BYTE


class TokenRatio:
    """How many tokens a model takes for one that is estimated, as its server reports it."""

    def __init__(self) -> None:
        self.value = 1.0

    def learn(self, estimated: int, reported: int) -> None:
        """Take in what a server reports for a request.

        An estimate that was too low is corrected at once, because a request that does not fit fails; one that
        was too high by half of it, because the next text may be of another kind.

        Args:
            estimated: tokens of the request, not corrected by this ratio.
            reported: `usage.prompt_tokens` of its answer.
        """
        if estimated <= 0 or reported <= 0:
            return
        low, high = RATIO_LIMITS
        seen = min(max(reported / estimated, low), high)
        self.value = seen if seen > self.value else (self.value + seen) / 2

    def corrected(self, estimated: int) -> int:
        """An estimate, corrected."""
        return math.ceil(estimated * self.value)


def context_limit_of(error: UpstreamError) -> int | None:
    """The context in tokens that a request did not fit into, or None where the error is not about that.

    None also where a server does not say how large its context is.
    """
    if not isinstance(error, UpstreamResponseError):
        return None
    return error.context_limit_tokens or limit_in_words(error.message)


def limit_in_body(body: Any, words: str) -> int | None:
    """The context in tokens that an error names, in its JSON or in its words."""
    error = body.get("error", body) if isinstance(body, Mapping) else None
    limit = error.get("n_ctx") if isinstance(error, Mapping) else None  # llama.cpp
    return limit if isinstance(limit, int) and limit > 1 else limit_in_words(words)


def limit_in_words(words: str) -> int | None:
    """The context in tokens that a sentence about an overflow names."""
    said = words.lower()
    found = (pattern.search(said) for pattern in LIMITS_IN_WORDS)
    match = next(filter(None, found), None)
    limit = int(match[1].replace(",", "")) if match else 0
    return limit or None


def _tokens_of_message(message: Message) -> float:
    said = [value for name, value in message.items() if name not in ("role", "content")]
    return TOKENS_PER_MESSAGE + _tokens_of_content(message.get("content")) + sum(map(_tokens_of_json, said))


def _tokens_of_content(content: Any) -> float:
    if isinstance(content, list):
        return sum(map(_tokens_of_part, content))
    return tokens_of_text(content) if isinstance(content, str) else 0.0


def _tokens_of_part(part: Any) -> float:
    text = part.get("text") if isinstance(part, Mapping) else part
    return tokens_of_text(text) if isinstance(text, str) else TOKENS_PER_MEDIA_PART


def _tokens_of_json(value: Any) -> float:
    """Tokens of a name, or of tool calls: of all the texts in them, with a mark around each."""
    if isinstance(value, str):
        return tokens_of_text(value) + TOKENS_PER_MARK
    if isinstance(value, Mapping):
        return sum(map(_tokens_of_json, [*value, *value.values()]))
    return sum(map(_tokens_of_json, value)) if isinstance(value, list) else TOKENS_PER_MARK
