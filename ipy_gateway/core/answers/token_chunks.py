"""The chunks of a whole stream: there is one for each token, so that little may be done for each."""

from collections.abc import Iterable, Iterator
from typing import Any

from ..sse import ServerEvent
from .chunks import ChatChunk, Done, parse_chunk
from .event_json import json_reader


def parse_chunks(
    events: Iterable[ServerEvent], server: str = "", request_id: str = ""
) -> Iterator[ChatChunk | Done]:
    """What each event of a chat stream adds to the answer; lazy, so that those before a bad one are not lost.

    All of it is what `parse_chunk` says, in half the time where an event is one text and nothing else, as
    nearly all are: there is one for each token.

    Raises:
        ChunkError: while events are taken, as `parse_chunk`.
    """
    read = json_reader()
    for event in events:
        try:
            body = read(event.data)
            choice, model, id_ = body["choices"][0], body["model"], body["id"]
            delta = choice["delta"]
            text = delta["content"]
            is_one_text = len(delta) == 1 and type(text) is type(model) is type(id_) is str
        except (ValueError, LookupError, TypeError, StopIteration, RecursionError):
            is_one_text = False
        if (
            not is_one_text
            or event.event == "error"
            or "error" in body
            or "error" in choice
            or choice.get("finish_reason")
            or body.get("usage")
        ):
            yield parse_chunk(event, server, request_id)
        else:
            yield _Filling(text, model, id_, server, request_id, body).filled()


class _Filling:
    """A chunk while it is filled: each attribute of a frozen object takes ten times as long to set."""

    __slots__ = ChatChunk.__slots__

    def __init__(
        self, text: str, model: str, id_: str, server: str, request_id: str, raw: dict[str, Any]
    ) -> None:
        self.text, self.reasoning, self.refusal = text, "", ""
        self.tool_calls = ()
        self.finish_reason = self.usage = None
        self.model, self.id, self.server, self.request_id, self.raw = model, id_, server, request_id, raw

    def filled(self) -> ChatChunk:
        """Itself, as a chunk: both classes have the same slots."""
        self.__class__ = ChatChunk  # type: ignore[assignment]
        return self  # type: ignore[return-value]
