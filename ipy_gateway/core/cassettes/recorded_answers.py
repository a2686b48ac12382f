"""Answers and failures as a cassette holds them: readable JSON out of them, and them out of it."""

import asyncio
import base64
import json
import re
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx

from .. import exceptions
from ..config import GatewayConfig
from ..exceptions import GatewayError, UpstreamResponseError
from ..wire.bodies import KEY_WAS_SENT, MAX_ANSWER_BYTES, decoded_pieces, is_framed, media_type_of
from ..wire.transport_errors import causes_of, reason_of
from .canonical_request import without_secrets

Json = dict[str, Any]

# What tells how to read an answer, and whether to ask again; cookies and all else stay out.
KEPT_HEADERS = (
    *("content-type", "location", "retry-after", "retry-after-ms"),
    *("x-request-id", "x-should-retry"),
)
# A request that was given up, by its deadline or by whoever asked.
GIVEN_UP: Json = {"type": "ReadTimeout", "message": ""}

_EVENT_END = re.compile(r"(?<=\n\n)|(?<=\r\n\r\n)|(?<=\r\r)")


async def answer_as_json(response: httpx.Response, raw: bytes | None, keys: tuple[str, ...]) -> Json:
    """An answer for a cassette, without keys.

    Args:
        response: its status and its headers.
        raw: what came of its body, as it came, or None where that was too much to be kept.
        keys: what must not be in it.
    """
    headers = {
        name: without_secrets(response.headers[name], keys)
        for name in KEPT_HEADERS
        if name in response.headers
    }
    answer: Json = {"status": response.status_code, "headers": headers}
    if response.extensions.get(KEY_WAS_SENT):  # what is said of a refusal depends on it
        answer["key_was_sent"] = True
    if is_framed(response):
        answer["is_framed"] = True
    return answer | ({"is_left_out": True} if raw is None else await _body_as_json(response, raw, keys))


async def _body_as_json(response: httpx.Response, raw: bytes, keys: tuple[str, ...]) -> Json:
    content = await _decoded(response, raw)
    if content is None:  # as it came: it can't be read, and whoever replays it is told so again
        encoding = without_secrets(response.headers["content-encoding"], keys)
        return {"content_encoding": encoding, "base64": _base64(raw, keys)}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return {"base64": _base64(content, keys)}
    if media_type_of(response) == "text/event-stream":
        return {"events": [event for event in _EVENT_END.split(without_secrets(text, keys)) if event]}
    try:
        return {"json": without_secrets(json.loads(text, parse_constant=_no_json), keys)}
    except (ValueError, RecursionError):
        return {"text": without_secrets(text, keys)} if text else {}


async def _decoded(response: httpx.Response, raw: bytes) -> bytes | None:
    """The body without its compression, or None where it can't be undone."""
    if response.headers.get("content-encoding", "identity") == "identity":
        return raw
    copy = httpx.Response(response.status_code, headers=response.headers.raw, stream=PieceStream([raw]))
    content = bytearray()
    try:
        async for piece in decoded_pieces(copy, "", GatewayConfig()):
            content += piece
            if len(content) > MAX_ANSWER_BYTES:
                return None
    except UpstreamResponseError:
        return bytes(content) or None  # the beginning of an error is all that is read of it
    return bytes(content)


def _base64(data: bytes, keys: tuple[str, ...]) -> str:
    text = without_secrets(data.decode("latin-1"), keys)  # a character for each byte
    return base64.b64encode(text.encode("latin-1")).decode()


def _no_json(name: str) -> Any:
    raise ValueError(f"{name} is no number")


def answer_of_json(kept: Mapping[str, Any]) -> httpx.Response:
    """What `answer_as_json` made as an answer again, with its body unread.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else.
    """
    pieces = _pieces_of(kept)
    headers = dict(kept.get("headers", {}))
    if "content_encoding" in kept:
        headers["content-encoding"] = kept["content_encoding"]
    if kept.get("is_framed"):
        headers |= {"content-length": str(sum(map(len, pieces)))}
    raw_headers = [(name.encode(), value.encode("utf-8", "replace")) for name, value in headers.items()]
    known = {KEY_WAS_SENT: bool(kept.get("key_was_sent"))}
    return httpx.Response(
        int(kept["status"]), headers=raw_headers, stream=PieceStream(pieces), extensions=known
    )


def _pieces_of(kept: Mapping[str, Any]) -> list[bytes]:
    if "events" in kept:
        return [event.encode("utf-8", "surrogatepass") for event in kept["events"]]
    if "base64" in kept:
        return [base64.b64decode(kept["base64"])]
    text = json.dumps(kept["json"], ensure_ascii=False) if "json" in kept else kept.get("text", "")
    return [text.encode("utf-8", "surrogatepass")]


class PieceStream(httpx.AsyncByteStream):
    """A body that is there already.

    Attributes:
        error_at_end: what breaks it off, or None.
    """

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self.error_at_end: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            await asyncio.sleep(0)  # as from a server: others come to their turn
            yield piece
        if self.error_at_end:
            raise self.error_at_end


def error_as_json(error: httpx.HTTPError | GatewayError, keys: tuple[str, ...]) -> Json:
    """What kept an answer from coming, for a cassette."""
    if isinstance(error, GatewayError):  # of the embedded engine, or of a proxy that can't be used
        details = {name: value for name, value in vars(error).items() if name not in ("message", "hint")}
        said = {"message": error.message, "hint": error.hint, "details": details}
        return {"type": type(error).__name__, **without_secrets(said, keys)}
    causes = list(causes_of(error))
    kept: Json = {"type": type(error).__name__, "message": without_secrets(reason_of(causes), keys)}
    certificate = next((one for one in causes if isinstance(one, ssl.SSLCertVerificationError)), None)
    return kept if certificate is None else {**kept, "certificate": certificate.verify_message}


def error_of_json(kept: Mapping[str, Any]) -> Exception:
    """An error out of a cassette."""
    kind = getattr(exceptions, kept["type"], None)
    if isinstance(kind, type) and issubclass(kind, GatewayError):
        return kind(kept["message"], kept.get("hint", ""), **kept.get("details", {}))
    kind = getattr(httpx, kept["type"], None)
    known = kind if isinstance(kind, type) and issubclass(kind, httpx.TransportError) else httpx.ReadError
    error = known(kept["message"])
    if "certificate" in kept:
        cause = ssl.SSLCertVerificationError(kept["message"])
        cause.verify_message = kept["certificate"]
        error.__cause__ = cause
    return error
