"""Tokens estimated, corrected by what servers report, and what an overflow says."""

import base64
from typing import Any

import httpx
import pytest

from ipy_gateway import (
    GatewayConfig,
    UpstreamError,
    UpstreamResponseError,
    UpstreamUnreachableError,
    chat_completion,
    stream_chat,
)
from ipy_gateway.core.answers.answers import parse_object
from ipy_gateway.core.conversations.context import (
    RATIO_LIMITS,
    TOKENS_PER_MEDIA_PART,
    TokenRatio,
    context_limit_of,
    estimated_tokens,
    request_tokens,
    tokens_of_text,
)
from ipy_gateway.core.messages import audio_message, text_message

from ..support.fault_server import answer, fault_server

CONFIG = GatewayConfig("http://server")
TEXTS = {
    "English": "The decibel expresses the ratio of two values of a power on a logarithmic scale.",
    "German": "Das Dezibel ist eine Hilfsmaßeinheit zur Kennzeichnung von Pegeln und Maßen.",
    "French": "Le décibel est une unité définie comme dix fois le logarithme du rapport de puissances.",
    "Russian": "Децибел — дольная единица бела, равная одной десятой этой единицы.",
    "Greek": "Το ντεσιμπέλ είναι μια λογαριθμική μονάδα μέτρησης που εκφράζει τον λόγο δύο τιμών.",
    "Arabic": "الديسيبل وحدة لوغاريتمية تعبر عن نسبة كمية فيزيائية بالنسبة إلى مستوى مرجعي محدد.",
    "Hindi": "डेसीबल एक लघुगणकीय इकाई है जिसका उपयोग किसी भौतिक राशि के दो मानों के लिए किया जाता है।",
    "Thai": "เดซิเบลเป็นหน่วยลอการิทึมที่ใช้แสดงอัตราส่วนระหว่างค่าสองค่าของปริมาณทางกายภาพ",
    "Chinese": "分贝是量度两个相同单位之数量比例的计量单位，主要用于度量声音强度。",
    "Japanese": "デシベルは、電気工学や振動・音響工学などの分野で使用される無次元の単位である。",
    "code": "for piece in chunk.tool_calls:\n    self._calls.setdefault(piece.index, []).append(piece)\n",
    "digits": "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899",
    "CSV": "12.5,0.993,2021-03-04,8812\n13.1,0.871,2021-03-05,8813\n",
    "marks": "{}[]()<>!?@#$%^&*~|\\/;:'\"+=-_",
}


def overflow(status: int, body: Any) -> UpstreamResponseError:
    with pytest.raises(UpstreamResponseError) as raised:
        parse_object(httpx.Response(status, json=body), "http://server", CONFIG)
    return raised.value


# Estimates


@pytest.mark.parametrize("kind", TEXTS)
def test_a_real_tokenizer_makes_no_more_tokens_than_estimated_and_no_less_than_a_third(
    text_server: str, kind: str
) -> None:
    response = httpx.post(f"{text_server.removesuffix('/v1')}/tokenize", json={"content": TEXTS[kind]})

    tokens = len(response.json()["tokens"])
    assert tokens <= tokens_of_text(TEXTS[kind]) <= 3 * tokens


async def test_many_short_messages_are_not_underestimated(text_server: str) -> None:
    messages = [
        *[text_message("user", "hi"), text_message("assistant", "hi")] * 3,
        text_message("user", "hi"),
    ]

    completion = await chat_completion(messages, GatewayConfig(text_server), max_tokens=1)

    reported = completion["usage"]["prompt_tokens"]
    assert reported <= request_tokens(messages) <= 2 * reported


def test_media_are_not_counted_by_their_base64() -> None:
    sound = audio_message(bytes(1_000_000), "wav")
    picture = {"type": "image_url", "image_url": {"url": f"data:,{base64.b64encode(bytes(10_000))!r}"}}
    message = {"role": "user", "content": [picture, {"type": "text", "text": "What is it?"}]}

    assert TOKENS_PER_MEDIA_PART <= estimated_tokens([sound]) < TOKENS_PER_MEDIA_PART + 10
    assert TOKENS_PER_MEDIA_PART < estimated_tokens([message]) < TOKENS_PER_MEDIA_PART + 20


def test_calls_of_tools_are_counted() -> None:
    call = {
        "id": "a",
        "type": "function",
        "function": {"name": "look", "arguments": '{"at": "' + "x" * 900 + '"}'},
    }
    message = {"role": "assistant", "content": None, "tool_calls": [call]}

    assert estimated_tokens([message]) > 360


@pytest.mark.parametrize("content", [None, [], 5, [None, 5, {"text": None}], "\ud800"])
def test_odd_content_is_estimated_too(content: Any) -> None:
    assert estimated_tokens([{"role": "user", "content": content}]) > 0


# What servers report


def test_an_estimate_that_was_too_low_is_corrected_at_once() -> None:
    ratio = TokenRatio()

    ratio.learn(100, 150)

    assert ratio.corrected(100) == 150


