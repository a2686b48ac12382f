"""A raw response in; its JSON out, or one sentence about what is wrong with it."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from ..config import GatewayConfig
from ..conversations.context import limit_in_body
from ..exceptions import UpstreamResponseError
from ..hiding import without_key
from ..routing import is_local
from ..wire.bodies import was_key_sent
from ..wire.web_pages import decoded, is_web_page
from .retries import CALLERS_MISTAKES, retry_after_s, should_retry

MAX_DETAIL_CHARACTERS = 200  # a server was seen to repeat a recording nine times in its error
MAX_DETAIL_LEVELS = 6  # {"detail": {"error": {"message": [{...}]}}}: what lies deeper explains nothing

ASK_ANOTHER = (
    "ask one that does (audio_base_url with routing_mode='audio_text'), "
    "or the embedded engine, local://engine."
)
GUESSED_AUDIO_HINT = f"If this server's model takes no audio, {ASK_ANOTHER}"
OVERLOAD_HINT = "Look at the server's log, or try again later."
# What servers without audio say about a part of type input_audio: LM Studio, Ollama, llama.cpp.
MEANS_NO_AUDIO = ("must be 'text' or 'image_url'", "invalid message format", "unsupported content[].type")
CANNOT_READ = re.compile(r"failed to load|\bdecod|\bformat\b")
# Not the path /v1/models, and not "model group 'x' failed", which LiteLLM adds to every error.
ABOUT_A_MODEL = re.compile(r"(?<![\w/-])model(?! group|=)")
ENDPOINT = re.compile(r"/(?:chat/completions|audio/transcriptions|models)$")

_NO_JSON = object()  # in place of a body that is none; null is JSON


def parse_completion(
    response: httpx.Response, base_url: str, config: GatewayConfig, *, had_audio: bool = False
) -> dict[str, Any]:
    """The chat completion in a response.

    Args:
        response: as it came.
        base_url: the server.
        config: with the key, which is not shown.
        had_audio: whether the request held audio, which many servers refuse without naming it.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, no JSON, or no choices.
    """
    answer = parse_object(response, base_url, config, had_audio=had_audio)
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, Mapping) or not isinstance(first.get("message"), Mapping):
        detail = public_line(error_detail(answer), base_url, config)
        sentence = f"{base_url} answered without choices"
        raise _error(sentence, detail, "Ask the server's log why.", response, base_url, config)
    return answer


def parse_object(
    response: httpx.Response, base_url: str, config: GatewayConfig, *, had_audio: bool = False
) -> dict[str, Any]:
    """The JSON object in a response.

    Args: as `parse_completion`.

    Raises:
        UpstreamResponseError: an error status, an error in a 200, or no JSON object.
    """
    body = _json_of(response)
    if response.is_success and isinstance(body, dict) and not body.get("error"):
        return body
    detail = public_line(error_detail(body) or _text_detail(response), base_url, config)
    words = f"{detail} {_error_code(body)}".lower()
    hint = _hint(response, words, base_url, config, had_audio=had_audio)
    if not response.is_success:
        sentence = f"{base_url} answered {_status_name(response.status_code)}"
        raise _error(sentence, detail, hint, response, base_url, config)
    if isinstance(body, dict):
        raise _error(f"{base_url} answered with an error", detail, hint, response, base_url, config)
    expected = "JSON" if body is _NO_JSON else "a JSON object"
    raise _error(
        f"{base_url} answered with something that is not {expected}",
        detail,
        "Check that the URL is that of an OpenAI-compatible API; it often ends in /v1.",
        response,
        base_url,
        config,
    )


def answer_error(
    sentence: str, body: Any, response: httpx.Response, base_url: str, config: GatewayConfig
) -> UpstreamResponseError:
    """The error about an answer: a sentence without its full stop, and what `body`, JSON or text, says."""
    detail = public_line(error_detail(body), base_url, config)
    words = f"{detail} {_error_code(body)}".lower()
    hint = _hint(response, words, base_url, config, had_audio=False)
    return _error(sentence, detail, hint, response, base_url, config)


def _error(
    sentence: str, detail: str, hint: str, response: httpx.Response, base_url: str, config: GatewayConfig
) -> UpstreamResponseError:
    return UpstreamResponseError(
        f"{sentence}: {detail}." if detail else f"{sentence}.",
        hint,
        upstream=base_url,
        status_code=response.status_code,
        request_id=public_request_id(response.headers, base_url, config),
        retry_after_s=retry_after_s(response.headers),
        should_retry=should_retry(response.headers),
        context_limit_tokens=_context_limit(response),
    )


def _context_limit(response: httpx.Response) -> int | None:
    """The context that an error names: in full, while what is shown of it is cut."""
    try:
        body = _json_of(response)
    except httpx.ResponseNotRead:  # a stream has begun: the request did fit
        return None
    return limit_in_body(body, error_detail(body) or _text_detail(response))


def public_request_id(headers: Mapping[str, str], base_url: str, config: GatewayConfig) -> str | None:
    """The server's own name for a request, where it gives one."""
    name = headers.get("x-request-id")
    return None if name is None else without_key(name, base_url, config)


