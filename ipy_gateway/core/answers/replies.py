"""A reply: what the chunks of a streamed answer come to, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..messages import Message, refusal_of
from .chunks import ChatChunk, ToolCallPiece, Usage
from .thinking import ThinkingSplitter

SHOWN_CHARACTERS = 60
# What a completion says once and a chunk says otherwise.
_OF_CHUNKS_ALONE = frozenset({"choices", "object", "usage"})


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """An answer to a chat, whole or as far as it came; `str(reply)` is its text.

    Attributes:
        text: the answer, without reasoning and without white space around it.
        reasoning: what the model thought before, or "".
        message: the answer as an OpenAI message with role, content and, where there are any, tool_calls: what
            goes back to the server as history. The content is the text, or None beside tool calls alone.
        usage: how many tokens it took, where the server says so.
        raw: all of it as one chat completion, `{"choices": [{"message": ..., "finish_reason": ...}], ...}`.
        model: what the server calls its model, or "".
        server: base URL of the server that answered, or "".
        id: the server's name for the answer, or "".
        request_id: its name for the request, as it stands in its log, or "".
        finish_reason: why it ended: "stop", "length", "tool_calls", "content_filter"; None where unknown.
        is_complete: whether it came to its end; otherwise it was stopped, or broke off.
    """

    text: str = ""
    reasoning: str = ""
    message: Message = field(default_factory=dict, hash=False)
    usage: Usage | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)
    model: str = ""
    server: str = ""
    id: str = ""
    request_id: str = ""
    finish_reason: str | None = None
    is_complete: bool = True

    @property
    def cut_off(self) -> bool:
        """Whether it ended at a length limit, so that its end is missing."""
        return self.finish_reason == "length"

    @property
    def refusal(self) -> str:
        """What the model says where it refuses to answer, or "" where it does not."""
        return refusal_of(self.raw) if self.raw else ""

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        shown = self.text if len(self.text) <= SHOWN_CHARACTERS else self.text[:SHOWN_CHARACTERS] + "…"
        model = f" from {self.model}" if self.model else ""
        return f"<Reply{model}: {shown!r}{'' if self.is_complete else ', incomplete'}>"


class ReplyBuilder:
    """Collects the chunks of an answer; each adds to lists, so that a long answer costs no more per chunk."""

    def __init__(self) -> None:
        self._splitter = ThinkingSplitter()
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls = _ToolCalls()
        self._last = ChatChunk()
        self._raw: dict[str, Any] = {}

    def add(self, chunk: ChatChunk) -> None:
        """Take the next chunk."""
        thought, text = self._splitter.feed(chunk.text)
        self._reasoning.extend((chunk.reasoning, thought))
        self._text.append(text)
        self._refusal.append(chunk.refusal)
        for piece in chunk.tool_calls:
            self._calls.add(piece)
        facts = {name: value for name, value in chunk.raw.items() if name not in _OF_CHUNKS_ALONE}
        self._raw.update(facts)
        self._last = _facts_of(chunk, self._last)

    @property
    def text(self) -> str:
        """The answer so far; what may become a tag is held back."""
        return "".join(self._text)

    @property
    def reasoning(self) -> str:
        """What the model thought so far."""
        return "".join(self._reasoning)

    def reply(self, *, is_complete: bool = True) -> Reply:
        """The reply so far; more chunks may follow.

        Args:
            is_complete: whether the answer came to its end.
        """
        thought, text = self._splitter.rest()
        text, reasoning = (self.text + text).strip(), (self.reasoning + thought).strip()
        message = _message(text, self._calls.whole())
        return Reply(
            text=text,
            reasoning=reasoning,
            message=message,
            usage=self._last.usage,
            raw=self._completion(message, reasoning),
            model=self._last.model,
            server=self._last.server,
            id=self._last.id,
            request_id=self._last.request_id,
            finish_reason=self._last.finish_reason,
            is_complete=is_complete,
        )

    def _completion(self, message: Message, reasoning: str) -> dict[str, Any]:
        refusal = "".join(self._refusal)
        said = {"reasoning_content": reasoning, "refusal": refusal}
        whole = {**message, **{name: value for name, value in said.items() if value}}
        last = self._last
        completion = {
            **self._raw,
            "id": last.id,
            "object": "chat.completion",
            "model": last.model,
            "choices": [{"index": 0, "message": whole, "finish_reason": last.finish_reason}],
        }
        return completion if last.usage is None else {**completion, "usage": last.usage.raw}


def _facts_of(chunk: ChatChunk, before: ChatChunk) -> ChatChunk:
    """What is known of the answer after a chunk: some servers say it once, on the first or on the last."""
    return ChatChunk(
        finish_reason=chunk.finish_reason or before.finish_reason,
        usage=chunk.usage or before.usage,
        model=chunk.model or before.model,
        id=before.id or chunk.id,
        server=chunk.server or before.server,
        request_id=before.request_id or chunk.request_id,
    )


def _message(text: str, tool_calls: list[dict[str, Any]]) -> Message:
    if not tool_calls:
        return {"role": "assistant", "content": text}
    # Some servers refuse an empty text; that there is none may be said beside calls alone.
    return {"role": "assistant", "content": text or None, "tool_calls": tool_calls}


class _ToolCall:
    """One call, as far as it came."""

    def __init__(self, piece: ToolCallPiece) -> None:
        self._id, self._name = piece.id, piece.name
        self._arguments = [piece.arguments]

    def is_another(self, piece: ToolCallPiece) -> bool:
        """Whether a piece with the same index begins another call.

        Gemini gives every call the index 0, and sends each in one piece; vLLM was seen to send a new id with
        every piece of one call, but its name on the first alone.
        """
        return bool(piece.name and piece.id and self._id and piece.id != self._id)

    def add(self, piece: ToolCallPiece) -> None:
        self._id, self._name = self._id or piece.id, self._name or piece.name
        self._arguments.append(piece.arguments)

    def whole(self) -> dict[str, Any]:
        # llama.cpp answers 500 to a call in the history whose arguments are no JSON.
        function = {"name": self._name, "arguments": "".join(self._arguments) or "{}"}
        return {"id": self._id, "type": "function", "function": function}


class _ToolCalls:
    """The calls of an answer, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[_ToolCall] = []
        self._open: dict[int, _ToolCall] = {}

    def add(self, piece: ToolCallPiece) -> None:
        call = self._open.get(piece.index)
        if call is None or call.is_another(piece):
            call = self._open[piece.index] = _ToolCall(piece)
            self._calls.append(call)
        else:
            call.add(piece)

    def whole(self) -> list[dict[str, Any]]:
        return [call.whole() for call in self._calls]
