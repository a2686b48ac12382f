"""Events of a streamed transcription in, pieces of its text out, in the dialects of many servers."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import httpx

from ..answers.answers import answer_error
from ..config import GatewayConfig
from ..exceptions import UpstreamResponseError
from ..sse import EventDecoder, EventTooLargeError
from ..transcripts.languages import spacing
from ..transcripts.transcription import Segment, Transcription, assembled, clean_text, well_formed
from .transcription_json import json_of, language_in, segments_in, transcription_in

# OpenAI's and llama.cpp's "transcript.text.delta", Mistral's "transcription.segment", and their kin.
_EVENT_TYPE = re.compile(r"transcript(?:ion)?\.(?:text\.)?(delta|segment|done|language)")


class TranscriptionStream:
    """Reads the events of a streamed transcription; the bytes and their decoding are someone else's.

    It ends with `[DONE]` or with a `.done` event. It may also end with the response where the dialect has
    neither, or where vLLM has said why a part ended: it says so of each half minute of a long recording.
    """

    def __init__(self, response: httpx.Response, base_url: str, config: GatewayConfig) -> None:
        """Of `response` only status and headers are read."""
        self._response, self._base_url, self._config = response, base_url, config
        self._source = ""  # what brings the text: "delta", or "segment" where those come alone
        self._pieces: list[str] = []
        self._segments: list[Segment] = []
        self._final = Transcription("")
        self._unknown: Mapping[str, Any] = {}
        self._has_ended = False
        self._may_end = False

    @property
    def partial_text(self) -> str:
        """The text that has come so far."""
        return "".join(self._pieces)

    @property
    def has_ended(self) -> bool:
        """Whether the server has said that nothing more will come."""
        return self._has_ended

    def feed(self, events: Iterable[tuple[str, str]]) -> Iterator[str]:
        """Read events, each its name (or "") and data, and give the pieces of text that they bring.

        Raises:
            UpstreamResponseError: an event is an error, none of a transcription, or too large for the decoder
                that gives it; with the text so far in its `partial_text`.
        """
        try:
            yield from self._pieces_in(events)
        except EventTooLargeError as error:
            raise self._error(f"sent {error}", {}) from error

    def finish(self, *, is_framed: bool = True) -> Transcription:
        """The whole transcription, after the last event.

        Args:
            is_framed: whether HTTP told where the response ends, by chunks or by a length. If not, a lost
                connection looks like an end, and a stream without an end of its own is taken for broken.

        Raises:
            UpstreamResponseError: nothing came, or the end is missing; with the text so far in its
                `partial_text`.
        """
        if not self._source and not self._has_ended:
            raise self._error("ended its stream before the transcript began", self._unknown)
        if not self._has_ended and not (self._may_end and is_framed):
            raise self._error("broke off in the middle of the transcript", {})
        # speaches ends with an empty text, and then the deltas count.
        text = self._final.text or clean_text(self.partial_text)
        segments = self._final.segments or assembled(text, self._segments).segments
        return replace(self._final, text=text, segments=segments)

    def _pieces_in(self, events: Iterable[tuple[str, str]]) -> Iterator[str]:
        remaining = iter(events)
        while not self._has_ended and (event := next(remaining, None)):
            if piece := self._take(*event):
                yield piece

    def _take(self, name: str, data: str) -> str:
        if data.strip() == "[DONE]":
            self._has_ended = True
            return ""
        body = json_of(data)
        if name == "error" or (isinstance(body, dict) and _is_error(body)):
            raise self._error("broke off the transcript with an error", body or data)
        if not data.strip():
            return ""
        if not isinstance(body, dict):
            raise self._error("sent an event that is no JSON object", data)
        event_type = body.get("type")
        return self._take_body(body, event_type if isinstance(event_type, str) else name)

    def _take_body(self, body: dict[str, Any], event_type: str) -> str:
        kind = _EVENT_TYPE.fullmatch(event_type)
        match kind[1] if kind else None:
            case "delta":
                return self._grow("delta", body.get("delta") or body.get("text"))  # Mistral calls it text
            case "segment":
                self._segments += segments_in([body])[0]
                return self._grow_apart(body.get("text"))
            case "done":
                self._has_ended = True
                self._final = self._merged(body)
            case "language":
                self._final = replace(self._final, language=language_in(body.get("audio_language")))
            case _ if isinstance(body.get("choices"), list):  # vLLM
                return self._take_choice(body["choices"])
            case _ if isinstance(body.get("text"), str):  # older speaches: an answer for each segment
                self._final = replace(self._merged(body), text="", segments=())
                self._segments += segments_in(body.get("segments"))[0]
                self._may_end = True
                return self._grow_apart(body["text"])
            case _:
                self._unknown = body
        return ""

    def _take_choice(self, choices: list[Any]) -> str:
        if not choices or not isinstance(choices[0], Mapping):  # a chunk with the usage alone has none
            return self._grow("delta", None)
        reason = choices[0].get("finish_reason")
        self._may_end = reason is not None
        self._final = replace(self._final, cut_off=self._final.cut_off or reason == "length")
        delta = choices[0].get("delta")
        return self._grow("delta", delta.get("content") if isinstance(delta, Mapping) else None)

    def _merged(self, body: Mapping[str, Any]) -> Transcription:
        said = transcription_in({**body, "text": self._string(body.get("text"))}) or self._final
        return replace(
            said,
            language=said.language or self._final.language,
            duration_s=self._final.duration_s if said.duration_s is None else said.duration_s,
            cut_off=self._final.cut_off,
        )

    def _grow_apart(self, text: Any) -> str:
        """Add a text that ends where a word does."""
        piece = self._string(text)
        separator = spacing(self._pieces[-1], piece) if self._pieces and piece else ""
        return self._grow("segment", separator + piece)

    def _grow(self, source: str, text: Any) -> str:
        piece = self._string(text)
        self._source = self._source or source
        if source != self._source:  # OpenAI's diarization sends the text twice: in deltas and in segments
            return ""
        piece = piece if self._pieces else piece.lstrip()
        if piece:
            self._pieces.append(piece)
        return piece

    def _string(self, text: Any) -> str:
        if text is not None and not isinstance(text, str):
            raise self._error(f"sent a text that is no string but {type(text).__name__}", {})
        return well_formed(text or "")

    def _error(self, what: str, body: Any) -> UpstreamResponseError:
        sentence = f"{self._base_url} {what}"
        error = answer_error(sentence, body, self._response, self._base_url, self._config)
        error.partial_text = self.partial_text
        return error


def read_events(body: str, response: httpx.Response, base_url: str, config: GatewayConfig) -> Transcription:
    """The transcription in a whole body of events.

    Raises:
        UpstreamResponseError: an event is an error or none of a transcription, or nothing came.
    """
    # The body is whole, so its end ends an event, and one that is cut is an error rather than left out.
    events = EventDecoder().feed(well_formed(body).encode() + b"\n\n")
    stream = TranscriptionStream(response, base_url, config)
    for _ in stream.feed((event.event, event.data) for event in events):
        pass
    return stream.finish()


def _is_error(body: Mapping[str, Any]) -> bool:
    return bool(body.get("error")) or "error" in (body.get("type"), body.get("object"))
