"""A request as a cassette holds it: what is asked, without keys, and with hashes for sound and pictures."""

import base64
import binascii
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from ..hiding import keys_in_use
from ..secret import HIDDEN, KEY_SHAPE, MIN_KEY_CHARACTERS

# What a server is asked for; before it stands the server, which may be another one when it is replayed.
ROUTES = ("/chat/completions", "/audio/transcriptions", "/models")
KEY_VARIABLES = ("IPY_GATEWAY_API_KEY", "IPY_GATEWAY_AUDIO_API_KEY", "OPENAI_API_KEY")
AUDIO_PARTS = ("input_audio", "audio")
MIN_UNKNOWN_KEY_CHARACTERS = 20  # sk-learn and hf_hub are words

_DATA_URL = re.compile(r"data:[\w.+/-]*(?:;[\w.+=-]+)*;base64,", re.ASCII)
_DISPOSITION = re.compile(rb'content-disposition: form-data; name="([^"]*)"(?:; filename="([^"]*)")?', re.I)
_CONTENT_TYPE = re.compile(rb"content-type: *([^\r\n]+)", re.I)


@dataclass(frozen=True, slots=True)
class CanonicalRequest:
    """What is asked, and of whom.

    Attributes:
        method: GET or POST.
        url: the address, without user, password and query.
        body: `{"json": ...}`, `{"form": {...}}`, `{"text": ...}` or empty; of a query its hash.
    """

    method: str
    url: str
    body: Mapping[str, Any]

    @property
    def route(self) -> str:
        """What is asked for at a server, such as "/chat/completions"; of anything else the whole address."""
        return next((route for route in ROUTES if self.url.endswith(route)), self.url)

    @property
    def server(self) -> str:
        """What stands before the route."""
        return self.url.removesuffix(self.route)

    @property
    def key(self) -> tuple[str, str, str]:
        """What two requests have in common that are the same one: all but the server and the headers."""
        return self.method, self.route, json.dumps(self.body, sort_keys=True)

    def as_json(self) -> dict[str, Any]:
        """It, for a cassette."""
        return {"method": self.method, "url": self.url, **self.body}


def canonical_request(request: httpx.Request, keys: tuple[str, ...]) -> CanonicalRequest:
    """A request whose body has been read, without these keys and without what looks like one."""
    url = request.url.copy_with(userinfo=b"", query=None, fragment=None)
    body: dict[str, Any] = dict(_body_of(request))
    if request.url.query:  # signatures stand there: they are no more than compared
        body["query_sha256"] = hashlib.sha256(request.url.query).hexdigest()
    return CanonicalRequest(request.method, without_secrets(str(url), keys), without_secrets(body, keys))


def secrets_around(request: httpx.Request) -> tuple[str, ...]:
    """Every key that may be repeated in a request or its answer: of the configuration and the environment."""
    lent = request.headers.get("authorization", "").removeprefix("Bearer ")
    found = {lent, *keys_in_use(), *(os.environ.get(name, "").strip() for name in KEY_VARIABLES)}
    # The longest first: a key may be a part of another one.
    return tuple(sorted((key for key in found if len(key) >= MIN_KEY_CHARACTERS), key=len, reverse=True))


def without_secrets(value: Any, keys: tuple[str, ...]) -> Any:
    """JSON, or a text, without these keys and without what looks like one."""
    if isinstance(value, str):
        for key in keys:
            value = value.replace(key, HIDDEN)
        return KEY_SHAPE.sub(_hidden_if_a_key, value)
    if isinstance(value, dict):
        return {without_secrets(name, keys): without_secrets(one, keys) for name, one in value.items()}
    if isinstance(value, list):
        return [without_secrets(one, keys) for one in value]
    return value


def _hidden_if_a_key(found: re.Match[str]) -> str:
    word = found[0]
    is_key = len(word) >= MIN_UNKNOWN_KEY_CHARACTERS and any(map(str.isdigit, word))
    return HIDDEN if is_key else word


def _body_of(request: httpx.Request) -> Iterator[tuple[str, Any]]:
    content, media_type = request.content, request.headers.get("content-type", "")
    if media_type.startswith("multipart/form-data"):
        yield "form", _form(content, media_type.partition("boundary=")[2].strip('"').encode())
    elif content:
        try:
            yield "json", _without_media(json.loads(content))
        except ValueError:
            yield "text", content.decode("utf-8", "replace")


def _form(content: bytes, boundary: bytes) -> dict[str, Any]:
    """The fields of a form; one that is given several times is a list, and a file its hash."""
    fields: dict[str, Any] = {}
    for part in (b"\r\n" + content).split(b"\r\n--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        found = _DISPOSITION.search(head)
        if not found:
            continue
        name, new = found[1].decode("utf-8", "replace"), _field(value, found[2], _CONTENT_TYPE.search(head))
        known = fields.get(name)
        fields[name] = new if known is None else [*(known if isinstance(known, list) else [known]), new]
    return fields


def _field(value: bytes, filename: bytes | None, content_type: re.Match[bytes] | None) -> Any:
    if filename is None:
        return value.decode("utf-8", "replace")
    kind = {"content_type": content_type[1].decode("latin-1")} if content_type else {}
    return {"filename": filename.decode("utf-8", "replace"), **kind, **_hash_of(value)}


def _without_media(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_media(one) for one in value]
    if not isinstance(value, dict):
        return _data_url_hash(value) if isinstance(value, str) else value
    kept = {name: _without_media(one) for name, one in value.items()}
    for name in AUDIO_PARTS:
        sound = value.get(name)
        if isinstance(sound, dict) and isinstance(sound.get("data"), str):
            kept[name] = {**kept[name], "data": _base64_hash(sound["data"])}
    return kept


def _data_url_hash(text: str) -> Any:
    found = _DATA_URL.match(text)
    return {"data_url": found[0], **_base64_hash(text[found.end() :])} if found else text


def _base64_hash(text: str) -> dict[str, Any]:
    try:
        return _hash_of(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        return _hash_of(text.encode("utf-8", "replace"))


def _hash_of(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
