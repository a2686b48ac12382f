"""Events in, what each adds to an answer out, in all the dialects that servers speak."""

import copy
import json
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipy_gateway.core.answers.chunks import (
    DONE,
    ChatChunk,
    ChunkError,
    Done,
    ToolCallPiece,
    Usage,
    parse_chunk,
)
from ipy_gateway.core.sse import EventDecoder, ServerEvent

RECORDED = Path(__file__).parents[1] / "support" / "llama_chat_stream.sse"
RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
TOKENS = {"prompt_tokens": 33, "completion_tokens": 12, "total_tokens": 45}

many_examples = settings(max_examples=300)


def parsed(body: Any, *, event: str = "message") -> ChatChunk:
    data = body if isinstance(body, str) else json.dumps(body)
    chunk = parse_chunk(ServerEvent(data, event))
    assert isinstance(chunk, ChatChunk)
    return chunk


def from_delta(**delta: Any) -> ChatChunk:
    return parsed({"choices": [{"index": 0, "delta": delta}]})


def error_of(body: Any, *, event: str = "message") -> ChunkError:
    with pytest.raises(ChunkError) as raised:
        parsed(body, event=event)
    return raised.value


# Good chunks


def test_a_chunk_says_all_that_it_adds() -> None:
    body = {
        "id": "chat-1",
        "model": "smollm2",
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": " Hi"}, "finish_reason": "stop"}],
        "usage": {**TOKENS, "prompt_tokens_details": {"cached_tokens": 32}},
        "timings": {"predicted_per_second": 10.4},
    }

    assert parsed(body) == ChatChunk(
        text=" Hi",
        finish_reason="stop",
        usage=Usage(33, 12, 45, raw=body["usage"]),  # type: ignore[arg-type]  # the dict's values have many types
        model="smollm2",
        id="chat-1",
        raw=body,
    )


@pytest.mark.parametrize("data", ["[DONE]", " [DONE]", "[DONE]\n"])
def test_done_ends_the_stream(data: str) -> None:
    assert parse_chunk(ServerEvent(data)) is DONE
    assert Done() == DONE


@pytest.mark.parametrize("data", ["", " ", "\n"])
def test_an_empty_event_is_an_empty_chunk(data: str) -> None:
    assert parsed(data) == ChatChunk()


@pytest.mark.parametrize(
    "delta",
    [
        {"role": "assistant"},
        {"role": "assistant", "content": None},
        {"role": "assistant", "content": ""},
        {"content": None, "reasoning": None, "reasoning_content": None, "tool_calls": None, "refusal": None},
        {"content": [], "tool_calls": []},
        {},
    ],
)
def test_a_delta_without_text_adds_none(delta: dict[str, Any]) -> None:
    chunk = from_delta(**delta)

    assert (chunk.text, chunk.reasoning, chunk.tool_calls, chunk.finish_reason) == ("", "", (), None)


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {"content": "Hi"}},
        {"delta": {"content": "Hi"}, "message": {"content": "Hi"}, "text": "Hi"},
        {"delta": {"content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]}},
        {"delta": {"content": [None, 5, {}, {"text": None}, {"type": "text", "text": "Hi"}, {"text": 7}]}},
        {"delta": None, "message": {"role": "assistant", "content": "Hi"}},
        {"message": {"role": "assistant", "content": "Hi"}},
        {"text": "Hi", "logprobs": None},
        {"index": 7, "delta": {"content": "Hi"}},
        {"index": None, "delta": {"content": "Hi"}},
    ],
    ids=["delta", "all", "parts", "odd parts", "null", "message", "text", "index 7", "index null"],
)
def test_every_shape_of_a_choice_gives_the_same_text(choice: dict[str, Any]) -> None:
    assert parsed({"choices": [choice]}).text == "Hi"


