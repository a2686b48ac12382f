"""Events of a streamed transcription, in every dialect, and the pieces of text that they bring."""

import json
from typing import Any

import httpx
import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError
from ipy_gateway.core.sse import EventDecoder
from ipy_gateway.core.transcribing.transcription_stream import TranscriptionStream
from ipy_gateway.core.transcripts.transcription import Segment, Transcription

URL = "http://host"
CONFIG = GatewayConfig(URL, api_key="sk-hush-4711")


def new_stream() -> TranscriptionStream:
    return TranscriptionStream(httpx.Response(200, headers={"x-request-id": "r-1"}), URL, CONFIG)


def events(*bodies: Any) -> list[tuple[str, str]]:
    return [("message", body if isinstance(body, str) else json.dumps(body)) for body in bodies]


def streamed(*bodies: Any) -> tuple[list[str], Transcription]:
    stream = new_stream()
    pieces = list(stream.feed(events(*bodies)))
    return pieces, stream.finish()


def stream_error(*bodies: Any, is_framed: bool = True) -> UpstreamResponseError:
    stream = new_stream()
    with pytest.raises(UpstreamResponseError) as raised:  # noqa: PT012  # either may raise it
        list(stream.feed(events(*bodies)))
        stream.finish(is_framed=is_framed)
    assert (raised.value.upstream, raised.value.request_id) == (URL, "r-1")
    return raised.value


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param(
            [
                {"type": "transcript.text.delta", "delta": " Well,", "logprobs": None},
                {"type": "transcript.text.delta", "delta": " yes."},
                {"type": "transcript.text.done", "text": "Well, yes.", "usage": {"type": "tokens"}},
            ],
            id="openai",
        ),
        pytest.param(
            [
                {"type": "transcript.text.delta", "delta": " Well,"},
                {"type": "transcript.text.delta", "delta": " yes."},
                {"type": "transcript.text.done", "text": " Well, yes.", "usage": {"type": "tokens"}},
                "[DONE]",
            ],
            id="llama.cpp",
        ),
        pytest.param(
            [
                {"type": "transcript.text.delta", "delta": " Well,", "logprobs": None},
                {"type": "transcript.text.delta", "delta": " yes.", "logprobs": None},
                {"type": "transcript.text.done", "text": "", "logprobs": None},
            ],
            id="speaches",
        ),
        pytest.param([{"text": "Well,"}, {"text": "yes."}], id="older speaches"),
        pytest.param(
            [
                {
                    "object": "transcription.chunk",
                    "choices": [{"delta": {"role": "assistant", "content": None}}],
                },
                {"object": "transcription.chunk", "choices": [{"delta": {"content": " Well,"}}]},
                {
                    "object": "transcription.chunk",
                    "choices": [{"delta": {"content": " yes."}, "finish_reason": "stop"}],
                },
                {"object": "transcription.chunk", "choices": [], "usage": {"total_tokens": 7}},
                "[DONE]",
            ],
            id="vllm",
        ),
        pytest.param(
            [
                {"type": "transcription.language", "audio_language": "en"},
                {"type": "transcription.text.delta", "text": "Well,"},
                {"type": "transcription.text.delta", "text": " yes."},
                {
                    "type": "transcription.done",
                    "model": "voxtral",
                    "text": "Well, yes.",
                    "segments": [],
                    "usage": {},
                },
            ],
            id="mistral",
        ),
        pytest.param(
            [
                {"type": "transcription.text.segment", "start": 0, "end": 1, "text": "Well,"},
                {"type": "transcription.text.segment", "start": 1, "end": 2, "text": "yes."},
                {"type": "transcription.text.done"},
            ],
            id="segments alone",
        ),
        pytest.param(
            [
                {"type": "transcript.text.delta", "delta": "Well,", "segment_id": "s1"},
                {
                    "type": "transcript.text.segment",
                    "id": "s1",
                    "start": 0,
                    "end": 1,
                    "text": "Well,",
                    "speaker": "A",
                },
                {"type": "transcript.text.delta", "delta": " yes.", "segment_id": "s2"},
                {
                    "type": "transcript.text.segment",
                    "id": "s2",
                    "start": 1,
                    "end": 2,
                    "text": " yes.",
                    "speaker": "B",
                },
                {"type": "transcript.text.done", "text": "Well, yes."},
            ],
            id="openai diarized",
        ),
        pytest.param(
            [
                {"choices": [{"delta": {"content": "Well,"}}]},
                {"choices": [{"delta": {"content": " yes."}, "finish_reason": "stop"}]},
                {"choices": [], "usage": {}},
            ],
            id="vllm without [DONE]",
        ),
        pytest.param(
            [
                {"type": "session.created"},
                {"type": "transcript.text.delta", "delta": "Well,"},
                " ",
                {"type": "transcript.text.delta", "delta": None},
                {"type": "transcript.text.delta", "delta": " yes."},
                "[DONE]",
                "what comes after the end",
            ],
            id="unknown, empty and late events",
        ),
    ],
)
def test_every_dialect_of_a_stream_gives_the_same_pieces_and_text(bodies: list[Any]) -> None:
    pieces, found = streamed(*bodies)

    assert pieces == ["Well,", " yes."]
    assert found.text == "Well, yes."


