"""A transcription server that hears the words of `tones`, and fails when it is told to."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from .fault_server import Answer, FaultServer, RecordedRequest, answer, completion, fault_server
from .tones import RATE_HZ, HeardWord, heard

Dialect = Literal["words", "segments", "json", "chat"]
_WORDS_IN_A_SEGMENT = 6
_HEADER_BYTES = 44
NOTHING_WRONG = answer(200)


@dataclass
class Ear:
    """What the server is to do, and what it heard.

    Attributes:
        dialect: with what times it answers, and whether at the endpoint or in a chat.
        longest_s: of a recording that it takes; a longer one is refused with 413.
        refusal: what it answers to the request of that number, counted from 0, in place of a transcript.
        refusal_of: what it answers to these words, in place of a transcript.
        delay_s: how long it takes.
        windows_s: lengths of the recordings that it heard, in the order in which they came.
        texts: what it heard in those that it did not refuse.
        formats: the response_format of each request to the endpoint.
    """

    dialect: Dialect = "segments"
    longest_s: float = float("inf")
    refusal: Callable[[int], Answer | None] = lambda _: None
    refusal_of: Callable[[str], Answer | None] = lambda _: None
    delay_s: float = 0.0
    windows_s: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    formats: list[str | None] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)

    def respond(self, request: RecordedRequest) -> Answer:
        """The answer to one request."""
        is_chat = request.target.endswith("/chat/completions")
        if is_chat != (self.dialect == "chat"):
            return answer(404, body={"error": {"message": "no such route"}})
        samples = _chat_samples(request) if is_chat else self._form_samples(request)
        if samples is None:
            return answer(400, body={"error": {"message": "only json is supported as response_format"}})
        duration_s = len(samples) / 2 / RATE_HZ
        self.windows_s.append(duration_s)
        if duration_s > self.longest_s:
            return answer(413, body={"error": {"message": "Request entity too large"}})
        if refused := self.refusal(len(self.windows_s) - 1):
            return refused
        words = heard(samples)
        text = " ".join(word.text for word in words)
        if refused := self.refusal_of(text):
            return refused
        self.texts.append(text)
        return self._transcript(text, words, duration_s)

    def _form_samples(self, request: RecordedRequest) -> bytes | None:
        fields = _form(request)
        self.fields.append({name: value.decode() for name, value in fields.items() if name != "file"})
        wanted = self.fields[-1].get("response_format")
        self.formats.append(wanted)
        return None if self.dialect == "json" and wanted else fields["file"][_HEADER_BYTES:]

    def _transcript(self, text: str, words: list[HeardWord], duration_s: float) -> Answer:
        if self.dialect == "chat":
            return completion(text, delay_s=self.delay_s)
        body: dict[str, Any] = {"text": text}
        if self.dialect != "json":
            body |= {"duration": duration_s, "language": "english", "segments": self._segments(words)}
        return answer(body=body, delay_s=self.delay_s)

    def _segments(self, words: list[HeardWord]) -> list[Any]:
        groups = [words[i : i + _WORDS_IN_A_SEGMENT] for i in range(0, len(words), _WORDS_IN_A_SEGMENT)]
        return [
            {
                "start": group[0].start_s,
                "end": group[-1].end_s,
                "text": "".join(f" {word.text}" for word in group),
                "words": [vars_of(word) for word in group] if self.dialect == "words" else None,
            }
            for group in groups
        ]


def vars_of(word: HeardWord) -> dict[str, Any]:
    """A word as verbose_json has it."""
    return {"word": word.text, "start": word.start_s, "end": word.end_s}


@contextmanager
def hearing_server(ear: Ear) -> Iterator[FaultServer]:
    """A running server that hears with this ear."""
    with fault_server(respond=ear.respond) as server:
        yield server


def _chat_samples(request: RecordedRequest) -> bytes:
    (part,) = json.loads(request.body)["messages"][-1]["content"]
    return base64.b64decode(part["input_audio"]["data"])[_HEADER_BYTES:]


def _form(request: RecordedRequest) -> dict[str, bytes]:
    boundary = request.headers["content-type"].partition("boundary=")[2].encode()
    fields = {}
    for part in request.body.split(b"--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]+)"', head)
        assert name
        fields[name[1].decode()] = value[:-2]
    return fields
