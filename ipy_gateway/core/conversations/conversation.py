"""A conversation: what has been said, and how much of it goes along with the next question."""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from ..exceptions import InvalidRequestError
from ..messages import Message, text_message
from .context import TOKENS_PER_REQUEST, TokenRatio, estimated_tokens
from .conversation_files import read_messages, write_messages

SYSTEM_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question with all that was said to it: they are sent together, and left out together.

    Attributes:
        messages: the question first, then the answer, or calls of tools, what those gave, and the answer.
            A loaded conversation may begin without a question.
        estimated_tokens: how much it takes, not corrected by what servers report.
    """

    messages: tuple[Message, ...]
    estimated_tokens: int

    @classmethod
    def of(cls, messages: Iterable[Message]) -> "Turn":
        """A turn with copies of these messages."""
        copies = tuple(copy.deepcopy(list(messages)))
        return cls(copies, estimated_tokens(copies))


@dataclass(frozen=True, slots=True)
class Prompt:
    """What to send for a question.

    Attributes:
        messages: the system prompt, as many of the last turns as fit, and the question.
        left_out: how many messages of the conversation are not among them, the oldest ones.
        tokens: how much they take, estimated and corrected by what servers reported.
        estimated_tokens: the estimate before that, for `Conversation.learn`.
    """

    messages: tuple[Message, ...]
    left_out: int
    tokens: int
    estimated_tokens: int


class Conversation:
    """The turns of a talk, and its system prompt. A question that fails leaves no trace: see `record`."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        self._system: tuple[Message, ...] = ()
        self._turns: list[Turn] = []
        self._ratio = TokenRatio()
        self._take(list(messages))

    @property
    def system(self) -> str:
        """The system prompt, or ""."""
        contents = (message["content"] for message in self._system)
        return "\n".join(content for content in contents if isinstance(content, str))

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What has been said, oldest first."""
        return tuple(self._turns)

    @property
    def messages(self) -> list[Message]:
        """A copy of all messages, the system prompt first."""
        spoken = (message for turn in self._turns for message in turn.messages)
        return copy.deepcopy([*self._system, *spoken])

    def prompt(
        self, question: Message, *, system: str | None = None, max_prompt_tokens: int | None = None
    ) -> Prompt:
        """What to send for a question; nothing is recorded.

        Args:
            question: a user's message.
            system: a system prompt in place of the conversation's own; "" for none.
            max_prompt_tokens: how much to send in all. The oldest turns are left out until the rest fits; the
                system prompt and the question always stay, even where they alone do not fit. All by default.
        """
        first = self._system if system is None else _system_messages(system)
        tokens = TOKENS_PER_REQUEST + estimated_tokens([*first, question])
        start = len(self._turns)
        for turn in reversed(self._turns):
            with_turn = tokens + turn.estimated_tokens
            if max_prompt_tokens is not None and self._ratio.corrected(with_turn) > max_prompt_tokens:
                break
            start, tokens = start - 1, with_turn
        return Prompt(
            messages=(*first, *_messages_of(self._turns[start:]), question),
            left_out=len(_messages_of(self._turns[:start])),
            tokens=self._ratio.corrected(tokens),
            estimated_tokens=tokens,
        )

    def record(self, question: Message, *answers: Message, system: str | None = None) -> None:
        """Add a turn, once it has succeeded.

        Args:
            question: as given to `prompt`.
            *answers: the answer; where tools were called, all messages up to the answer.
            system: as given to `prompt`: from now on it is the conversation's own.
        """
        if system is not None:
            self._system = _system_messages(system)
        self._turns.append(Turn.of([question, *answers]))

    def learn(self, estimated_tokens: int, prompt_tokens: int | None) -> None:
        """Take in what a server reports, so that later estimates are truer.

        Args:
            estimated_tokens: those of the `Prompt` that was sent.
            prompt_tokens: `reply.usage.prompt_tokens`; None where the server does not say.
        """
        if prompt_tokens is not None:
            self._ratio.learn(estimated_tokens, prompt_tokens)

    def undo(self) -> Turn:
        """Take back the last turn, and return it.

        Raises:
            InvalidRequestError: there is none.
        """
        if not self._turns:
            raise InvalidRequestError("There is no turn to take back: nothing has been said.")
        return self._turns.pop()

    def clear(self) -> None:
        """Forget everything, also the system prompt."""
        self._take([])

    def save(self, path: str | Path) -> Path:
        """Write the conversation into a file, a JSON list of OpenAI messages; returns the path.

        Raises:
            InvalidRequestError: it can't be written, or the file holds something other than a conversation.
        """
        return write_messages(path, self.messages)

    def load(self, path: str | Path) -> None:
        """Replace this conversation by that in a file.

        Raises:
            InvalidRequestError: there is none in it; this conversation stays as it is.
        """
        self._take(read_messages(path))

    def _take(self, messages: Sequence[Message]) -> None:
        system = tuple(takewhile(_is_system, messages))
        self._turns = [Turn.of(spoken) for spoken in _by_question(messages[len(system) :])]
        self._system = copy.deepcopy(system)


def _is_system(message: Message) -> bool:
    return message["role"] in SYSTEM_ROLES


def _system_messages(text: str) -> tuple[Message, ...]:
    return (text_message("system", text),) if text else ()


def _by_question(messages: Iterable[Message]) -> list[list[Message]]:
    """Messages in groups that begin with a question each: an answer belongs to what it answers."""
    groups: list[list[Message]] = []
    for message in messages:
        if message["role"] == "user" or not groups:
            groups.append([])
        groups[-1].append(message)
    return groups


def _messages_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    return tuple(message for turn in turns for message in turn.messages)
