"""A raw response in; its JSON out, or one sentence about what is wrong with it."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from .config import GatewayConfig
from .exceptions import UpstreamResponseError
from .retries import retry_after_s, should_retry

MAX_DETAIL_CHARACTERS = 200  # a server was seen to repeat a recording nine times in its error
MAX_DETAIL_LEVELS = 6  # {"detail": {"error": {"message": [{...}]}}}: what lies deeper explains nothing


def parse_completion(response: httpx.Response, base_url: str, config: GatewayConfig) -> dict[str, Any]:
    """The chat completion in a response.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, no JSON, or no choices.
    """
    answer = parse_object(response, base_url, config)
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, Mapping) or not isinstance(first.get("message"), Mapping):
        detail = _shown(error_detail(answer), base_url, config)
        raise _error(
            f"{base_url} answered without choices", detail, "Ask the server's log why.", response, base_url
        )
    return answer


def parse_object(response: httpx.Response, base_url: str, config: GatewayConfig) -> dict[str, Any]:
    """The JSON object in a response.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, or no JSON object.
    """
    body = _json_of(response)
    detail = _shown(error_detail(body) or _text_detail(response), base_url, config)
    if not response.is_success:
        sentence = f"{base_url} answered {_status_name(response.status_code)}"
        raise _error(sentence, detail, _hint(response, detail, base_url, config), response, base_url)
    if not isinstance(body, dict):
        raise _error(
            f"{base_url} answered with something that is not JSON",
            detail,
            "Check that the URL is that of an OpenAI-compatible API; it often ends in /v1.",
            response,
            base_url,
        )
    if body.get("error"):
        raise _error(
            f"{base_url} answered with an error",
            detail,
            _hint(response, detail, base_url, config),
            response,
            base_url,
        )
    return body


def answer_error(
    sentence: str, body: Any, response: httpx.Response, base_url: str, config: GatewayConfig
) -> UpstreamResponseError:
    """The error about an answer: a sentence without its full stop, and what `body`, JSON or text, says."""
    detail = _shown(error_detail(body), base_url, config)
    return _error(sentence, detail, _hint(response, detail, base_url, config), response, base_url)


def _error(
    sentence: str, detail: str, hint: str, response: httpx.Response, base_url: str
) -> UpstreamResponseError:
    return UpstreamResponseError(
        f"{sentence}: {detail}." if detail else f"{sentence}.",
        hint,
        upstream=base_url,
        status_code=response.status_code,
        request_id=response.headers.get("x-request-id"),
        retry_after_s=retry_after_s(response.headers),
        should_retry=should_retry(response.headers),
    )


def _json_of(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return None


def error_detail(body: Any, *, levels: int = MAX_DETAIL_LEVELS) -> str:
    """What an error body says, in any of the shapes that servers give it."""
    if isinstance(body, str):
        return body
    if levels == 0:
        return ""
    if isinstance(body, list):
        return "; ".join(filter(None, (error_detail(part, levels=levels - 1) for part in body[:3])))
    if not isinstance(body, dict):
        return ""
    if isinstance(body.get("loc"), list) and "msg" in body:  # FastAPI: which field is wrong
        return f"{'.'.join(map(str, body['loc']))}: {body['msg']}"
    names = ("message", "detail", "error", "msg")
    found = (error_detail(body.get(name), levels=levels - 1) for name in names)
    return next(filter(None, found), "")


def _text_detail(response: httpx.Response) -> str:
    if response.is_redirect:
        return f"it redirects to {response.headers.get('location', '')}"
    text = response.content[:4096].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return "an HTML page" + (f' titled "{" ".join(title[1].split())}"' if title else "")
    return "" if text.startswith(("{", "[")) else text


def _shown(detail: str, base_url: str, config: GatewayConfig) -> str:
    """One short line, without the key: servers repeat a wrong one in their answers."""
    key = config.key_for(base_url)
    public = detail.replace(key, "**********") if key else detail  # before a cut that could leave half of it
    printable = "".join(character if character.isprintable() else " " for character in public)
    line = " ".join(printable.split()).rstrip(".")
    return line if len(line) <= MAX_DETAIL_CHARACTERS else line[:MAX_DETAIL_CHARACTERS] + "…"


def _status_name(status_code: int) -> str:
    try:
        return f"{status_code} {HTTPStatus(status_code).phrase}"
    except ValueError:
        return str(status_code)


def _hint(response: httpx.Response, detail: str, base_url: str, config: GatewayConfig) -> str:
    status = response.status_code
    words = detail.lower()
    if "audio" in words and "support" in words:
        return (
            "This server's model takes no audio: ask one that does (audio_base_url with "
            "routing_mode='audio_text'), or the embedded engine, local://engine."
        )
    if "loading model" in words:
        return "The server is still loading its model; try again in a moment."
    if "context" in words and ("exceed" in words or "length" in words):
        return "Send less text at a time, or start the server with a larger context."
    if status in (401, 403) or "api key" in words or "api_key" in words:
        sent = config.key_for(base_url)
        if sent:
            return "Check the key."
        return "No key was sent to this host: configure api_key together with its URL."
    if response.is_redirect:
        return "Redirects are not followed: configure the address that it names."
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "Look at the server's log, or try again later."
    if "model" in words:
        return "Set text_model or audio_model to a name that the server knows: await list_models(config)."
    if status == HTTPStatus.NOT_FOUND:
        return "Check the base URL: it is what comes before /chat/completions, and often ends in /v1."
    return ""
