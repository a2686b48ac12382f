"""A small OpenAI-compatible server that does all that the doctor asks for, unless it is told otherwise."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .fault_server import Answer, FaultServer, RecordedRequest, answer, completion, fault_server

CHAT, TRANSCRIPTIONS, MODELS = "/v1/chat/completions", "/v1/audio/transcriptions", "/v1/models"
NO_ROUTE = answer(404, body={"detail": "Not Found"})
WRONG_KEY = answer(401, body={"error": {"message": "Invalid API Key"}})
TEXTS = {"text": "Hello.", "srt": "1\n00:00:00,000 --> 00:00:01,000\nHello.\n"}
TEXTS["vtt"] = "WEBVTT\n\n00:00.000 --> 00:01.000\nHello.\n"


@dataclass(frozen=True)
class WellServer:
    """What the server is like.

    Attributes:
        key: what requests have to carry, or "".
        models: their names; a chat has to name one of them where `is_strict`.
        is_strict: whether a request has to name a model.
        instead: what it answers at a path in place of all that, or makes of a request there.
    """

    key: str = ""
    models: tuple[str, ...] = ("tiny",)
    is_strict: bool = False
    instead: Mapping[str, Answer | Callable[[RecordedRequest], Answer | None]] = field(default_factory=dict)

    def respond(self, request: RecordedRequest) -> Answer:
        """The answer to one request."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return WRONG_KEY
        instead = self.instead.get(request.target)
        found = instead(request) if callable(instead) else instead
        return found or self._respond(request)

    def _respond(self, request: RecordedRequest) -> Answer:
        match request.target:
            case "/v1/models" | "/models":
                return answer(body={"data": [{"id": name} for name in self.models]})
            case "/v1/chat/completions":
                return self._chat(request.json)
            case "/v1/audio/transcriptions":
                return _transcription(request.body)
            case _:
                return NO_ROUTE

    def _chat(self, body: dict[str, Any]) -> Answer:
        if "messages" not in body:
            return answer(422, body={"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]})
        if self.is_strict and body.get("model") not in self.models:
            return answer(404, body={"error": {"message": f"model {body.get('model')!r} not found"}})
        if body.get("stream"):
            return _stream(("One", ", two", ", three"))
        return completion('{"is_wet": true}' if "response_format" in body else "Hello.")


def _stream(pieces: tuple[str, ...]) -> Answer:
    deltas = [{"index": 0, "delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    last = {"index": 0, "delta": {}, "finish_reason": "length"}
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(pieces)}}
    chunks = [*({"choices": [choice]} for choice in [*deltas, last]), usage]
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return answer(body=events.encode(), headers={"Content-Type": "text/event-stream"})


def _transcription(form: bytes) -> Answer:
    wanted = next((name for name in TEXTS if f'"response_format"\r\n\r\n{name}\r\n'.encode() in form), "")
    if wanted:
        return answer(body=TEXTS[wanted].encode(), headers={"Content-Type": "text/plain"})
    return answer(body={"text": "Hello.", "segments": [{"start": 0, "end": 1, "text": "Hello."}]})


@contextmanager
def well_server(server: WellServer | None = None) -> Iterator[FaultServer]:
    """It, running."""
    with fault_server(respond=(server or WellServer()).respond) as running:
        yield running
