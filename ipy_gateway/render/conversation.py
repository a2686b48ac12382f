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
        return Bundle(NOTHING_SAID, block(element("p", NOTHING_SAID, class_="ipg-facts")))
    said = [(str(message["role"]), _text_of(message)) for message in messages]
    text = "\n\n".join(f"{role}: {words}" for role, words in said)
    return Bundle(text, block(*(_message(role, words) for role, words in said)))


def conversations_bundle(turns_by_name: Mapping[str, int], current: str) -> Bundle:
    """The names of the conversations, with how often each was answered."""
    lines = [_line(name, count, is_current=name == current) for name, count in turns_by_name.items()]
    return Bundle("\n".join(lines), block(element("ul", *(element("li", line) for line in lines))))


def _line(name: str, count: int, *, is_current: bool) -> str:
    questions = "question" if count == 1 else "questions"
    return f"{name}: {count} {questions}{', the usual one' if is_current else ''}"


def _message(role: str, words: str) -> Html:
    shown = markdown_html(words) if role == "assistant" else element("p", words, class_="ipg-transcript")
    return element("div", element("p", role, class_="ipg-facts"), shown, class_="ipg-message")


def _text_of(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        return " ".join(_part(part) for part in content)
    calls = [f"[calls {call['function']['name']}]" for call in message.get("tool_calls") or ()]
    return " ".join(filter(None, [str(content or ""), *calls]))


def _part(part: Any) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    return MEDIA.get(str(part.get("type")), str(part.get("text") or ""))