def test_an_estimate_that_was_too_high_is_corrected_step_by_step() -> None:
    ratio = TokenRatio()

    ratio.learn(100, 60)
    first = ratio.corrected(100)
    ratio.learn(100, 60)

    assert (first, ratio.corrected(100)) == (80, 70)


@pytest.mark.parametrize(("reported", "limit"), [(1, RATIO_LIMITS[0]), (10**9, RATIO_LIMITS[1])])
def test_what_no_tokenizer_does_is_not_believed(reported: int, limit: float) -> None:
    ratio = TokenRatio()

    for _ in range(100):
        ratio.learn(100, reported)

    assert ratio.value == pytest.approx(limit)


@pytest.mark.parametrize(("estimated", "reported"), [(0, 5), (5, 0), (-1, 5)])
def test_a_report_of_nothing_teaches_nothing(estimated: int, reported: int) -> None:
    ratio = TokenRatio()

    ratio.learn(estimated, reported)

    assert ratio.value == 1.0


# Overflows


LLAMA = {
    "code": 400,
    "message": "the request exceeds the available context size, try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 9031,
    "n_ctx": 4096,
}
IN_WORDS = [
    "request (9031 tokens) exceeds the available context size (4096 tokens), try increasing it",
    "litellm.BadRequestError: ContextWindowExceededError: OpenAIException - request (9031 tokens) exceeds the"
    " available context size (4096 tokens), try increasing it\nmodel=llama.",
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (904 in the"
    " messages, 4096 in the completion). Please reduce the length of the messages or completion.",
    "This model's maximum context length is 4,096 tokens, however you requested 8238 tokens.",
    "The input (9031 tokens) is longer than the model's context length (4096 tokens).",
    "The prompt (total length 25938) is too long to fit into the model (context length 4096).",
    "Prompt contains 65673 tokens and 0 draft tokens, too large for model with 4096 maximum context length",
    "Requested tokens (9031) exceed context window of 4096",
    "Trying to keep the first 9031 tokens when context the overflows. However, the model is loaded with"
    " context length of only 4096 tokens, which is not enough.",
    "The number of tokens to keep from the initial prompt is greater than the context length (n_keep: 10247"
    " >= n_ctx: 4096).",
    "prompt is too long: 9031 tokens > 4096 maximum",
    "input length and `max_tokens` exceed context limit: 4000 + 1000 > 4096, decrease input length",
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9031 `inputs` tokens",
]


@pytest.mark.parametrize("words", IN_WORDS)
def test_every_wording_of_an_overflow_tells_the_context(words: str) -> None:
    assert context_limit_of(overflow(400, {"error": {"message": words}})) == 4096
    assert context_limit_of(UpstreamResponseError(f"http://server broke off with an error: {words}.")) == 4096


def test_llama_cpp_names_its_context_in_a_field() -> None:
    assert context_limit_of(overflow(400, {"error": LLAMA})) == 4096


def test_the_context_is_found_behind_what_is_shown_of_an_error() -> None:
    error = overflow(400, {"error": {"message": "Bad luck. " * 50 + IN_WORDS[0]}})

    assert "4096" not in error.message
    assert context_limit_of(error) == 4096


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "the request exceeds the available context size"}},
        {"error": {"message": "Rate limit reached: Limit 12000, Requested 15318"}},
        {"error": {"message": "x", "n_ctx": "4096"}},
        {"error": {"message": "x", "n_ctx": True}},
        {"error": {"message": "maximum context length is 0 tokens"}},
        {"error": {"message": "maximum context length is " + "9" * 5000}},
        {"error": "n_ctx"},
        ["n_ctx"],
        "Too long.",
        None,
    ],
)
def test_an_error_without_a_context_tells_none_that_is_wrong(body: Any) -> None:
    assert context_limit_of(overflow(400, body)) in (None, 999_999_999)


def test_errors_that_are_no_answers_tell_nothing() -> None:
    assert context_limit_of(UpstreamUnreachableError("context window of 5")) is None
    assert context_limit_of(UpstreamError("context window of 5")) is None


async def test_a_real_server_tells_its_context_when_the_prompt_does_not_fit(text_server: str) -> None:
    long = [text_message("user", "sky " * 9000)]

    with pytest.raises(UpstreamResponseError) as raised:
        async for _ in stream_chat(long, GatewayConfig(text_server)):
            pass

    assert (
        context_limit_of(raised.value) == raised.value.context_limit_tokens == 2048
    )  # half of it for each slot


async def test_an_overflow_in_the_middle_of_a_stream_tells_the_context() -> None:
    body = b'data: {"error": {"message": "the model is loaded with context length of only 4096 tokens"}}\n\n'

    with (
        fault_server(answer(body=body, headers={"Content-Type": "text/event-stream"})) as server,
        pytest.raises(UpstreamResponseError) as raised,
    ):
        async for _ in stream_chat([text_message("user", "Hi")], GatewayConfig(server.url)):
            pass

    assert context_limit_of(raised.value) == 4096
