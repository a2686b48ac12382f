"""Chat chunks: the events of a streamed answer in, what each adds to the answer out.

Servers differ in all but the text. What is missing or null is left out, and so is what has a wrong type,
unless a part of the answer would be lost (`choices`, `delta`, `content`, `tool_calls`): that is an error.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ..sse import DONE_MARK, ServerEvent
from .answers import error_detail
from .event_json import json_of


@dataclass(frozen=True, slots=True)
class ToolCallPiece:
    """A part of a tool call; pieces of one index belong together.

    Attributes:
        index: which call, counted from 0.
        id: the call's id, on its first piece.
        name: the function's name, on its first piece.
        arguments: a part of the arguments' JSON, to be joined before it is read.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """How many tokens a request took; None where the server does not say.

    Attributes:
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
        total_tokens: both, in the server's own sum.
        raw: all that the server says about it.
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """What one event adds to an answer.

    Attributes:
        text: a part of the answer.
        reasoning: a part of what the model thought before.
        tool_calls: parts of the calls that it asks for.
        finish_reason: why the answer ended, on its last chunk with text or after it.
        usage: tokens so far; some servers send it with every chunk, the last one counts.
        model: the model that answers.
        id: the answer's id.
        server: base URL of the server that answers.
        request_id: the server's name for the request (its header x-request-id), or "".
        raw: the event's JSON.
        refusal: a part of what the model says where it refuses to answer.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCallPiece, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    model: str = ""
    id: str = ""
    server: str = ""
    request_id: str = ""
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a stream, said by the server: `[DONE]`."""


DONE: Final = Done()


class ChunkError(ValueError):
    """An event that is an error, or makes no sense.

    It knows neither server nor key: who reads the stream makes an `UpstreamResponseError` of it, with the
    text so far. Its `str` is the reason alone, because `detail` may repeat a key.

    Attributes:
        reason: what the server did, as it follows its name: "broke off with an error".
        detail: what the server says, as it came, or "".
        status_code: the HTTP status that the error names (429, 503), or None.
    """

    def __init__(self, reason: str, detail: str = "", *, status_code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail
        self.status_code = status_code


def parse_chunk(event: ServerEvent, server: str = "", request_id: str = "") -> ChatChunk | Done:
    """What an event of a chat stream adds to the answer.

    Also takes old text completions and a whole completion in one event. Of several choices the first of each
    event counts, whatever its index: text-generation-inference and Foundry Local count tokens there.

    Raises:
        ChunkError: the server's error, something that is no JSON object, or an answer of a wrong shape.
    """
    data = event.data.strip()
    if event.event == "error":
        body = _json_of(data)
        raise _server_error(data if body is None else body)
    if data == DONE_MARK:
        return DONE
    if not data:  # an empty event keeps a connection alive
        return ChatChunk(server=server, request_id=request_id)
    body = _json_of(data)
    if not isinstance(body, dict):
        raise ChunkError("sent an event that is not a JSON object", data)
    return _chunk(body, server, request_id)


def _json_of(data: str) -> Any:
    try:
        return json_of(data)
    except RecursionError as error:
        raise ChunkError("sent an event that is nested too deeply") from error


def _chunk(body: dict[str, Any], server: str, request_id: str) -> ChatChunk:
    if body.get("error"):
        raise _server_error(body)
    choices = body.get("choices")
    choice = _first(choices) if choices else {}
    if choice.get("error") or choice.get("finish_reason") == "error":  # OpenRouter
        raise _server_error(choice)
    if "choices" not in body and error_detail(body):  # vLLM: {"object": "error", "message": ...}
        raise _server_error(body)
    delta = _delta(choice)
    content = delta.get("content")
    usage = body.get("usage")
    calls = delta.get("tool_calls")
    return ChatChunk(  # by position: a call with names takes twice as long, and there is one for each token
        content if isinstance(content, str) else _joined(content, "text") if content else "",
        _reasoning(delta),
        _tool_calls(calls) if calls else (),
        _string(choice.get("finish_reason")) or None,
        _usage(usage) if usage and isinstance(usage, dict) else None,
        _string(body.get("model")),
        _string(body.get("id")),
        server,
        request_id,
        body,
        _string(delta.get("refusal")),
    )


def _first(choices: Any) -> dict[str, Any]:
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict):
        raise _wrong_shape("choices", choices)
    return choice


def _delta(choice: dict[str, Any]) -> dict[str, Any]:
    """The part of a choice that holds text, under the name of chunks, completions or old text completions."""
    delta = choice.get("delta")
    if delta is None:
        delta = choice.get("message")
    if delta is None:
        delta = {"content": choice.get("text")}
    if not isinstance(delta, dict):
        raise _wrong_shape("delta", delta)
    return delta


def _joined(content: Any, name: str) -> str:
    """The texts of a list of parts."""
    if not isinstance(content, list):
        raise _wrong_shape("content", content)
    return "".join(_string(part.get(name)) for part in content if isinstance(part, dict))


def _reasoning(delta: dict[str, Any]) -> str:
    # Servers that send both fields repeat themselves.
    reasoning = delta.get("reasoning_content") or delta.get("reasoning")
    if reasoning:
        return _string(reasoning)
    content = delta.get("content")
    return _thinking(content) if isinstance(content, list) else ""


def _thinking(parts: list[Any]) -> str:
    """Mistral's way: {"type": "thinking", "thinking": [{"type": "text", "text": ...}]} among the parts."""
    thoughts = (part.get("thinking") for part in parts if isinstance(part, dict))
    return "".join(_joined(thought, "text") for thought in thoughts if isinstance(thought, list))


def _tool_calls(calls: Any) -> tuple[ToolCallPiece, ...]:
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise _wrong_shape("tool_calls", calls)
    return tuple(_tool_call(call, position) for position, call in enumerate(calls))


def _tool_call(call: dict[str, Any], position: int) -> ToolCallPiece:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    index, arguments = _count(call.get("index")), function.get("arguments")
    return ToolCallPiece(
        index=position if index is None else index,
        id=_string(call.get("id")),
        name=_string(function.get("name")),
        arguments=json.dumps(arguments) if isinstance(arguments, dict) else _string(arguments),
    )


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        total_tokens=_count(usage.get("total_tokens")),
        raw=usage,
    )


def _string(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None


def _wrong_shape(name: str, value: Any) -> ChunkError:
    return ChunkError(f"sent a chunk whose {name!r} can't be read", json.dumps(value, ensure_ascii=False))


def _server_error(body: Any) -> ChunkError:
    return ChunkError("broke off with an error", error_detail(body), status_code=_status_code(body))


def _status_code(body: Any) -> int | None:
    """The error's code where it is an HTTP status: a number for llama.cpp, a string for LiteLLM."""
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    code = str((error if isinstance(error, dict) else body).get("code"))
    return int(code) if len(code) == 3 and code.isdecimal() and code[0] in "45" else None
