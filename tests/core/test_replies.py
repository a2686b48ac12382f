"""Chunks in, one reply out, whatever the pieces are."""

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipy_gateway import ChatChunk, GatewayConfig, Reply, ToolCallPiece, Usage, stream_chat
from ipy_gateway.core.answers.chunks import parse_chunk
from ipy_gateway.core.answers.replies import ReplyBuilder
from ipy_gateway.core.messages import answer_text
from ipy_gateway.core.sse import ServerEvent

from ..support.fault_server import answer, fault_server

many_examples = settings(max_examples=300)


def builder_of(*chunks: ChatChunk) -> ReplyBuilder:
    builder = ReplyBuilder()
    for chunk in chunks:
        builder.add(chunk)
    return builder


def reply_of(*chunks: ChatChunk) -> Reply:
    return builder_of(*chunks).reply()


def reply_to_pieces(*pieces: str) -> Reply:
    return reply_of(*(ChatChunk(text=piece) for piece in pieces))


def from_events(*bodies: dict[str, Any]) -> Reply:
    chunks = [parse_chunk(ServerEvent(json.dumps(body))) for body in bodies]
    return reply_of(*(chunk for chunk in chunks if isinstance(chunk, ChatChunk)))


# What a reply knows


def test_a_reply_says_all_that_its_chunks_said() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    reply = from_events(
        {"id": "chat-1", "object": "chat.completion.chunk", "model": "smol", "choices": [{"delta": {}}]},
        {"id": "chat-1", "model": "smol", "choices": [{"delta": {"reasoning_content": "Hm."}}]},
        {"id": "chat-1", "model": "smol", "choices": [{"delta": {"content": " Good "}}], "usage": None},
        {"id": "chat-1", "model": "smol", "choices": [{"delta": {"content": "day."}}]},
        {"id": "chat-1", "model": "smol", "choices": [{"delta": {}, "finish_reason": "length"}]},
        {"id": "chat-1", "model": "smol", "choices": [], "usage": usage, "timings": {"predicted_n": 2}},
    )

    assert str(reply) == reply.text == "Good day."
    assert (reply.reasoning, reply.finish_reason, reply.cut_off) == ("Hm.", "length", True)
    assert (reply.id, reply.model, reply.is_complete) == ("chat-1", "smol", True)
    assert reply.usage == Usage(3, 2, 5, raw=usage)
    assert reply.message == {"role": "assistant", "content": "Good day."}
    assert reply.raw == {
        "id": "chat-1",
        "object": "chat.completion",
        "model": "smol",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Good day.", "reasoning_content": "Hm."},
                "finish_reason": "length",
            }
        ],
        "usage": usage,
        "timings": {"predicted_n": 2},
    }


async def test_a_reply_to_a_streamed_answer_knows_its_server() -> None:
    body = {"choices": [{"message": {"role": "assistant", "content": "Good day."}}]}
    builder = ReplyBuilder()

    with fault_server(answer(body=body)) as server:
        async for chunk in stream_chat([{"role": "user", "content": "Hi"}], GatewayConfig(server.url)):
            builder.add(chunk)

    assert builder.reply().server.removesuffix("/v1") == server.url.removesuffix("/v1")
    assert builder.reply().text == "Good day."


def test_what_one_chunk_says_is_not_lost_to_the_silence_of_the_next() -> None:
    usage = Usage(1, 2, 3)

    reply = reply_of(
        ChatChunk(id="a", model="m", server="http://s"),
        ChatChunk(usage=usage, finish_reason="stop"),
        ChatChunk(id="b"),
    )

    assert (reply.id, reply.model, reply.server, reply.usage) == ("a", "m", "http://s", usage)
    assert (reply.finish_reason, reply.cut_off) == ("stop", False)


def test_the_last_usage_counts() -> None:
    reply = reply_of(ChatChunk(usage=Usage(1, 1, 2)), ChatChunk(usage=Usage(1, 9, 10)))

    assert reply.usage == Usage(1, 9, 10)


