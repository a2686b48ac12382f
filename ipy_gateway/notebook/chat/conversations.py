"""The conversations of a notebook, and a question asked in one of them."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from ...core.answers.chunks import ChatChunk
from ...core.answers.replies import Reply
from ...core.config import GatewayConfig
from ...core.conversations.context import context_limit_of
from ...core.conversations.conversation import Conversation, Prompt
from ...core.exceptions import InvalidRequestError, UpstreamError
from ...core.messages import Message
from ...core.operations import stream_chat
from ..values.parts import Filled, content_of

USUAL = "default"
# Of a context that turned out to be too small; the rest is for the answer.
PROMPT_SHARE = 0.75


class Conversations:
    """All conversations by name; how large the contexts of servers are, as far as they have said."""

    def __init__(self) -> None:
        self._by_name: dict[str, Conversation] = {}
        self._context_tokens: dict[str | tuple[str, ...], int] = {}
        self._recordings: WeakKeyDictionary[Conversation, str] = WeakKeyDictionary()
        self._under_way: set[str] = set()

    def named(self, name: str | None) -> Conversation:
        """The conversation of a name, or the usual one; a new one, not kept yet, where there is none."""
        return self._by_name.get(name or USUAL) or Conversation()

    def put(self, name: str | None, conversation: Conversation) -> None:
        """From now on this is the conversation of that name."""
        self._by_name[name or USUAL] = conversation

    def branch(self, name: str | None) -> Conversation:
        """A copy of the conversation of a name as it stands: what is said in it is not said in that one."""
        trunk = self.named(name)
        branch = Conversation(trunk.messages)
        if trunk in self._recordings:
            self._recordings[branch] = self._recordings[trunk]
        return branch

    def begin(self, name: str) -> None:
        """A question is under way in the conversation of this name, until `end`."""
        self._under_way.add(name)

    def end(self, name: str) -> None:
        """It is not under way any more."""
        self._under_way.discard(name)

    def check_free(self, name: str | None) -> None:
        """Make sure that nothing is under way which will be a part of this conversation.

        Raises:
            InvalidRequestError: something is.
        """
        if (name or USUAL) in self._under_way:
            raise InvalidRequestError(
                f"In the conversation {name or USUAL!r} a question is being answered in the background.",
                "Await or cancel that answer, or use another --name.",
            )

    def turn_counts(self) -> dict[str, int]:
        """How many questions were answered in each."""
        return {name: len(conversation.turns) for name, conversation in self._by_name.items()}

    def prompt_tokens(self, config: GatewayConfig) -> int:
        """How many tokens may be sent to the servers of a configuration."""
        context = self._context_tokens.get(config.text_base_url)
        return min(config.history_tokens, int(PROMPT_SHARE * context)) if context else config.history_tokens

    def recording_of(self, conversation: Conversation, named: Sequence[str]) -> str:
        """The one recording that a conversation is about, or "" where there is none, or more than one.

        Args:
            conversation: it.
            named: the recordings in its next question; where there are none, it goes on about the same.
        """
        before = self._recordings.get(conversation)
        if named:
            is_one = len(named) == 1 and before in (None, named[0])
            self._recordings[conversation] = named[0] if is_one else ""
        return self._recordings.get(conversation, "")

    def learn_context(self, config: GatewayConfig, tokens: int) -> None:
        """Remember what an error said about the context of a configuration's servers."""
        self._context_tokens[config.text_base_url] = tokens


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, how, and where in a conversation.

    Attributes:
        filled: its text, pictures and sounds.
        conversation: what it continues.
        config: servers, key and timeouts.
        system: system prompt in place of the conversation's, or None.
        params: fields of the request.
        timeout_s: seconds that the whole answer may take, or None.
    """

    filled: Filled
    conversation: Conversation
    config: GatewayConfig
    system: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    timeout_s: float | None = None


class Taking(Protocol):
    """Who takes an answer while it comes: an `IncomingAnswer`, say."""

    @property
    def has_begun(self) -> bool:
        """Whether anything of the answer is there."""

    async def take_all(self, chunks: AsyncGenerator[ChatChunk, None], *, timeout_s: float | None) -> None:
        """Add all that comes."""

    def reply(self) -> Reply:
        """The answer so far."""


class Asking:
    """A question on its way to its answer.

    Args:
        question: what is asked.
        conversations: where contexts are remembered.
        incoming: where chunks go.
    """

    def __init__(self, question: Question, conversations: Conversations, incoming: Taking) -> None:
        self._question = question
        self._conversations = conversations
        self._incoming = incoming
        self._left_out = 0
        self._not_kept = ""

    @property
    def notices(self) -> tuple[str, ...]:
        """What the user is told about what was not sent, or is not kept."""
        told = (*self._question.filled.notices, left_out_notice(self._left_out), self._not_kept)
        return tuple(filter(None, told))

    async def reply(self) -> Reply:
        """Ask, and add question and answer to the conversation once the answer is complete.

        Raises:
            UpstreamError: no server answered, or the answer broke off.
            AudioProcessingError: a recording in the question can't be used.
        """
        question = self._question
        message = {"role": "user", "content": await content_of(question.filled, question.config)}
        prompt = await self._answered(message)
        reply = self._incoming.reply()
        self._not_kept = _not_kept_notice(reply)
        if not self._not_kept:
            question.conversation.record(message, reply.message, system=question.system)
        usage = reply.usage
        question.conversation.learn(prompt.estimated_tokens, usage.prompt_tokens if usage else None)
        return reply

    async def _answered(self, message: Message) -> Prompt:
        """Ask; where it is too much for the server's context, once more with what fits."""
        prompt = self._prompt(message)
        try:
            await self._stream(prompt)
        except UpstreamError as error:
            limit = context_limit_of(error)
            if limit is None or self._incoming.has_begun:
                raise
            self._conversations.learn_context(self._question.config, limit)
            shorter = self._prompt(message)
            if len(shorter.messages) == len(prompt.messages):
                raise
            await self._stream(shorter)
            return shorter
        return prompt

    def _prompt(self, message: Message) -> Prompt:
        question = self._question
        tokens = self._conversations.prompt_tokens(question.config)
        prompt = question.conversation.prompt(message, system=question.system, max_prompt_tokens=tokens)
        self._left_out = prompt.left_out
        return prompt

    async def _stream(self, prompt: Prompt) -> None:
        question = self._question
        chunks = stream_chat(prompt.messages, question.config, **question.params)
        await self._incoming.take_all(chunks, timeout_s=question.timeout_s)


def left_out_notice(count: int) -> str:
    """What the user is told about messages of the conversation that are not sent."""
    if not count:
        return ""
    messages = "earlier message was" if count == 1 else "earlier messages were"
    return f"{count} {messages} left out: the conversation is longer than what is sent."


def _not_kept_notice(reply: Reply) -> str:
    """Why a reply can't be history: servers refuse an empty answer, and calls that nobody answered."""
    calls = reply.message.get("tool_calls", ())
    if calls:
        names = ", ".join(call["function"]["name"] for call in calls)
        return f"Not kept in the conversation: the model calls {names:.200}, and no tools are run here."
    return "" if reply.text else "Not kept in the conversation: the answer has no text."
