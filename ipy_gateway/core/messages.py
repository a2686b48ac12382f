"""What travels: chat messages going out, and what an answer says."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from .exceptions import InvalidRequestError

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Base64Later:
    """A string of JSON that is the base64 of these bytes, and is made when it is sent."""

    data: bytes


class Completion(dict[str, Any]):
    """A chat completion: the server's JSON object, which also knows who gave it.

    Attributes:
        server: base URL of the server that answered.
    """

    server: str = ""


class AnswerText(str):
    """The text of an answer about a recording, which also knows who gave it.

    Attributes:
        server: base URL of the server that answered.
        model: what the server calls its model, or "".
        cut_off: whether the answer ended at a length limit, so that its end is missing.
    """

    server: str
    model: str
    cut_off: bool

    def __new__(cls, text: str, *, server: str = "", model: str = "", cut_off: bool = False) -> Self:
        """The text with its origin."""
        self = super().__new__(cls, text)
        self.server, self.model, self.cut_off = server, model, cut_off
        return self


class TranscriptText(AnswerText):
    """A transcript.

    Attributes:
        source: name of the recording, where one is known.
    """

    source: str

    def __new__(cls, text: str, *, source: str = "", **origin: Any) -> Self:
        """The text with its origin, which is as in `AnswerText`."""
        self = super().__new__(cls, text, **origin)
        self.source = source
        return self


@dataclass(frozen=True, slots=True)
class TranscriptChunk:
    """What comes next of a transcript.

    Attributes:
        text: what is to be put behind the texts before it, with its own blanks; "" on the last chunk alone.
        server: base URL of the server that answers.
        transcript: on the last chunk the whole transcript, which counts where it differs from the pieces: a
            server may correct itself, and marks of silence are left out. None before.
    """

    text: str = ""
    server: str = ""
    transcript: TranscriptText | None = None


def text_message(role: str, text: str) -> Message:
    """A message without media. Its content is a string: several servers refuse a list of one text part."""
    return {"role": role, "content": text}


def audio_message(audio_bytes: bytes, audio_format: str) -> Message:
    """A user message with one `input_audio` part, whose base64 is made while it is sent.

    Args:
        audio_bytes: the recording.
        audio_format: what it is, "wav" or "mp3" for servers in general.
    """
    part = {"type": "input_audio", "input_audio": {"data": Base64Later(audio_bytes), "format": audio_format}}
    return {"role": "user", "content": [part]}


def audio_part(audio_bytes: bytes, audio_format: str) -> dict[str, Any]:
    """An `input_audio` part that can be kept and written to a file as it is."""
    data = base64.b64encode(audio_bytes).decode("ascii")
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format}}


def check_messages(messages: Any) -> None:
    """Raise where something is no list of chat messages.

    Raises:
        InvalidRequestError: it is none.
    """
    if isinstance(messages, str):
        raise InvalidRequestError(
            "messages is a string.", "Give a list: [{'role': 'user', 'content': 'your question'}]."
        )
    if not isinstance(messages, Sequence):
        raise InvalidRequestError(
            f"messages is not a list but {type(messages).__name__}.",
            "Give a list: [{'role': ..., 'content': ...}].",
        )
    if not messages:
        raise InvalidRequestError("messages is empty.", "Give at least one {'role': ..., 'content': ...}.")
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise InvalidRequestError(
                f"messages[{number}] is not a message but {message!r:.80}.",
                "A message is {'role': 'user', 'content': 'text'}.",
            )


def answer_text(completion: Mapping[str, Any]) -> str:
    """The text of a chat completion, "" where it has none."""
    content = completion["choices"][0]["message"].get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return str(content or "").strip()


def is_cut_off(completion: Mapping[str, Any]) -> bool:
    """Whether the answer ended at a length limit rather than by itself."""
    return bool(completion["choices"][0].get("finish_reason") == "length")


def refusal_of(completion: Mapping[str, Any]) -> str:
    """What a model says where it refuses to answer, or "" where it does not."""
    if answer_text(completion):
        return ""
    choice = completion["choices"][0]
    refusal = choice["message"].get("refusal")
    if refusal:
        return str(refusal)
    return "its content filter stopped the answer" if choice.get("finish_reason") == "content_filter" else ""


def answer_of_completion(completion: Completion) -> AnswerText:
    """The text of a completion with its origin."""
    return AnswerText(answer_text(completion), **_origin_of(completion))


def transcript_of_completion(completion: Completion) -> TranscriptText:
    """The text of a completion with its origin, as a transcript."""
    return TranscriptText(answer_text(completion), **_origin_of(completion))


def _origin_of(completion: Completion) -> dict[str, Any]:
    model = str(completion.get("model") or "")
    return {"server": completion.server, "model": model, "cut_off": is_cut_off(completion)}