def test_no_chunks_are_an_empty_reply() -> None:
    reply = reply_of()

    assert (reply.text, reply.reasoning, reply.usage, reply.refusal) == ("", "", None, "")
    assert "usage" not in reply.raw


def test_a_reply_may_be_taken_at_any_time() -> None:
    builder = builder_of(ChatChunk(text="Good <th"))

    early = builder.reply(is_complete=False)
    builder.add(ChatChunk(text="ink>"))

    assert (early.text, early.is_complete) == ("Good <th", False)
    assert builder.reply().text == "Good <think>"


def test_the_repr_is_short() -> None:
    reply = reply_of(ChatChunk(text="word " * 1000, model="smol"))

    assert repr(reply).startswith("<Reply from smol: 'word word")
    assert len(repr(reply)) < 100
    assert repr(builder_of(ChatChunk(text="Go")).reply(is_complete=False)) == "<Reply: 'Go', incomplete>"


def test_a_reply_can_be_compared_and_hashed() -> None:
    assert len({reply_to_pieces("a", "b"), reply_to_pieces("ab"), reply_to_pieces("c")}) == 2


# Refusals


def test_a_refusal_is_kept_as_the_server_words_it() -> None:
    reply = from_events(
        {"choices": [{"delta": {"refusal": "I won't "}}]},
        {"choices": [{"delta": {"refusal": "say."}, "finish_reason": "stop"}]},
    )

    assert (reply.text, reply.refusal) == ("", "I won't say.")
    assert reply.raw["choices"][0]["message"]["refusal"] == "I won't say."


def test_a_content_filter_is_a_refusal() -> None:
    reply = from_events({"choices": [{"delta": {}, "finish_reason": "content_filter"}]})

    assert reply.refusal == "its content filter stopped the answer"


async def test_a_streamed_refusal_reaches_the_reply() -> None:
    events = [
        {"choices": [{"delta": {"reasoning": "Hm."}}]},
        {"choices": [{"delta": {"refusal": "I won't "}}]},
        {"choices": [{"delta": {"refusal": "say."}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    ]
    stream = b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)
    streamed = answer(body=stream + b"data: [DONE]\n\n", headers={"Content-Type": "text/event-stream"})
    builder = ReplyBuilder()

    with fault_server(streamed) as server:
        async for chunk in stream_chat([{"role": "user", "content": "Hi"}], GatewayConfig(server.url)):
            builder.add(chunk)

    assert builder.reply().refusal == "I won't say."


# Tool calls


def test_the_pieces_of_tool_calls_are_joined() -> None:
    reply = reply_of(
        ChatChunk(tool_calls=(ToolCallPiece(0, "a", "weather", ""), ToolCallPiece(1, "b", "time", "{}"))),
        ChatChunk(tool_calls=(ToolCallPiece(0, arguments='{"city":'),)),
        ChatChunk(tool_calls=(ToolCallPiece(0, arguments='"Oslo"}'),), finish_reason="tool_calls"),
    )

    assert reply.message == {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}},
            {"id": "b", "type": "function", "function": {"name": "time", "arguments": "{}"}},
        ],
    }
    assert answer_text(reply.raw) == ""


def test_text_beside_a_tool_call_stays() -> None:
    reply = reply_of(ChatChunk(text="I look.", tool_calls=(ToolCallPiece(0, "a", "look"),)))

    assert reply.message["content"] == "I look."


def test_a_call_without_arguments_gets_arguments_that_are_json() -> None:
    reply = reply_of(ChatChunk(tool_calls=(ToolCallPiece(0, "a", "look"),)))

    assert reply.message["tool_calls"][0]["function"]["arguments"] == "{}"


def test_whole_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    reply = reply_of(
        ChatChunk(tool_calls=(ToolCallPiece(0, "a", "look", '{"at": 1}'),)),
        ChatChunk(tool_calls=(ToolCallPiece(0, "b", "look", '{"at": 2}'),)),
    )

    assert [call["id"] for call in reply.message["tool_calls"]] == ["a", "b"]