@pytest.mark.parametrize(
    "delta",
    [
        {"reasoning_content": "Hm", "content": None},
        {"reasoning": "Hm", "content": ""},
        {"reasoning": "Hm", "reasoning_content": "Hm"},
        {"reasoning": "Hm", "reasoning_content": None},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]},
    ],
)
def test_every_shape_of_reasoning_gives_the_same(delta: dict[str, Any]) -> None:
    chunk = from_delta(**delta)

    assert (chunk.reasoning, chunk.text) == ("Hm", "")


def test_thoughts_and_text_in_one_list_are_told_apart() -> None:
    chunk = from_delta(
        content=[{"thinking": [{"text": "H"}, {"text": "m"}]}, {"text": "So."}, {"thinking": 5}]
    )

    assert (chunk.reasoning, chunk.text) == ("Hm", "So.")


@pytest.mark.parametrize("reason", ["stop", "length", "tool_calls", "content_filter"])
def test_the_finish_reason_is_passed_on(reason: str) -> None:
    assert parsed({"choices": [{"delta": {}, "finish_reason": reason}]}).finish_reason == reason


@pytest.mark.parametrize("reason", [None, "", 5, ["stop"]])
def test_what_is_no_finish_reason_is_none(reason: Any) -> None:
    assert parsed({"choices": [{"delta": {"content": "Hi"}, "finish_reason": reason}]}).finish_reason is None


