"""What a request to the embedded engine asks for, or why it can't be answered.

Every function raises BadRequestError where the request is not what its name says.
"""

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

import httpx

from .requirements import import_extra

Json = dict[str, Any]


class BadRequestError(Exception):
    """What a server would answer with a status of 4xx."""

    def __init__(self, message: str, status_code: int = 400) -> None:
        super().__init__(message)
        self.status_code = status_code


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
    return [part for part in content if is_audio(part)] if isinstance(content, list) else []


def is_audio(part: Any) -> bool:
    """Whether a content part is a recording."""
    return isinstance(part, Mapping) and part.get("type") in ("input_audio", "audio")


def recording(part: Json) -> bytes:
    """The bytes of an `input_audio` part; Mistral's clients give the base64 itself in place of an object."""
    holder = part.get("input_audio") or part.get("audio")
    data: Any = holder.get("data") if isinstance(holder, Mapping) else holder
    try:
        return base64.b64decode(data, validate=True)
    except (TypeError, ValueError) as error:
        raise BadRequestError(f"input_audio.data is not base64: {error}") from error


def form(request: httpx.Request) -> tuple[dict[str, str], bytes]:
    """Fields and file of a multipart form."""
    multipart = import_extra("python_multipart")
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}

    def on_field(field: Any) -> None:
        fields[field.field_name.decode()] = (field.value or b"").decode("utf-8", "replace")

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.field_name.decode()] = file.file_object.read()

    headers = {name.title(): value.encode() for name, value in request.headers.items()}
    try:
        multipart.parse_form(headers, io.BytesIO(request.content), on_field, on_file)
    except (multipart.exceptions.FormParserError, ValueError) as error:
        raise BadRequestError(f"the form can't be read: {error}") from error
    if "file" not in files:
        raise BadRequestError("the form has no file")
    return fields, files["file"]


def number(text: str | None, name: str) -> float | None:
    """A number in a form field, or None where there is no such field."""
    try:
        return None if text is None else float(text)
    except ValueError as error:
        raise BadRequestError(f"{name} is not a number: {text!r:.40}") from error