def test_a_stream_keeps_times_speakers_language_and_duration() -> None:
    _, found = streamed(
        {"type": "transcription.language", "audio_language": "english"},
        {"type": "transcription.segment", "start": 0, "end": 1.5, "text": " Yes.", "speaker_id": "a"},
        {"type": "transcription.done", "text": "Yes.", "segments": None, "duration": 2},
    )

    assert found == Transcription("Yes.", (Segment(0, 1.5, "Yes.", speaker="a"),), "en", 2.0)


def test_the_last_event_may_bring_the_segments() -> None:
    segments = [{"start": 0, "end": 1, "text": "Yes."}]

    _, found = streamed(
        {"type": "transcription.text.delta", "text": "Yes."},
        {"type": "transcription.done", "text": "Yes.", "language": "en", "segments": segments},
    )

    assert found == Transcription("Yes.", (Segment(0, 1, "Yes."),), "en")


def test_an_event_may_be_an_answer_of_its_own() -> None:
    _, found = streamed(
        {
            "text": "Yes.",
            "language": "en",
            "duration": 3,
            "segments": [{"start": 0, "end": 1, "text": " Yes."}],
        },
        {
            "text": "No.",
            "language": "en",
            "duration": 3,
            "segments": [{"start": 1, "end": 3, "text": " No."}],
        },
    )

    assert found == Transcription("Yes. No.", (Segment(0, 1, "Yes."), Segment(1, 3, "No.")), "en", 3)


def test_the_name_of_an_event_stands_in_for_its_type() -> None:
    stream = new_stream()

    pieces = list(
        stream.feed([("transcript.text.delta", '{"delta":"Yes."}'), ("transcript.text.done", "{}")])
    )

    assert (pieces, stream.has_ended, stream.finish().text) == (["Yes."], True, "Yes.")


@pytest.mark.parametrize(
    "bodies",
    [
        [{"type": "transcript.text.done", "text": ""}],
        [{"object": "transcription.chunk", "choices": [{"delta": {"content": ""}}]}, "[DONE]"],
        [{"type": "transcript.text.delta", "delta": "[BLANK_AUDIO]"}, "[DONE]"],
        ["[DONE]"],
    ],
)
def test_a_stream_of_silence_ends_well(bodies: list[Any]) -> None:
    assert streamed(*bodies)[1] == Transcription("")


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("message", '{"error": {"message": "It is too blue."}}'),
        ("message", '{"error": "It is too blue."}'),
        ("message", '{"type": "error", "message": "It is too blue."}'),
        ("message", '{"object": "error", "message": "It is too blue.", "code": 400}'),
        ("error", '{"message": "It is too blue."}'),
        ("error", "It is too blue."),
    ],
)
def test_an_error_in_mid_stream_carries_the_text_so_far(name: str, body: str) -> None:
    stream = new_stream()
    list(stream.feed(events({"type": "transcript.text.delta", "delta": " Well,"})))

    with pytest.raises(UpstreamResponseError) as raised:
        list(stream.feed([(name, body), *events("[DONE]")]))

    assert raised.value.message == "http://host broke off the transcript with an error: It is too blue."
    assert raised.value.partial_text == stream.partial_text == "Well,"