@pytest.mark.parametrize(
    "body",
    [
        {"choices": []},
        {"choices": None},
        {},
        {"choices": [{"index": 0, "delta": {}}]},
        {"choices": [{"index": 0, "delta": None, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]},
    ],
    ids=["no choices", "null", "missing", "empty delta", "null delta", "on the last chunk"],
)
def test_usage_is_found_wherever_it_comes(body: dict[str, Any]) -> None:
    usage = parsed({**body, "usage": TOKENS}).usage

    assert usage == Usage(33, 12, 45, raw=TOKENS)


@pytest.mark.parametrize("usage", [None, {}, [], "many", 5])
def test_what_is_no_usage_is_none(usage: Any) -> None:
    assert parsed({"choices": [], "usage": usage}).usage is None


@pytest.mark.parametrize("tokens", [None, "12", 1.5, True, -1, [12], float("inf")])
def test_a_token_count_that_is_none_is_none(tokens: Any) -> None:
    usage = parsed({"choices": [], "usage": {**TOKENS, "prompt_tokens": tokens}}).usage

    assert usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (None, 12, 45)


def test_pieces_of_tool_calls_keep_their_index() -> None:
    first = {"index": 1, "id": "c1", "type": "function", "function": {"name": "add", "arguments": ""}}
    later = {"index": 1, "function": {"arguments": '{"a":'}}

    assert from_delta(tool_calls=[first]).tool_calls == (ToolCallPiece(1, "c1", "add", ""),)
    assert from_delta(tool_calls=[later]).tool_calls == (ToolCallPiece(1, arguments='{"a":'),)


def test_tool_calls_without_an_index_are_counted() -> None:
    calls = [{"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}, {"index": "1", "function": None}]

    assert from_delta(tool_calls=calls).tool_calls == (
        ToolCallPiece(0, "a", "f", '{"x": 1}'),
        ToolCallPiece(1),
    )


@pytest.mark.parametrize("value", [None, 5, ["smollm2"], {}])
def test_wrong_types_beside_the_answer_do_no_harm(value: Any) -> None:
    chunk = parsed({"id": value, "model": value, "created": value, "choices": [{"delta": {"content": "Hi"}}]})

    assert (chunk.text, chunk.model, chunk.id) == ("Hi", "", "")


@pytest.mark.parametrize("body", [{"type": "ping"}, {"object": "chat.completion.chunk"}, {"error": None}])
def test_an_object_that_says_nothing_adds_nothing(body: dict[str, Any]) -> None:
    assert parsed(body) == ChatChunk(raw=body)


def test_an_event_of_any_other_type_is_a_chunk() -> None:
    assert parsed({"choices": [{"delta": {"content": "Hi"}}]}, event="completion").text == "Hi"


@pytest.mark.parametrize("text", ["\u2028\u2029\x85", "𝄞", "\x1b[31m", "<script>", "\\ud834"])
def test_text_is_passed_on_as_it_is(text: str) -> None:
    assert from_delta(content=text).text == text
    assert parsed(json.dumps({"choices": [{"text": text}]}, ensure_ascii=False)).text == text


@pytest.mark.parametrize(
    ("escaped", "text"), [("\\ud834\\udd1e", "𝄞"), ("a\\ud834", "a\ufffd"), ("\\uDD1Eb", "\ufffdb")]
)
def test_half_a_character_is_replaced(escaped: str, text: str) -> None:
    chunk = parsed('{"choices": [{"delta": {"content": "ESCAPED"}}]}'.replace("ESCAPED", escaped))

    assert chunk.text == text
    assert chunk.raw["choices"][0]["delta"]["content"] == text


# Errors


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": 500, "message": "It is too blue.", "type": "server_error"}},
        {"error": {"code": "too_blue", "message": "It is too blue."}, "choices": []},
        {"error": "It is too blue."},
        {"error": "It is too blue.", "choices": "none"},
        {"error": "Blue", "message": "It is too blue."},
        {"detail": "It is too blue."},
        {"detail": {"error": {"message": "It is too blue."}}},
        {"object": "error", "message": "It is too blue.", "code": 400},
        {"choices": [{"error": {"message": "It is too blue."}, "delta": {"content": ""}}]},
        {"choices": [{"finish_reason": "error", "message": {}, "detail": "It is too blue."}]},
    ],
)
def test_every_shape_of_an_error_in_a_stream_gives_the_same(body: Any) -> None:
    error = error_of(body)

    assert (error.reason, error.detail) == ("broke off with an error", "It is too blue.")


@pytest.mark.parametrize(
    ("data", "detail"),
    [
        ('{"code": 500, "message": "Out of memory"}', "Out of memory"),
        ('{"error": {"message": "Out of memory"}}', "Out of memory"),
        ('{"choices": [{"delta": {"content": "Hi"}}]}', ""),
        ("Out of memory", "Out of memory"),
        ('"Out of memory"', "Out of memory"),
        ('{"mess', '{"mess'),
        ("[DONE]", "[DONE]"),
        ("", ""),
    ],
)
def test_an_event_of_type_error_is_an_error_whatever_it_says(data: str, detail: str) -> None:
    error = error_of(data, event="error")

    assert (error.reason, error.detail) == ("broke off with an error", detail)


@pytest.mark.parametrize(
    ("body", "status_code"),
    [
        ({"error": {"message": "Slow down", "code": 429}}, 429),
        ({"error": {"message": "Slow down", "code": "429"}}, 429),
        ({"object": "error", "message": "Broken", "code": 500}, 500),
        ({"choices": [{"error": {"message": "Gone", "code": 502}}]}, 502),
        ({"error": {"message": "Slow down", "code": "rate_limit"}}, None),
        ({"error": {"message": "Slow down", "code": 1234}}, None),
        ({"error": {"message": "Fine", "code": 200}}, None),
        ({"error": {"message": "Odd", "code": "4²²"}}, None),
        ({"error": {"message": "Slow down", "code": {"a": 429}}}, None),
        ({"error": "Slow down"}, None),
    ],
)
def test_the_http_status_that_an_error_names_is_kept(body: Any, status_code: int | None) -> None:
    assert error_of(body).status_code == status_code


@pytest.mark.parametrize(
    "data",
    [
        '{"choices": [',
        '{"choices": []} {"choices": []}',
        "null",
        "5",
        "NaN",
        "[]",
        '"text"',
        "<html>",
        "5" * 5_000,
        '{"a": "\t"}',
    ],
)
def test_what_is_no_json_object_is_an_error_that_shows_it(data: str) -> None:
    error = error_of(data)

    assert (error.reason, error.detail) == ("sent an event that is not a JSON object", data)
    assert error.status_code is None


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"choices": "Hi"}, "choices"),
        ({"choices": {"delta": {}}}, "choices"),
        ({"choices": ["Hi"]}, "choices"),
        ({"choices": [None]}, "choices"),
        ({"choices": [{"delta": "Hi"}]}, "delta"),
        ({"choices": [{"message": ["Hi"]}]}, "delta"),
        ({"choices": [{"delta": {"content": 5}}]}, "content"),
        ({"choices": [{"delta": {"content": {"text": "Hi"}}}]}, "content"),
        ({"choices": [{"text": {"a": "Hi"}}]}, "content"),
        ({"choices": [{"delta": {"tool_calls": {"0": {}}}}]}, "tool_calls"),
        ({"choices": [{"delta": {"tool_calls": ["f"]}}]}, "tool_calls"),
    ],
)
def test_an_answer_of_a_wrong_shape_is_an_error_and_not_silence(body: Any, name: str) -> None:
    assert error_of(body).reason == f"sent a chunk whose {name!r} can't be read"


