"""The text requests of an analysis, and how much may be sent in one of them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from ..answers.chunks import ChatChunk
from ..answers.thinking import ThinkingSplitter
from ..conversations.context import context_limit_of, request_tokens
from ..exceptions import UpstreamError, UpstreamResponseError
from ..messages import AnswerText, Message, answer_of_completion
from ..operations import chat_completion, stream_chat
from ..transcribing.transcribing import raise_for_refusal
from .analysis_messages import AnalysisRequest
from .analysis_parts import Finding

# Of a context that turned out to be too small; the rest is for the answer.
PROMPT_SHARE = 0.75
LEAST_TOKENS = 100  # about 20 words with their times: less of a transcript says nothing


class AnalysisAsking:
    """Asks the servers for text.

    Attributes:
        request: what is wanted.
        max_tokens: what is sent at once takes no more: `history_tokens` of the configuration, or three
            quarters of a context that a server says is smaller.
    """

    def __init__(self, request: AnalysisRequest) -> None:
        self.request = request
        self.max_tokens = request.config.history_tokens

    def fits(self, messages: Sequence[Message]) -> bool:
        """Whether so much may be sent at once."""
        return request_tokens(messages) <= self.max_tokens

    def learns_from(self, error: UpstreamError) -> bool:
        """Whether an error says that less has to be sent; from now on it is."""
        limit = None if error.partial_text else context_limit_of(error)
        if limit is None:
            return False
        answer_tokens = self.request.params.get("max_tokens")
        wanted = answer_tokens if isinstance(answer_tokens, int) else 0
        learned = min(int(PROMPT_SHARE * limit), max(limit - wanted, LEAST_TOKENS))
        is_less = learned < self.max_tokens
        self.max_tokens = min(learned, self.max_tokens)
        return is_less

    async def finding(self, name: str, messages: Sequence[Message]) -> Finding:
        """The answer about a part.

        Raises:
            UpstreamError: there is none.
        """
        request = self.request
        completion = await chat_completion(messages, request.config, **request.params_of_parts)
        raise_for_refusal(completion, request.config)
        return finding_of(name, answer_of_completion(completion))

    async def streamed(self, messages: Sequence[Message]) -> AsyncGenerator[ChatChunk, None]:
        """The one answer in the end; its reasoning is told apart, because more text may follow it."""
        splitter = ThinkingSplitter()
        chunks = stream_chat(messages, self.request.config, **self.request.params)
        async with aclosing(chunks):
            async for chunk in chunks:
                thought, text = splitter.feed(chunk.text)
                yield replace(chunk, text=text, reasoning=chunk.reasoning + thought)
        thought, text = splitter.rest()
        yield ChatChunk(text=text, reasoning=thought)


def finding_of(name: str, answer: AnswerText) -> Finding:
    """What a model says of a part, without what it thought before.

    Raises:
        UpstreamResponseError: it says nothing.
    """
    splitter = ThinkingSplitter()
    _, text = splitter.feed(answer)
    text = (text + splitter.rest()[1]).strip()
    if not text:
        raise UpstreamResponseError(
            f"{answer.server} gave an empty answer.", "Ask another model.", upstream=answer.server
        )
    problem = f"The answer for {name} was cut off at the server's length limit." if answer.cut_off else ""
    return Finding(name, text, problem, answer.server, answer.model)


def in_one_piece(text: str, *, server: str, model: str, cut_off: bool = False) -> ChatChunk:
    """A whole answer as a chunk."""
    return ChatChunk(text=text, server=server, model=model, finish_reason="length" if cut_off else "stop")


def at_the_end(problems: Sequence[str]) -> ChatChunk:
    """What is missing, a paragraph each."""
    return ChatChunk(text="".join(f"\n\n{problem}" for problem in problems))