@pytest.mark.parametrize("bodies", [[], [" "], [{"type": "session.created"}]])
def test_a_stream_that_ends_at_once_is_an_error(bodies: list[Any]) -> None:
    assert stream_error(*bodies).message == "http://host ended its stream before the transcript began."


def test_an_event_of_another_kind_is_told_when_nothing_else_came() -> None:
    assert stream_error({"detail": "It is too blue."}).message.endswith("began: It is too blue.")


def test_an_end_that_may_be_a_lost_connection_is_an_error() -> None:
    error = stream_error({"text": "Well,"}, is_framed=False)

    assert error.message == "http://host broke off in the middle of the transcript."
    assert error.partial_text == "Well,"


@pytest.mark.parametrize(
    "body",
    [
        {"type": "transcript.text.delta", "delta": "Well,"},
        {"type": "transcription.text.segment", "start": 0, "end": 1, "text": "Well,"},
        {"choices": [{"delta": {"content": "Well,"}}]},
        {"choices": [{"delta": {"content": "Well,"}, "finish_reason": None}]},
    ],
)
def test_a_stream_that_ends_without_its_end_is_an_error(body: Any) -> None:
    error = stream_error(body)

    assert error.message == "http://host broke off in the middle of the transcript."
    assert error.partial_text == "Well,"


def test_a_part_of_a_long_recording_that_has_ended_is_not_the_end() -> None:
    first = {"choices": [{"delta": {"content": "Well,"}, "finish_reason": "stop"}]}

    error = stream_error(first, {"choices": [{"delta": {"content": " yes"}}]})

    assert error.partial_text == "Well, yes"


@pytest.mark.parametrize(("reasons", "cut_off"), [(["length", "stop"], True), (["stop", "stop"], False)])
def test_a_length_limit_in_any_part_is_told(reasons: list[str], cut_off: bool) -> None:
    parts = [{"choices": [{"delta": {"content": "A"}, "finish_reason": reason}]} for reason in reasons]

    assert streamed(*parts, "[DONE]")[1] == Transcription("AA", cut_off=cut_off)


def test_an_end_mark_is_an_end_even_when_the_connection_is_lost() -> None:
    stream = new_stream()
    list(stream.feed(events({"type": "transcript.text.done", "text": "Yes."})))

    assert stream.finish(is_framed=False).text == "Yes."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("well", "http://host sent an event that is no JSON object: well."),
        ("[1]", "http://host sent an event that is no JSON object: [1]."),
        ("null", "http://host sent an event that is no JSON object: null."),
        ({"type": "transcript.text.delta", "delta": 5}, "http://host sent a text that is no string but int."),
        ({"type": "transcript.text.done", "text": []}, "http://host sent a text that is no string but list."),
        ({"choices": [{"delta": {"content": {}}}]}, "http://host sent a text that is no string but dict."),
    ],
)
def test_an_event_that_makes_no_sense_is_an_error(body: Any, message: str) -> None:
    error = stream_error({"type": "transcript.text.delta", "delta": "Well,"}, body)

    assert (error.message, error.partial_text) == (message, "Well,")


def test_an_echoed_key_is_hidden() -> None:
    assert "hush" not in str(stream_error({"error": {"message": "Bad key sk-hush-4711"}}))


def test_an_event_that_is_too_large_for_its_decoder_is_an_error() -> None:
    stream = new_stream()
    decoder = EventDecoder(max_event_bytes=40)
    decoded = decoder.feed(b'data: {"text":"Well,"}\n\ndata: {"text":"' + b"x" * 40)

    with pytest.raises(UpstreamResponseError) as raised:
        list(stream.feed((event.event, event.data) for event in decoded))

    assert raised.value.message == "http://host sent an event of more than 40 bytes."
    assert raised.value.partial_text == "Well,"