def _json_of(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError):
        return _NO_JSON


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


def _error_code(body: Any) -> str:
    """The error's name for programs, such as "insufficient_quota", where there is one."""
    error = body.get("error", body) if isinstance(body, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _text_detail(response: httpx.Response) -> str:
    if response.has_redirect_location:
        return f"it redirects to {response.headers.get('location', '')}"
    text = response.content[:4096].decode("utf-8", "replace").strip()
    if text.startswith("<") or is_web_page(decoded(response.content[:4096])):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return "an HTML page" + (f' titled "{" ".join(title[1].split())}"' if title else "")
    return "" if text.startswith(("{", "[")) else text


def public_line(detail: str, base_url: str, config: GatewayConfig) -> str:
    """One short line, without the key: servers repeat a wrong one in their answers."""
    public = without_key(detail, base_url, config)  # before a cut that could leave half of it
    printable = "".join(character if character.isprintable() else " " for character in public)
    line = " ".join(printable.split()).rstrip(".")
    return line if len(line) <= MAX_DETAIL_CHARACTERS else line[:MAX_DETAIL_CHARACTERS] + "…"


def _status_name(status_code: int) -> str:
    phrase = httpx.codes.get_reason_phrase(status_code)  # Python's own changed in 3.13
    return f"{status_code} {phrase}".rstrip()


def _hint(
    response: httpx.Response, words: str, base_url: str, config: GatewayConfig, *, had_audio: bool
) -> str:
    """What to do about an error; `words` is all that it says, in lower case."""
    status = response.status_code
    if "loading model" in words:
        return "The server is still loading its model; try again in a moment."
    if "insufficient_quota" in words or "current quota" in words:
        return "The quota of this key is used up: check plan and billing with the provider."
    if "context" in words and ("exceed" in words or "length" in words):
        larger = "" if is_local(base_url) else ", or start the server with a larger context"
        return f"Send less text at a time{larger}."
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "Send less at a time: a shorter recording, or one compressed to MP3."
    if is_about_key(status, words):
        if was_key_sent(response, config.key_for(base_url)):
            return "Check the key."
        return "No key was sent to this host: configure api_key together with its URL."
    if response.has_redirect_location:
        return "Redirects are not followed: configure the address that it names."
    return (
        _audio_hint(words, had_audio=had_audio)
        or _address_hint(response, words)
        or (GUESSED_AUDIO_HINT if had_audio and _is_callers_mistake(status, words) else "")
        or (OVERLOAD_HINT if _is_servers_trouble(status) else "")
    )


def is_about_key(status: int | None, words: str) -> bool:
    """Whether an error is about a key that is missing or wrong; `words` is what it says, in lower case."""
    return status in (401, 403) or "api key" in words or "api_key" in words


def _audio_hint(words: str, *, had_audio: bool) -> str:
    """For an error that is about audio, whether it says so or, after a request with audio, means it."""
    if "audio" in words and CANNOT_READ.search(words):
        return "Let the recording be converted: audio_preprocess_enabled=True sends it as WAV."
    if "audio" in words and ("support" in words or "at most 0" in words):
        return f"This server's model takes no audio: {ASK_ANOTHER}"
    if had_audio and any(meant in words for meant in MEANS_NO_AUDIO):
        return f"This server's model takes no audio: {ASK_ANOTHER}"
    return ""


def _address_hint(response: httpx.Response, words: str) -> str:
    """For an error about the model's name, or about the address."""
    status = response.status_code
    if _is_servers_trouble(status):
        return ""
    if ABOUT_A_MODEL.search(words):
        return "Set text_model or audio_model to a name that list_models(config), or %gateway models, shows."
    if status == HTTPStatus.NOT_FOUND:
        return f"Check the base URL: it is what comes before {_path_asked(response)}, and often ends in /v1."
    return ""


def _path_asked(response: httpx.Response) -> str:
    try:
        asked = ENDPOINT.search(response.request.url.path)
    except RuntimeError:  # a response that was made by hand knows no request
        asked = None
    return asked[0] if asked else "/chat/completions"


def _is_servers_trouble(status: int) -> bool:
    return status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _is_callers_mistake(status: int, words: str) -> bool:
    if _is_servers_trouble(status):
        return any(mistake in words for mistake in CALLERS_MISTAKES)
    return status >= HTTPStatus.BAD_REQUEST or bool(words)  # an error may come with a 200
