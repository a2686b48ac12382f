"""What a request to the embedded engine asks for, or why it can't be answered.

Every function raises BadRequestError where the request is not what its name says.
"""

import base64
import io
import json
import math
from collections.abc import Mapping
from typing import Any

import httpx

from ..core.routing import is_audio_part
from .requirements import import_extra

Json = dict[str, Any]


class BadRequestError(Exception):
    """What a server would answer with a status of 4xx."""

    def __init__(self, message: str, status_code: int = 400) -> None:
        super().__init__(message)
        self.status_code = status_code

    def as_json(self) -> Json:
        """The body of the answer, as OpenAI has it."""
        return {"error": {"message": str(self), "type": "invalid_request_error", "code": self.status_code}}


class UnknownModelError(BadRequestError):
    """There is no model of that name.

    Args:
        kind: "chat" or "speech".
        name: as the request has it.
        instead: why not, or what there is, as a clause.
    """

    def __init__(self, kind: str, name: str, instead: str) -> None:
        super().__init__(f"the embedded engine has no {kind} model {name!r:.80}: {instead}", 404)

    def as_json(self) -> Json:
        """OpenAI's clients know it by its code."""
        details = {"message": str(self), "type": "invalid_request_error", "param": "model"}
        return {"error": {**details, "code": "model_not_found"}}


def json_object(content: bytes) -> Json:
    """The JSON object in a body."""
    try:
        body = json.loads(content)
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body is not a JSON object")
    return body


def messages_of(body: Json) -> list[Json]:
    """The messages in a chat completion request."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise BadRequestError("messages is not a list of messages")
    return messages


def audio_parts(message: Json) -> list[Json]:
    """The recordings in a message."""
    content = message.get("content")
    return [part for part in content if is_audio_part(part)] if isinstance(content, list) else []


def recording(part: Json) -> bytes:
    """The bytes of an `input_audio` part; Mistral's clients give the base64 itself in place of an object."""
    holder = part.get("input_audio") or part.get("audio")
    data: Any = holder.get("data") if isinstance(holder, Mapping) else holder
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError) as error:
        raise BadRequestError(f"input_audio.data is not base64: {error}") from error


def form(request: httpx.Request) -> tuple[dict[str, list[str]], bytes]:
    """Fields and file of a multipart form; a field may be there several times."""
    multipart = import_extra("python_multipart")
    fields: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}

    def on_field(field: Any) -> None:
        values = fields.setdefault(field.field_name.decode("utf-8", "replace"), [])
        values.append((field.value or b"").decode("utf-8", "replace"))

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.field_name.decode("utf-8", "replace")] = file.file_object.read()
        file.close()  # a large one is a temporary file

    headers = {name.title(): value.encode() for name, value in request.headers.items()}
    try:
        multipart.parse_form(headers, io.BytesIO(request.content), on_field, on_file)
    except (multipart.exceptions.FormParserError, ValueError) as error:
        raise BadRequestError(f"the form can't be read: {error}") from error
    if "file" not in files:
        raise BadRequestError("the form has no file")
    return fields, files["file"]


def last_of(fields: Mapping[str, list[str]], name: str) -> str | None:
    """The value of a form field that makes sense once; None where it is absent or empty."""
    return fields.get(name, [""])[-1] or None


def temperature_of(fields: Mapping[str, list[str]]) -> float | None:
    """The temperature in a form, or None where there is none."""
    text = last_of(fields, "temperature")
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise BadRequestError(f"temperature is not a number between 0 and 1: {text!r:.40}")
    return value
