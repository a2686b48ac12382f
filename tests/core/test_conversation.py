"""What a conversation remembers, sends, saves and loads."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipy_gateway import GatewayConfig, InvalidRequestError, chat_completion
from ipy_gateway.core.conversations import conversation_files
from ipy_gateway.core.conversations.conversation import Conversation
from ipy_gateway.core.messages import Message, audio_part, text_message

many_examples = settings(max_examples=200)

SYSTEM = text_message("system", "Be brief.")


def asked(text: str) -> Message:
    return text_message("user", text)


def said(text: str) -> Message:
    return text_message("assistant", text)


def talk(*texts: str, system: str | None = None) -> Conversation:
    """A conversation of questions, each with its answer in capitals."""
    conversation = Conversation([] if system is None else [text_message("system", system)])
    for text in texts:
        conversation.record(asked(text), said(text.upper()))
    return conversation


TOOL_TURN = [
    asked("How warm is it?"),
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "a", "content": "19"},
    said("19 degrees."),
]


# Turns


def test_a_question_goes_along_with_all_that_was_said_before() -> None:
    conversation = talk("one", "two", system="Be brief.")

    prompt = conversation.prompt(asked("three"))

    assert list(prompt.messages) == [
        SYSTEM,
        asked("one"),
        said("ONE"),
        asked("two"),
        said("TWO"),
        asked("three"),
    ]
    assert prompt.left_out == 0


def test_a_question_that_is_not_recorded_leaves_no_trace() -> None:
    conversation = talk("one")

    conversation.prompt(asked("two"), system="Sing.")

    assert conversation.messages == [asked("one"), said("ONE")]
    assert conversation.system == ""


def test_a_system_prompt_holds_from_the_turn_that_is_recorded_with_it() -> None:
    conversation = talk(system="Sing.")

    prompt = conversation.prompt(asked("one"), system="Be brief.")
    conversation.record(asked("one"), said("ONE"), system="Be brief.")

    assert list(prompt.messages) == [SYSTEM, asked("one")]
    assert conversation.system == "Be brief."
    assert conversation.messages == [SYSTEM, asked("one"), said("ONE")]


def test_an_empty_system_prompt_takes_the_present_one_away() -> None:
    conversation = talk(system="Sing.")

    assert list(conversation.prompt(asked("one"), system="").messages) == [asked("one")]


def test_what_is_changed_outside_does_not_change_the_conversation() -> None:
    question = asked("one")
    conversation = Conversation()
    conversation.record(question, said("ONE"))

    question["content"] = "other"
    conversation.messages[1]["content"] = "OTHER"

    assert conversation.messages == [asked("one"), said("ONE")]


def test_undo_takes_back_the_last_turn() -> None:
    conversation = talk("one", "two")

    turn = conversation.undo()

    assert list(turn.messages) == [asked("two"), said("TWO")]
    assert conversation.messages == [asked("one"), said("ONE")]


def test_undo_of_nothing_is_an_error() -> None:
    with pytest.raises(InvalidRequestError, match="no turn to take back"):
        Conversation([SYSTEM]).undo()


def test_clear_forgets_everything() -> None:
    conversation = talk("one", system="Be brief.")

    conversation.clear()

    assert (conversation.messages, conversation.turns, conversation.system) == ([], (), "")


def test_messages_become_turns_that_begin_with_a_question() -> None:
    messages = [
        SYSTEM,
        said("Hello."),
        asked("one"),
        said("ONE"),
        *TOOL_TURN,
        asked("unanswered"),
        asked("two"),
    ]

    conversation = Conversation(messages)

    assert [len(turn.messages) for turn in conversation.turns] == [1, 2, 4, 1, 1]
    assert conversation.messages == messages


# What fits


def test_the_oldest_turns_are_left_out_first() -> None:
    conversation = talk("a" * 100, "b" * 100, "c" * 100, system="Be brief.")

    prompt = conversation.prompt(asked("d"), max_prompt_tokens=250)

    assert list(prompt.messages) == [
        SYSTEM,
        asked("b" * 100),
        said("B" * 100),
        asked("c" * 100),
        said("C" * 100),
        asked("d"),
    ]
    assert prompt.left_out == 2
    assert len(conversation.turns) == 3


def test_calls_of_tools_are_left_out_together_with_what_the_tools_gave() -> None:
    conversation = Conversation([*TOOL_TURN, asked("one"), said("ONE")])

    prompt = conversation.prompt(asked("two"), max_prompt_tokens=60)

    assert list(prompt.messages) == [asked("one"), said("ONE"), asked("two")]
    assert prompt.left_out == 4


def test_the_system_prompt_and_the_question_always_stay() -> None:
    conversation = talk("one", system="Be brief.")

    prompt = conversation.prompt(asked("two" * 100), max_prompt_tokens=1)

    assert list(prompt.messages) == [SYSTEM, asked("two" * 100)]
    assert prompt.left_out == 2


def test_a_recording_does_not_fill_the_context_with_its_base64() -> None:
    conversation = Conversation()
    conversation.record({"role": "user", "content": [audio_part(bytes(3_000_000), "wav")]}, said("Hello."))

    assert conversation.prompt(asked("one"), max_prompt_tokens=2000).left_out == 0


TEXT = st.text(max_size=200)


@many_examples
@given(
    turns=st.lists(st.tuples(TEXT, TEXT), max_size=8),
    system=st.none() | TEXT,
    question=TEXT,
    budget=st.integers(0, 1500),
    reports=st.lists(st.tuples(st.integers(1, 500), st.integers(0, 2000)), max_size=3),
)
def test_no_more_is_sent_than_fits_unless_the_question_alone_does_not_fit(
    turns: list[tuple[str, str]],
    system: str | None,
    question: str,
    budget: int,
    reports: list[tuple[int, int]],
) -> None:
    conversation = Conversation()
    for text, answer in turns:
        conversation.record(asked(text), said(answer), system=system)
    for estimated, reported in reports:
        conversation.learn(estimated, reported)

    prompt = conversation.prompt(asked(question), max_prompt_tokens=budget)

    alone = conversation.prompt(asked(question), max_prompt_tokens=0)
    everything = [*conversation.messages, asked(question)]
    first = len(alone.messages) - 1
    assert prompt.tokens <= budget or prompt.messages == alone.messages
    assert len(prompt.messages) + prompt.left_out == len(everything)
    assert list(prompt.messages) == everything[:first] + everything[first + prompt.left_out :]
    assert prompt.left_out % 2 == 0


def test_what_a_server_reports_corrects_what_fits() -> None:
    conversation = talk("one " * 50, "two " * 50)
    before = conversation.prompt(asked("three"), max_prompt_tokens=450)

    conversation.learn(before.estimated_tokens, 2 * before.estimated_tokens)
    after = conversation.prompt(asked("three"), max_prompt_tokens=450)

    assert (before.left_out, after.left_out) == (0, 2)
    assert after.tokens == 2 * after.estimated_tokens


def test_a_server_that_reports_nothing_changes_nothing() -> None:
    conversation = talk("one")
    before = conversation.prompt(asked("two"))

    conversation.learn(before.estimated_tokens, None)

    assert conversation.prompt(asked("two")) == before


async def test_a_conversation_that_outgrows_a_real_server_goes_on(text_server: str) -> None:
    conversation = talk(*["word " * 400] * 10)
    question = asked("And now?")

    prompt = conversation.prompt(question, max_prompt_tokens=1500)
    completion = await chat_completion(prompt.messages, GatewayConfig(text_server), max_tokens=4)

    assert prompt.left_out > 0
    assert completion["usage"]["prompt_tokens"] <= prompt.tokens <= 1500


# Files


def test_a_saved_conversation_is_loaded_again(tmp_path: Path) -> None:
    conversation = Conversation([SYSTEM, asked("Wie heißt 北京?"), said("Peking 🏯"), *TOOL_TURN])
    conversation.record({"role": "user", "content": [audio_part(b"RIFF", "wav")]}, said("Hello."))

    path = conversation.save(tmp_path / "talk.json")
    loaded = Conversation()
    loaded.load(str(path))

    assert loaded.messages == conversation.messages
    assert len(loaded.turns) == len(conversation.turns) == 3


def test_a_saved_conversation_is_a_list_of_openai_messages_for_people_to_read(tmp_path: Path) -> None:
    path = talk("Größe", system="Be brief.").save(tmp_path / "talk.json")

    text = path.read_text(encoding="utf-8")

    assert json.loads(text) == [SYSTEM, asked("Größe"), said("GRÖSSE")]
    assert '"content": "Größe"' in text
    assert text.count("\n") > 10


def test_half_a_character_can_be_saved_too(tmp_path: Path) -> None:
    path = talk("\ud800").save(tmp_path / "talk.json")

    assert json.loads(path.read_bytes())[0] == asked("\ud800")


def test_a_conversation_in_an_object_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"model": "m", "messages": [SYSTEM, asked("one")]}), encoding="utf-8-sig")
    conversation = Conversation()

    conversation.load(path)

    assert conversation.messages == [SYSTEM, asked("one")]


def test_an_empty_list_is_a_conversation(tmp_path: Path) -> None:
    path = Conversation().save(tmp_path / "talk.json")
    conversation = talk("one")

    conversation.load(path)

    assert conversation.messages == []


def test_saving_again_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = talk("one").save(tmp_path / "talk.json")
    path.chmod(0o640)

    talk("two").save(path)

    assert json.loads(path.read_bytes()) == [asked("two"), said("TWO")]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["talk.json"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_saving_to_a_link_writes_what_it_leads_to(tmp_path: Path) -> None:
    target = talk("one").save(tmp_path / "talk.json")
    link = tmp_path / "link.json"
    link.symlink_to(target)

    talk("two").save(link)

    assert link.is_symlink()
    assert json.loads(target.read_bytes())[0] == asked("two")


@pytest.mark.parametrize(
    "content",
    [
        b"import this",
        b'{"cells": []}',
        b'{"model": "m", "messages": []}',
        b'[{"name": "not a message"}]',
        b"[1, 2, 3]",
        b"\x89PNG",
        b" ",
    ],
)
def test_a_file_that_is_no_saved_conversation_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "work.json"
    path.write_bytes(content)

    with pytest.raises(InvalidRequestError, match=r"'work\.json' is not overwritten") as raised:
        talk("one").save(path)

    assert raised.value.hint.startswith("Save under another name")
    assert path.read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["work.json"]


def test_an_empty_file_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.touch()

    talk("one").save(path)

    assert len(json.loads(path.read_bytes())) == 2


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing/talk.json", "There is no folder"),
        ("", "is a folder"),
        ("nul\0.json", "can't be written"),
        ("n" * 5000, "can't be written"),
    ],
)
def test_a_place_where_nothing_can_be_saved_is_named(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        talk("one").save(tmp_path / name)

    assert list(tmp_path.iterdir()) == []


USER = {"role": "user", "content": "one"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is not JSON: Expecting value"),
        ("{'role': 'user'}", "is not JSON: Expecting property name"),
        (b"\xff\xff\xff", "is not JSON: it is no text in UTF-8"),
        ("[NaN]", "is not JSON: NaN is no number"),
        ("[" * 100_000, "is nested too deeply"),
        ('"text"', "holds no list of messages but a text"),
        ("null", "holds no list of messages but null"),
        ("5", "holds no list of messages but a number"),
        ({"cells": []}, "holds an object without 'messages'"),
        ({"messages": {}}, "holds no list of messages but an object"),
        ([USER, "text"], "message 2 is a text"),
        ([USER, []], "message 2 is a list"),
        ([USER, USER, {"content": "one"}], "message 3 has no role"),
        ([{"role": "human", "content": "one"}], "message 1 has the role 'human' in place of one of system, "),
        ([{"role": ["user"], "content": "one"}], "message 1 has the role \\['user'\\]"),
        ([{"role": "user"}], "message 1 has no content"),
        ([{"role": "user", "content": 5}], "message 1 has content that is neither text nor .* but a number"),
        (
            [{"role": "user", "content": ["a"]}],
            "message 1 has content that is neither text nor .* but a list",
        ),
        ([{"role": "user", "content": [{"type": "text"}, {}]}], "content whose part 2 has no type"),
        ([{"role": "assistant", "content": None, "tool_calls": "x"}], "message 1 has tool_calls that are no"),
        ([{**USER, "more": json.loads("[" * 60 + "]" * 60)}], "message 1 is nested too deeply"),
    ],
)
def test_a_file_without_a_conversation_is_refused_and_nothing_is_lost(
    tmp_path: Path, content: Any, sentence: str
) -> None:
    path = tmp_path / "talk.json"
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    conversation = talk("one", system="Be brief.")

    with pytest.raises(InvalidRequestError, match=sentence) as raised:
        conversation.load(path)

    assert "'talk.json'" in raised.value.message
    assert conversation.messages == [SYSTEM, asked("one"), said("ONE")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.json", "There is no file"),
        ("", "is a folder"),
        ("nul\0.json", "There is no file|can't be read"),
        ("n" * 5000, "can't be read"),
        ("~nobody-of-that-name/talk.json", "There is no file"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        Conversation().load(name if name.startswith("~") else tmp_path / name)


@pytest.mark.skipif(os.name == "nt", reason="there are no named pipes in folders")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(InvalidRequestError, match="is no regular file"):
        Conversation().load(tmp_path / "pipe")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.truncate(conversation_files.MAX_FILE_BYTES + 1)

    with pytest.raises(InvalidRequestError, match="has more than 100,000,000 bytes"):
        Conversation().load(path)


@many_examples
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["messages", "role", "content", "tool_calls", "type", "text", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_json_is_a_conversation_that_can_be_used_or_is_refused(
    value: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "any.json"
    path.write_text(json.dumps(value))
    conversation = Conversation()

    try:
        conversation.load(path)
    except InvalidRequestError:
        assert conversation.messages == []
    else:
        assert conversation.prompt(asked("one"), max_prompt_tokens=10).tokens > 0
        assert conversation.save(path.with_name("again.json")).exists()
        assert isinstance(conversation.system, str)
