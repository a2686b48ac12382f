"""A model that answers about recordings, transcripts and answers about parts of them."""

import base64
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .chat_stream import streamed
from .fault_server import Answer, FaultServer, RecordedRequest, answer, completion, fault_server
from .hearing_server import Ear
from .tones import RATE_HZ, heard

NO_ROUTE = answer(404, body={"error": {"message": "no such route"}})
_TIME = re.compile(r"\[\d+:[\d:]+ - ")
_PART = re.compile(r"^Part (.*):$", re.MULTILINE)
_HEADER_BYTES = 44


@dataclass
class Analyst:
    """What the server is to do, and what it was asked.

    Attributes:
        ear: how it transcribes at the endpoint, or None where there is none.
        takes_sound: whether it takes recordings in chats.
        context_characters: of a longer question it says that it does not fit into the context.
        refusal: what it answers to a question in place of an answer.
        questions: the texts of all questions, in the order in which they came.
        bodies: the whole requests.
        sounds_s: lengths of the recordings in chats.
    """

    ear: Ear | None = None
    takes_sound: bool = True
    context_characters: int = 10**9
    refusal: Callable[[str], Answer | None] = lambda _: None
    delay_s: float = 0.0
    questions: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    sounds_s: list[float] = field(default_factory=list)

    def respond(self, request: RecordedRequest) -> Answer:
        """The answer to one request."""
        if not request.target.endswith("/chat/completions"):
            return self.ear.respond(request) if self.ear else NO_ROUTE
        body = request.json
        *_, last = messages = body["messages"]
        if isinstance(last["content"], list):
            if not self.takes_sound:
                return NO_ROUTE
            question, said = messages[0]["content"], self._about_sound(last["content"])
        else:
            question = last["content"]
            said = _about_text(question)
        self.bodies.append(body)
        self.questions.append(question)
        if len(question) > self.context_characters:
            limit = {"type": "exceed_context_size_error", "n_ctx": self.context_characters // 2}
            return answer(400, body={"error": {"message": "the request exceeds the context", **limit}})
        return self.refusal(question) or self._said(said, is_streamed=body.get("stream", False))

    def _about_sound(self, content: list[Any]) -> str:
        samples = base64.b64decode(content[0]["input_audio"]["data"])[_HEADER_BYTES:]
        self.sounds_s.append(len(samples) / 2 / RATE_HZ)
        return "I hear " + " ".join(word.text for word in heard(samples))

    def _said(self, text: str, *, is_streamed: bool) -> Answer:
        return streamed(*re.split(r"(?<= )", text)) if is_streamed else completion(text, delay_s=self.delay_s)


def _about_text(question: str) -> str:
    """What it says of a text: which parts were drawn together, or the time of the first line."""
    parts = _PART.findall(question)
    if parts:
        return f"Together: {', '.join(parts)}"
    time = _TIME.search(question)
    return f"It begins at {time[0].removesuffix(' - ')}]" if time else "It has no times."


@contextmanager
def analyst_server(analyst: Analyst) -> Iterator[FaultServer]:
    """A running server that answers as this analyst."""
    with fault_server(respond=analyst.respond) as server:
        yield server