def test_a_new_id_with_every_piece_of_one_call_makes_no_new_call() -> None:
    reply = reply_of(
        ChatChunk(tool_calls=(ToolCallPiece(0, "a", "look", '{"at":'),)),
        ChatChunk(tool_calls=(ToolCallPiece(0, "b", "", " 1}"),)),
    )

    assert [call["function"]["arguments"] for call in reply.message["tool_calls"]] == ['{"at": 1}']
    assert reply.message["tool_calls"][0]["id"] == "a"


# Reasoning in the text


@pytest.mark.parametrize(
    ("content", "reasoning", "text"),
    [
        ("<think>\nHm.\n</think>\n\nGood day.", "Hm.", "Good day."),
        (" \n<thinking>Hm.</thinking>Good day.", "Hm.", "Good day."),
        ("<think></think>Good day.", "", "Good day."),
        ("<think>2 < 3 </thin </thinking> </think> yes", "2 < 3 </thin </thinking>", "yes"),
        ("<think>Hm.</think>The tag <think>x</think> stays.", "Hm.", "The tag <think>x</think> stays."),
        ("<think>Hm.</think><think>Hm?</think>", "Hm.", "<think>Hm?</think>"),
        ("Good <think>day</think>.", "", "Good <think>day</think>."),
        ("<thin", "", "<thin"),
        ("<thinker>day", "", "<thinker>day"),
        ("< think>day</think>", "", "< think>day</think>"),
        ("<think>never closed", "never closed", ""),
        ("<think>never closed</thi", "never closed</thi", ""),
        ("<think>", "", ""),
        ("</think>Good day.", "", "</think>Good day."),
        ("", "", ""),
        ("\n ", "", ""),
    ],
)
def test_thoughts_at_the_very_start_are_reasoning_however_they_are_cut(
    content: str, reasoning: str, text: str
) -> None:
    for cut in range(len(content) + 1):
        reply = reply_to_pieces(content[:cut], content[cut:])
        assert (reply.reasoning, reply.text) == (reasoning, text)

    by_character = reply_to_pieces(*content)
    assert (by_character.reasoning, by_character.text) == (reasoning, text)
    assert by_character.message == {"role": "assistant", "content": text}


LIKE_TAGS = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<thinking>", "</thinking>", "<", "/", ">", "think", "ing", " ", "\n", "a"]
    )
)


@many_examples
@given(parts=LIKE_TAGS, data=st.data())
def test_it_does_not_matter_where_the_content_is_cut(parts: list[str], data: st.DataObject) -> None:
    content = "".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=8))
    pieces = [content[start:end] for start, end in pairwise([0, *sorted(cuts), len(content)])]

    cut, whole = reply_to_pieces(*pieces), reply_to_pieces(content)

    assert cut == whole


@many_examples
@given(parts=LIKE_TAGS)
def test_what_is_shown_early_is_never_taken_back(parts: list[str]) -> None:
    builder = ReplyBuilder()
    seen_text, seen_reasoning = "", ""

    for part in parts:
        builder.add(ChatChunk(text=part))
        assert builder.text.startswith(seen_text)
        assert builder.reasoning.startswith(seen_reasoning)
        seen_text, seen_reasoning = builder.text, builder.reasoning

    reply = builder.reply()
    assert reply.text.startswith(seen_text.strip())
    assert reply.reasoning.startswith(seen_reasoning.strip())


def test_reasoning_comes_before_its_tag_is_closed() -> None:
    builder = builder_of(ChatChunk(text="<think>First, "), ChatChunk(text="second"))

    assert (builder.reasoning, builder.text) == ("First, second", "")


def test_reasoning_from_a_field_and_from_tags_is_joined() -> None:
    reply = reply_of(ChatChunk(reasoning="One. "), ChatChunk(text="<think>Two.</think>Good day."))

    assert (reply.reasoning, reply.text) == ("One. Two.", "Good day.")


def test_a_long_thought_in_small_pieces_is_kept_whole() -> None:
    thought = "ab</think" * 5000

    reply = reply_to_pieces("<think>", *thought, "</think>", "End.")

    assert (reply.reasoning, reply.text) == (thought, "End.")