@pytest.mark.parametrize(
    "data",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        '{"loc": ' + "[" * 900 + "]" * 900 + ', "msg": "Deep"}',
        '{"choices": ' + "[" * 900 + "]" * 900 + "}",
        '{"choices": [], "a": "\\ud834", "b": ' + "[" * 900 + "]" * 900 + "}",
    ],
    ids=["list", "object", "loc", "choices", "surrogate"],
)
@pytest.mark.parametrize("event", ["message", "error"])
def test_deep_nesting_does_no_harm(data: str, event: str) -> None:
    assert_is_ours(data, event)


def test_the_words_of_a_server_are_not_in_the_text_of_the_exception() -> None:
    assert str(error_of({"error": "Wrong key: sk-hush-4711"})) == "broke off with an error"


# Anything at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("error"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FULL_CHUNK = {
    "id": "chat-1",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "text": "Hi",
            "message": {"content": [{"text": "Hi"}]},
            "delta": {
                "content": [{"text": "Hi", "thinking": [{"text": "Hm"}]}],
                "reasoning": "Hm",
                "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}],
            },
        }
    ],
    "usage": TOKENS,
    "error": None,
}


@many_examples
@given(st.text() | json_values.map(json.dumps), st.sampled_from(["message", "error", "ping"]))
def test_any_data_gives_a_chunk_or_an_error_of_ours(data: str, event: str) -> None:
    assert_is_ours(data, event)


@many_examples
@given(json_values, st.randoms(use_true_random=False))
def test_a_chunk_with_anything_anywhere_gives_a_chunk_or_an_error_of_ours(value: Any, random: Random) -> None:
    body = copy.deepcopy(FULL_CHUNK)
    put_somewhere(body, value, random)

    assert_is_ours(json.dumps(body), "message")


def assert_is_ours(data: str, event: str) -> None:
    """Whatever comes out can be shown."""
    try:
        answer = parse_chunk(ServerEvent(data, event))
    except ChunkError as error:
        shown = [error.reason, error.detail]
    else:
        shown = [answer.text, answer.reasoning, repr(answer)] if isinstance(answer, ChatChunk) else []
    assert all(text.encode() is not None for text in shown)


def put_somewhere(body: Any, value: Any, random: Random) -> None:
    """Replace one value of a JSON body, at any depth."""
    key = random.choice(list(body) if isinstance(body, dict) else range(len(body)))
    if body[key] and isinstance(body[key], dict | list) and random.random() < 0.8:
        put_somewhere(body[key], value, random)
    else:
        body[key] = value


# Real servers

