"""Conversations in files: a JSON list of OpenAI messages, checked before it is believed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..exceptions import InvalidRequestError
from ..files.whole_files import check_is_file, check_may_be_written, expanded, explaining, replace_file
from ..messages import Message

MAX_FILE_BYTES = 100_000_000  # a recording is part of its message, and most servers take no more
MAX_LEVELS = 50  # in a message; deeper JSON can't be written again
ROLES = ("system", "developer", "user", "assistant", "tool", "function")


def read_messages(path: str | Path) -> list[Message]:
    """The messages in a file: a JSON list of them, or an object with that list as "messages".

    Raises:
        InvalidRequestError: the file can't be read, or something else is in it.
    """
    path = expanded(path)
    with explaining(path, "read"):
        check_is_file(path)
        return _checked(_json_of(_data_of(path), path), path)


def write_messages(path: str | Path, messages: Sequence[Message]) -> Path:
    """Write messages into a file, at once or not at all; returns its path.

    Raises:
        InvalidRequestError: the file can't be written, or holds something other than a list of messages,
            which is not overwritten.
    """
    path = expanded(path)
    data = _written(messages, path)
    with explaining(path, "written"):
        path = path.resolve()  # a link stays one
        _check_may_be_overwritten(path)
        replace_file(path, data)
    return path


def _data_of(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        _refuse(path, f"has more than {MAX_FILE_BYTES:,} bytes")
    return data


def _json_of(data: bytes, path: Path) -> Any:
    try:
        return json.loads(data, parse_constant=_no_json)
    except UnicodeDecodeError:
        _refuse(path, "is not JSON: it is no text in UTF-8")
    except ValueError as error:
        _refuse(path, f"is not JSON: {str(error).rstrip('.')}")
    except RecursionError:
        _refuse(path, "is nested too deeply")


def _no_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _checked(content: Any, path: Path) -> list[Message]:
    messages = content
    if isinstance(content, dict):
        if "messages" not in content:
            _refuse(path, "holds an object without 'messages'")
        messages = content["messages"]
    if not isinstance(messages, list):
        _refuse(path, f"holds no list of messages but {_kind(messages)}")
    for number, message in enumerate(messages, start=1):
        wrong = _what_is_wrong_with(message)
        if wrong:
            _refuse(path, f"holds no conversation: message {number} {wrong}")
    return messages


def _what_is_wrong_with(message: Any) -> str:
    if not isinstance(message, dict):
        return f"is {_kind(message)}"
    if "role" not in message:
        return "has no role"
    if message["role"] not in ROLES:
        return f"has the role {message['role']!r:.40} in place of one of {', '.join(ROLES)}"
    if _is_deeper_than(message, MAX_LEVELS):
        return "is nested too deeply"
    calls = message.get("tool_calls")
    if calls is not None and not _is_list_of_objects(calls):
        return "has tool_calls that are no list of objects"
    return _what_is_wrong_with_content(message)


def _what_is_wrong_with_content(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str) or (content is None and message["role"] == "assistant"):
        return ""  # an answer may be calls, or a refusal, alone
    if content is None:
        return "has no content"
    if not _is_list_of_objects(content):
        return f"has content that is neither text nor a list of parts, but {_kind(content)}"
    untyped = (number for number, part in enumerate(content, 1) if not isinstance(part.get("type"), str))
    number = next(untyped, None)
    return f"has content whose part {number} has no type" if number else ""


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) for part in value)


def _is_deeper_than(value: Any, levels: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_is_deeper_than(part, levels - 1) for part in parts)


def _kind(value: Any) -> str:
    """What JSON calls a value."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    kinds = ((str, "a text"), (dict, "an object"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), "a number")


def _refuse(path: Path, wrong: str) -> NoReturn:
    raise InvalidRequestError(
        f"{path.name!r} {wrong}.",
        'A conversation is a JSON list of messages: [{"role": "user", "content": "..."}].',
    )


def _written(messages: Sequence[Message], path: Path) -> bytes:
    text = json.dumps(list(messages), ensure_ascii=False, indent=2, allow_nan=False)
    data = text.encode("utf-8", "backslashreplace") + b"\n"  # half a character becomes its JSON escape
    if len(data) > MAX_FILE_BYTES:
        raise InvalidRequestError(
            f"The conversation has more than {MAX_FILE_BYTES:,} bytes: {path.name!r} could not be loaded.",
            "Take back turns with long recordings, then save it again.",
        )
    return data


def _check_may_be_overwritten(path: Path) -> None:
    """What is lost by overwriting has to be a conversation as we write it, or nothing."""
    check_may_be_written(path)
    if path.exists() and (data := _data_of(path)):
        _check_is_conversation(data, path)


def _check_is_conversation(data: bytes, path: Path) -> None:
    try:
        content = _json_of(data, path)
        _checked(content, path)
        if isinstance(content, dict):
            _refuse(path, "holds more than messages")
    except InvalidRequestError as error:
        raise InvalidRequestError(
            f"{path.name!r} is not overwritten, because it is no saved conversation.",
            "Save under another name, or delete that file first.",
        ) from error
