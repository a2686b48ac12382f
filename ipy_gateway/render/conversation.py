"""What a conversation looks like, and a list of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from .bundle import Bundle
from .html import Html, block, element
from .markdown import markdown_html

NOTHING_SAID = "Nothing has been said yet."
MEDIA = {"input_audio": "[recording]", "image_url": "[picture]"}


def conversation_bundle(messages: Sequence[Mapping[str, Any]]) -> Bundle:
    """All messages, with who says them."""
    if not messages:
        return _nothing_said()
    said = [(str(message["role"]), _text_of(message)) for message in messages]
    text = "\n\n".join(f"{role}: {words}" for role, words in said)
    return Bundle(text, block(*(_message(role, words) for role, words in said)))


def conversations_bundle(turns_by_name: Mapping[str, int], current: str) -> Bundle:
    """The names of the conversations, with how often each was answered."""
    if not turns_by_name:
        return _nothing_said()
    lines = [_line(name, count, is_current=name == current) for name, count in turns_by_name.items()]
    return Bundle("\n".join(lines), block(element("ul", *(element("li", line) for line in lines))))


def _nothing_said() -> Bundle:
    return Bundle(NOTHING_SAID, block(element("p", NOTHING_SAID, class_="ipg-facts")))


def _line(name: str, count: int, *, is_current: bool) -> str:
    questions = "question" if count == 1 else "questions"
    return f"{name}: {count} {questions}{', the usual one' if is_current else ''}"


def _message(role: str, words: str) -> Html:
    shown = markdown_html(words) if role == "assistant" else element("p", words, class_="ipg-transcript")
    return element("div", element("p", role, class_="ipg-facts"), shown, class_="ipg-message")


def _text_of(message: Mapping[str, Any]) -> str:
    """What a message says; one that was loaded from a file may hold anything."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [content]
    calls = message.get("tool_calls") or ()
    said = [*map(_part, parts), *map(_call, calls)]
    return " ".join(filter(None, said)) or str(message.get("refusal") or "")


def _part(part: Any) -> str:
    if not isinstance(part, Mapping):
        return str(part or "")
    kind = str(part.get("type"))
    text = part.get("text") or part.get("refusal")
    return str(text) if text else MEDIA.get(kind, f"[{kind}]")


def _call(call: Mapping[str, Any]) -> str:
    function = call.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    return f"[calls {name or 'a tool'}]"