WORDS = " subcontinent subcontinent subcontinent Wealth Wealth Wealth Wealth Wealth"
HELLO = "Hello! I'm here to help with any kind of creative"
FULL = " successor quirks appointangarangarmodangar HEALTHZenEmergency \n               "
COUNTS = (33, 12, 45)
STREAMS = {  # text (without the reads that a recording leaves out), finish reason, usage, whether [DONE] came
    "litellm chat.stream": (f"{WORDS}iskisk", "length", None, True),
    "litellm chat.stream_usage": (f"{WORDS}isk", "length", COUNTS, True),
    "litellm chat.stream_client_abort": (" subcontinent", None, None, False),
    "litellm proxy.mock-echo_stream": ("Hello from the mock. Second here.", "stop", None, True),
    "litellm audio.stream": (" cropping" * 8, "length", None, True),
    "llamacpp-audio chat.stream": (f"{WORDS} Wealth Wealthiskisk", "length", None, True),
    "llamacpp-audio chat.stream_usage": (f"{WORDS} Wealth Wealthiskisk", "length", COUNTS, True),
    "llamacpp-audio chat.stream_client_abort": (" subcontinent subcontinent", None, None, False),
    "llamacpp-audio chat.unknown_model_stream": (f"{WORDS} Wealth Wealthiskisk", "length", None, True),
    "llamacpp-audio chat.stream_fills_context": (FULL, "length", None, True),
    "llamacpp-audio chat.stream_timings": (" supportivenaiborough", "length", None, True),
    "llamacpp-audio chat.stream_queued_ping": (" Wealth propertiesNew puzzling", "length", None, True),
    "llamacpp-audio audio.stream": (" cropping" * 8, "length", None, True),
    "llamacpp-text chat.stream": (HELLO, "length", None, True),
    "llamacpp-text chat.stream_usage": (HELLO, "length", COUNTS, True),
    "llamacpp-text chat.stream_client_abort": ("Hello!", None, None, False),
    "llamacpp-text chat.unknown_model_stream": (HELLO, "length", None, True),
}


def recorded_streams() -> dict[str, list[bytes]]:
    if not RECORDINGS.is_dir():
        return {}
    return {
        f"{path.stem} {record['case']}": reads_of(answer)
        for path in sorted(RECORDINGS.glob("*.json"))
        for record in json.loads(path.read_text())["records"]
        if is_chat_stream(record["case"], answer := record.get("response") or {})
    }


def is_chat_stream(case: str, answer: dict[str, Any]) -> bool:
    is_transcription = case.startswith("asr.")  # these have events of their own
    return not is_transcription and "event-stream" in answer.get("headers", {}).get("content-type", "")


def reads_of(answer: dict[str, Any]) -> list[bytes]:
    """A stream as it was read, without the notes about reads that are left out."""
    reads = answer.get("reads") or [[0, answer["body"]]]
    return [text.encode() for at_ms, text in reads if at_ms is not None]


def summary_of(reads: list[bytes]) -> tuple[str, str | None, tuple[int | None, ...] | None, bool]:
    decoder = EventDecoder()
    events = [event for read in reads for event in decoder.feed(read)]
    answers = [parse_chunk(event) for event in [*events, *decoder.close()]]
    chunks = [answer for answer in answers if isinstance(answer, ChatChunk)]
    finish_reason = next((chunk.finish_reason for chunk in chunks if chunk.finish_reason), None)
    usage = next((chunk.usage for chunk in chunks if chunk.usage), None)
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) if usage else None
    return "".join(chunk.text for chunk in chunks), finish_reason, tokens, answers[-1] is DONE


@pytest.mark.parametrize("name", recorded_streams())
def test_every_recorded_stream_parses_to_its_text(name: str) -> None:
    assert summary_of(recorded_streams()[name]) == STREAMS[name]


def test_a_llama_stream_parses_to_its_text() -> None:
    assert summary_of([RECORDED.read_bytes()]) == (HELLO, "length", COUNTS, True)
