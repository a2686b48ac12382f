"""What a conversation looks like, and a list of them."""

from typing import Any

import pytest

from ipy_gateway.render.conversation import conversation_bundle, conversations_bundle

from ..support.strict_html import StrictReader
from .hostile import HOSTILE_ANSWERS

CALLS = [{"id": "1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}]


def text_of(*messages: dict[str, Any]) -> str:
    return conversation_bundle(messages).data["text/plain"]


def read(*messages: dict[str, Any]) -> StrictReader:
    return StrictReader(conversation_bundle(messages).data["text/html"])


def test_who_says_what_is_shown_in_its_order() -> None:
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "*Me.*"},
    ]

    assert text_of(*said) == "system: Be brief.\n\nuser: Who?\n\nassistant: *Me.*"
    assert read(*said).text == "systemBe brief.userWho?assistantMe.\n"


def test_nothing_said_is_said_to_be_nothing() -> None:
    assert text_of() == "Nothing has been said yet."
    assert read().text == "Nothing has been said yet."


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
            "user: What is [picture]",
        ),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA"}}]},
            "user: [recording]",
        ),
        ({"role": "user", "content": [{"type": "file", "file": {}}]}, "user: [file]"),
        ({"role": "assistant", "content": None, "tool_calls": CALLS}, "assistant: [calls weather]"),
        (
            {"role": "assistant", "content": "I look.", "tool_calls": CALLS},
            "assistant: I look. [calls weather]",
        ),
        ({"role": "assistant", "content": None, "tool_calls": [{}]}, "assistant: [calls a tool]"),
        (
            {"role": "assistant", "content": None, "tool_calls": [{"function": "x"}]},
            "assistant: [calls a tool]",
        ),
        ({"role": "assistant", "content": None, "refusal": "No."}, "assistant: No."),
        ({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}, "assistant: No."),
        ({"role": "tool", "content": "12 degrees"}, "tool: 12 degrees"),
    ],
)
def test_what_is_no_text_is_named(message: dict[str, Any], text: str) -> None:
    assert text_of(message) == text
    assert read(message).violations == []


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
@pytest.mark.parametrize("role", ["user", "assistant"])
def test_hostile_words_are_text(role: str, name: str) -> None:
    reader = read({"role": role, "content": HOSTILE_ANSWERS[name]})

    assert reader.violations == []


def test_words_of_a_user_are_shown_as_they_were_typed() -> None:
    reader = read({"role": "user", "content": "What is **this** in <b>?"})

    assert "What is **this** in <b>?" in reader.text


def test_conversations_are_listed_with_how_often_they_were_answered() -> None:
    bundle = conversations_bundle({"default": 1, "<b>two</b>": 2}, "default")

    reader = StrictReader(bundle.data["text/html"])
    assert bundle.data["text/plain"] == "default: 1 question, the usual one\n<b>two</b>: 2 questions"
    assert "<b>two</b>: 2 questions" in reader.text
    assert reader.violations == []


def test_an_empty_list_says_so() -> None:
    bundle = conversations_bundle({}, "default")

    assert bundle.data["text/plain"] == "Nothing has been said yet."
