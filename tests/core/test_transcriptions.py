"""What to ask of /v1/audio/transcriptions, and what becomes of the answers of its many dialects."""

import contextlib
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import GatewayConfig, UpstreamResponseError
from ipy_gateway.core.sse import MAX_EVENT_BYTES
from ipy_gateway.core.transcribing.transcription_stream import TranscriptionStream
from ipy_gateway.core.transcribing.transcriptions import parse_transcription, transcription_fields
from ipy_gateway.core.transcripts.transcription import Segment, Transcription, Word

URL = "http://host"
CONFIG = GatewayConfig(URL, api_key="sk-hush-4711")
RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
JSON = "application/json"
SPOKEN = "had then leisure to consider how much there might be prudently in his power to do for them"


def answer(body: Any, media_type: str = JSON, status: int = 200, **headers: str) -> httpx.Response:
    content = (
        body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()
    )
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(
        status, content=content, headers={"Content-Type": media_type} | named if media_type else named
    )


def parsed(body: Any, media_type: str = JSON) -> Transcription:
    return parse_transcription(answer(body, media_type), URL, CONFIG)


def error_of(body: Any, media_type: str = JSON, status: int = 200) -> UpstreamResponseError:
    with pytest.raises(UpstreamResponseError) as raised:
        parse_transcription(answer(body, media_type, status), URL, CONFIG)
    assert raised.value.upstream == URL
    assert raised.value.status_code == status
    return raised.value


def words_of(text: str) -> str:
    return " ".join(re.findall(r"[a-z'-]+", text.lower()))


# The request


def test_nothing_unset_is_sent() -> None:
    assert transcription_fields() == {}
    assert transcription_fields(model="whisper-1", language="", prompt=None, words=False) == {
        "model": "whisper-1"
    }


def test_every_field_has_its_name_and_its_text() -> None:
    fields = transcription_fields(
        model="whisper-1",
        language="en",
        prompt="Dashwood",
        response_format="json",
        temperature=0.0,
        stream=True,
    )

    assert fields == {
        "model": "whisper-1",
        "language": "en",
        "prompt": "Dashwood",
        "response_format": "json",
        "temperature": "0",
        "stream": "true",
    }


def test_words_are_asked_for_with_segments_and_need_verbose_json() -> None:
    granularities = {"timestamp_granularities[]": ["word", "segment"]}

    assert transcription_fields(words=True) == {"response_format": "verbose_json", **granularities}
    assert transcription_fields(words=True, response_format="json") == {
        "response_format": "json",
        **granularities,
    }


def test_httpx_takes_the_fields_beside_a_file() -> None:
    fields = transcription_fields(model="m", words=True, temperature=0.25)

    form = httpx.Request("POST", URL, data=fields, files={"file": b"RIFF"}).read()

    assert form.count(b'name="timestamp_granularities[]"') == 2
    assert b"\r\n\r\n0.25\r\n" in form


# Plain answers


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ({"text": "Well, yes."}, JSON),
        ({"text": " Well, yes."}, "application/json; charset=utf-8"),
        ({"text": "Well, yes.", "usage": None, "language": None, "segments": None, "words": None}, JSON),
        ({"type": "transcript.text.done", "text": " Well, yes.", "usage": {"type": "tokens"}}, JSON),
        ({"text": "", "segments": [{"text": " Well,"}, {"text": " yes."}]}, JSON),
        ({"text": None, "segments": [{"text": "Well,"}, {"text": "yes."}]}, JSON),
        ({"text": "Well, yes.", "model": "voxtral", "language": None, "segments": [], "usage": {}}, JSON),
        ({"text": "Well, yes."}, "text/plain"),
        (b'\xef\xbb\xbf{"text": "Well, yes."}', JSON),
        ('"Well, yes."', JSON),
        ("Well, yes.", "text/plain"),
        ("Well, yes.\n", "text/plain; charset=utf-8"),
        (" Well,\n yes.\n", "text/html; charset=utf-8"),
        ({"text": " Well,\n yes.\n"}, JSON),
        ({"text": " We\nll, yes.\n"}, JSON),
        ("1\n00:00:00,000 --> 00:00:01,000\nWell, yes.\n", "application/x-subrip"),
        ("1\n00:00:00,000 --> 00:00:01,000\nWell, yes.\n", "text/plain"),
        (
            "1\n00:00:00,000 --> 00:00:00,500\n We\n\n2\n00:00:00,500 --> 00:00:01,000\nll, yes.\n\n",
            "text/srt",
        ),
        ("WEBVTT\n\n00:00.000 --> 00:01.000\nWell,\n\n00:01.000 --> 00:02.000\nyes.\n", "text/vtt"),
        ({"text": "1\n00:00:00,000 --> 00:00:01,000\nWell, yes.\n", "usage": None}, JSON),
        ({"text": "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\nWell, yes.\n", "usage": None}, JSON),
        ('"1\\n00:00:00,000 --> 00:00:01,000\\nWell, yes.\\n"', JSON),
        (
            'data: {"type":"transcript.text.done","text":"Well, yes."}\n\ndata: [DONE]\n\n',
            "text/event-stream",
        ),
        ('data: {"text":"Well,"}\r\n\r\ndata: {"text":"yes."}\r\n\r\n', "text/event-stream"),
        (
            {
                "text": 'data: {"type":"transcript.text.delta","delta":"Well,"}\n\n'
                'data: {"type":"transcript.text.delta","delta":" yes."}\n\ndata: [DONE]\n\n'
            },
            JSON,
        ),
        (
            ': ping\n\nevent: x\ndata: {"type":"transcript.text.done",\ndata: "text":"Well, yes."}',
            "text/plain",
        ),
    ],
)
def test_every_format_gives_the_same_text(body: Any, media_type: str) -> None:
    assert parsed(body, media_type).text == "Well, yes."


def test_verbose_json_gives_segments_and_words_with_times() -> None:
    found = parsed(
        {
            "task": "transcribe",
            "language": "en",
            "duration": "2.5",
            "text": "Well, yes. No.",
            "segments": [
                {"id": 0, "start": 0.0, "end": 1.5, "text": " Well, yes."},
                {"id": 1, "start": 1.5, "end": 2.5, "text": " No.", "speaker": None},
            ],
            "words": [
                {"word": "Well", "start": 0.1, "end": 0.5},
                {"word": "yes", "start": 0.9, "end": 1.55},
                {"word": "No", "start": 1.6, "end": 2.4},
            ],
        }
    )

    well, yes, no = Word(0.1, 0.5, "Well"), Word(0.9, 1.55, "yes"), Word(1.6, 2.4, "No")
    assert found == Transcription(
        "Well, yes. No.",
        (Segment(0.0, 1.5, "Well, yes.", (well, yes)), Segment(1.5, 2.5, "No.", (no,))),
        "en",
        2.5,
    )
    assert found.words == (well, yes, no)


def test_words_without_segments_make_one_segment() -> None:
    words = [{"word": "Well", "start": 0.1, "end": 0.5}, {"word": "yes", "start": 0.9, "end": 1.5}]

    (segment,) = parsed({"text": "Well, yes.", "words": words}).segments

    assert (segment.start_s, segment.end_s, segment.text) == (0.1, 1.5, "Well, yes.")
    assert [word.text for word in segment.words] == ["Well", "yes"]


def test_parts_of_words_are_put_together() -> None:
    parts = [" Mr", ".", " Dash", "wood", " ill", "-", "disposed"]
    words = [{"word": part, "start": at, "end": at + 1} for at, part in enumerate(parts)]

    (segment,) = parsed(
        {"text": "", "segments": [{"start": 0, "end": 7, "text": "x", "words": words}]}
    ).segments

    assert segment.words == (
        Word(0, 2, "Mr."),
        Word(2, 4, "Dashwood"),
        Word(4, 7, "ill-disposed"),
    )


def test_words_of_a_language_without_blanks_stay_apart() -> None:
    words = [{"word": part, "start": 0, "end": 1} for part in ["你", "好", " Anna", "吗"]]

    assert [word.text for word in parsed({"text": "你好 Anna吗", "words": words}).words] == [
        "你",
        "好",
        "Anna",
        "吗",
    ]


def test_segments_of_a_language_without_blanks_are_joined_without() -> None:
    segments = [{"start": 0, "end": 1, "text": "こんにちは。"}, {"start": 1, "end": 2, "text": "世界"}]

    assert parsed({"text": None, "segments": segments}).text == "こんにちは。世界"


@pytest.mark.parametrize(
    ("field", "value", "speaker"),
    [
        ("speaker", "A", "A"),
        ("speaker_id", "speaker_1", "speaker_1"),
        ("speaker", 0, "0"),
        ("speaker", " ", None),
    ],
)
def test_diarized_segments_name_their_speaker(field: str, value: Any, speaker: str | None) -> None:
    segments = [
        {"type": "transcript.text.segment", "id": "s1", "start": 0, "end": 1, "text": "Yes.", field: value},
        {"type": "transcript.text.segment", "id": "s2", "start": 1, "end": 1, "text": ""},
    ]

    found = parsed({"task": "transcribe", "duration": 1, "text": "Yes.", "segments": segments})

    assert found.segments == (Segment(0, 1, "Yes.", speaker=speaker),)


@pytest.mark.parametrize(
    ("name", "code"), [("english", "en"), ("Kling\ud83don", "Kling\ufffdon"), (" ", None), (7, None)]
)
def test_a_language_is_its_code(name: Any, code: str | None) -> None:
    assert parsed({"text": "x", "language": name}).language == code


@pytest.mark.parametrize("wrong", [None, "abc", True, -1, "nan", "1e999", [], {}, 10**400])
def test_a_number_that_is_none_is_left_out(wrong: Any) -> None:
    segments = [{"start": 1, "end": 2, "text": "A"}, {"start": wrong, "end": wrong, "text": "B"}]

    found = parsed({"text": "A B", "duration": wrong, "segments": segments})

    assert found.duration_s is None
    assert found.segments == (Segment(1, 2, "A"), Segment(2, 2, "B"))


def test_segments_without_any_time_are_text_alone() -> None:
    assert parsed({"segments": [{"text": "A"}, {"text": "B"}]}) == Transcription("A B")


def test_an_end_before_the_start_is_moved() -> None:
    assert parsed({"text": "A", "segments": [{"start": 2, "end": 1, "text": "A"}]}).segments == (
        Segment(2, 2, "A"),
    )


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ({"text": ""}, JSON),
        ({"text": "", "segments": None, "words": None, "duration": 0.0}, JSON),
        ({"text": "\n"}, JSON),
        ('""', JSON),
        ("", "text/plain"),
        ("\n", "text/plain; charset=utf-8"),
        ("", "application/x-subrip"),
        ("", "text/vtt"),
        ("WEBVTT\n\n", "text/vtt"),
        ({"text": " [BLANK_AUDIO]\n"}, JSON),
        (" [BLANK_AUDIO]\n", "text/html"),
        ("1\n00:00:00,000 --> 00:00:01,000\n [BLANK_AUDIO]\n\n", "application/x-subrip"),
        ({"text": "[ Silence ]", "segments": [{"start": 0, "end": 1, "text": "[ Silence ]"}]}, JSON),
        ({"text": "(silence) (silence)"}, JSON),
        ({"text": "[無音]"}, JSON),
    ],
)
def test_silence_is_an_empty_text(body: Any, media_type: str) -> None:
    found = parsed(body, media_type)

    assert (found.text, found.segments) == ("", ())


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Yes. [BLANK_AUDIO] No.", "Yes. No."),
        ("Yes. [ blank audio ]", "Yes."),
        (" [ Silence ]\n Yes.\n [BLANK_AUDIO]\n", "Yes."),
        ("She paused. (silence) Then she spoke.", "She paused. (silence) Then she spoke."),
        ("[MUSIC]", "[MUSIC]"),
        ("[inaudible]", "[inaudible]"),
        ("One.\n\nTwo.", "One.\n\nTwo."),
        ("half \ud83d a pair", "half \ufffd a pair"),
        ("a < b & c &amp; d", "a < b & c &amp; d"),
        ("<|en|> Yes.", "<|en|> Yes."),
    ],
)
def test_only_marks_of_silence_are_taken_out(text: str, cleaned: str) -> None:
    assert parsed({"text": text}).text == cleaned


# Answers that are none


@pytest.mark.parametrize(
    ("body", "media_type", "message"),
    [
        ("<!DOCTYPE html><title>Welcome</title>", "text/html", 'not JSON: an HTML page titled "Welcome".'),
        ("<html><body>Hi", "text/plain", "not JSON: an HTML page."),
        ("<p>Please log in", "text/html", "not JSON: an HTML page."),
        ("", "text/html", "not JSON."),
        ("", JSON, "not JSON."),
        ("", "", "not JSON."),
        ("Well", JSON, "not JSON: Well."),
        ("Well", "", "not JSON: Well."),
        ("Well", "application/octet-stream", "not JSON: Well."),
        ('{"text": "We', JSON, "not JSON."),
        ("[]", JSON, "not a JSON object."),
        ("5", JSON, "not a JSON object: 5."),
        ({}, JSON, "without a transcript."),
        ({"text": None}, JSON, "without a transcript."),
        ({"text": 5}, JSON, "without a transcript."),
        ({"text": ["Well"]}, JSON, "without a transcript."),
        ({"segments": [None, {"text": 5}]}, JSON, "without a transcript."),
        ({"detail": "It is too blue."}, JSON, "without a transcript: It is too blue."),
        ({"error": "It is too blue."}, JSON, "with an error: It is too blue."),
        ({"error": {"message": "It is too blue."}}, "text/plain", "with an error: It is too blue."),
    ],
)
def test_an_answer_that_is_no_transcription_is_an_error(body: Any, media_type: str, message: str) -> None:
    found = error_of(body, media_type).message

    assert found.startswith("http://host answered with")
    assert found.endswith(message)


@pytest.mark.parametrize(
    "body", [{"text": "Not this."}, "Not this.", "WEBVTT\n\n00:00.000 --> 00:01.000\nNo\n"]
)
def test_an_error_status_is_an_error_whatever_comes_with_it(body: Any) -> None:
    assert error_of(body, "text/plain", 500).message.startswith(
        "http://host answered 500 Internal Server Error"
    )


def test_a_text_in_another_alphabet_of_bytes_is_read_as_far_as_it_goes() -> None:
    assert parsed(b"Gr\xfc\xdfe", "text/plain; charset=hex").text == "Gr\ufffd\ufffde"


def test_an_echoed_key_is_hidden() -> None:
    assert "hush" not in str(error_of({"detail": "Bad key sk-hush-4711"}))


# Bodies of events


@pytest.mark.parametrize("body", ["", "Well", {"text": "Well"}, "<html>"])
def test_a_body_of_events_has_nothing_else_in_it(body: Any) -> None:
    message = error_of(body, "text/event-stream").message

    assert message == f"{URL} ended its stream before the transcript began."


def test_the_end_of_a_body_ends_its_last_event_even_in_the_middle() -> None:
    body = 'data: {"type":"transcript.text.delta","delta":"Well,"}\n\ndata: {"type":"transc'

    error = error_of(body, "text/event-stream")

    assert error.message == f'{URL} sent an event that is no JSON object: {{"type":"transc.'
    assert error.partial_text == "Well,"


def test_an_event_that_is_too_large_is_an_error_with_the_text_so_far() -> None:
    body = b'data: {"text":"Well,"}\n\ndata: ' + b"x" * MAX_EVENT_BYTES

    error = error_of(body, "text/event-stream")

    assert error.message == f"{URL} sent an event of more than 8,388,608 bytes."
    assert error.partial_text == "Well,"


def test_what_comes_after_the_end_may_be_too_large() -> None:
    body = b'data: {"text":"Yes."}\n\ndata: [DONE]\n\ndata: ' + b"x" * MAX_EVENT_BYTES

    assert parsed(body, "text/event-stream").text == "Yes."


def test_half_a_character_in_events_within_json_does_no_harm() -> None:
    assert parsed({"text": 'data: {"text":"Yes \ud83d."}\n\n'}).text == "Yes \ufffd."


# Whatever comes


@pytest.mark.parametrize(
    "text", [" " * 300_000, "\n" * 300_000, "<v " * 20_000, "1\n" * 100_000, ":x\n" * 100_000, "[ (" * 50_000]
)
def test_a_hostile_text_takes_linear_time(text: str) -> None:
    started = time.perf_counter()

    parsed(text + "x", "text/plain")
    parsed("WEBVTT\n\n00:01.000 --> 00:02.000\n" + text, "text/vtt")

    assert time.perf_counter() - started < 5


WRONG = [None, True, 0, -1.5, 10**30, "", "x", "\ud800", "nan", [], [None], {}, {"x": 1}, [["x"]]]
SAMPLES = [
    {
        "text": " A b",
        "language": "en",
        "duration": 2,
        "words": [{"word": "A", "start": 0, "end": 1}],
        "segments": [
            {
                "start": 0,
                "end": 1,
                "text": " A",
                "speaker": "x",
                "words": [{"word": "A", "start": 0, "end": 1}],
            }
        ],
    },
    {"type": "transcript.text.done", "text": "A", "usage": {"seconds": 1}},
    {"type": "transcript.text.delta", "delta": "A"},
    {"type": "transcript.text.segment", "start": 0, "end": 1, "text": "A", "speaker": "x"},
    {"type": "transcription.language", "audio_language": "en"},
    {"object": "transcription.chunk", "choices": [{"delta": {"content": "A"}, "finish_reason": None}]},
    {"type": "error", "error": {"message": "A", "code": 1}},
]


def spoilt(value: Any, chance: random.Random) -> Any:
    if chance.random() < 0.15:
        return chance.choice(WRONG)
    if isinstance(value, dict):
        return {key: spoilt(part, chance) for key, part in value.items() if chance.random() > 0.05}
    return [spoilt(part, chance) for part in value] if isinstance(value, list) else value


def survives(body: Any, media_type: str) -> None:
    with contextlib.suppress(UpstreamResponseError):
        found = parsed(body, media_type)
        for text in (found.text, found.language or "", *(s.text + (s.speaker or "") for s in found.segments)):
            text.encode()
        times = [(part.start_s, part.end_s) for part in found.segments]
        times += [(part.start_s, part.end_s) for part in found.words]
        assert all(0 <= start_s <= end_s for start_s, end_s in times)


@pytest.mark.parametrize("seed", range(40))
def test_wrong_types_raise_nothing_but_our_error(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        bodies = [json.dumps(spoilt(sample, chance)) for sample in chance.choices(SAMPLES, k=4)]
        survives(bodies[0], JSON)
        survives("".join(f"data: {body}\n\n" for body in bodies), "text/event-stream")
        survives({"text": "".join(f"data: {body}\n\n" for body in bodies)}, JSON)


@pytest.mark.parametrize("seed", range(20))
def test_random_bytes_raise_nothing_but_our_error(seed: int) -> None:
    chance = random.Random(seed)
    alphabet = [
        b"WEBVTT",
        b"00:01.000 --> ",
        b"00:02,000",
        b"\n",
        b"\r",
        b"1",
        b"NOTE",
        b"data: ",
        b"{",
        b"}",
    ]
    alphabet += [
        b"[DONE]",
        b'"text":',
        b'"a"',
        b"<v x>",
        b"&lt;",
        b"\xff",
        "無".encode(),
        b"<",
        b">",
        b":",
        b" ",
    ]
    alphabet += [b"[BLANK_AUDIO]"]
    for media_type in ("text/plain", "text/vtt", "text/html", JSON, "text/event-stream", ""):
        for _ in range(30):
            survives(b"".join(chance.choices(alphabet, k=chance.randrange(1, 30))), media_type)


@pytest.mark.parametrize("depth", [100, 900, 990, 20_000])
@pytest.mark.parametrize("key", ["text", "type", "segments", "error", "choices"])
def test_a_deeply_nested_answer_does_no_harm(depth: int, key: str) -> None:
    body = json.dumps({key: 0}).replace("0", "[" * depth + "]" * depth)

    survives(body, JSON)
    survives(f"data: {body}\n\n", "text/event-stream")


# What real servers answered


def recorded() -> list[Any]:
    paths = sorted(RECORDINGS.glob("*.json"))
    return [
        pytest.param(record["response"], id=f"{path.stem}-{record['case']}")
        for path in paths
        for record in json.loads(path.read_text())["records"]
        if record["case"].startswith("asr.") and isinstance(record.get("response"), dict)
        if "status" in record["response"]
    ]


def replayed(record: dict[str, Any]) -> httpx.Response:
    body = record.get("body")
    if body is None:
        body = "".join(text for _, text in record.get("reads", []))
    return answer(body, record["headers"].get("content-type", ""), record["status"])


def heard_in(body: str) -> str:
    """The text in a llama.cpp server's answer: its JSON, or the last event but one, maybe within JSON."""
    text: str = json.loads(body)["text"] if body.startswith("{") else body
    return heard_in(text.split("data: ")[-2]) if text.startswith("data: ") else text


RECORDED = recorded()
FAILED = [case for case in RECORDED if case.values[0]["status"] >= 400]
HEARD = [case for case in RECORDED if case.values[0]["status"] < 400]
GIBBERISH = [case for case in HEARD if "llama" in case.id]  # models with random weights
SILENT = [case for case in HEARD if "silence" in case.id and case not in GIBBERISH]
CUT = [case for case in HEARD if case.id.endswith("truncated") and case not in GIBBERISH]
STREAMED = [case for case in GIBBERISH if case.values[0]["headers"]["content-type"] == "text/event-stream"]
SPOKEN_CASES = [case for case in HEARD if case not in [*GIBBERISH, *SILENT, *CUT]]


def test_the_recordings_are_there() -> None:
    if not RECORDINGS.is_dir():
        pytest.skip("the recordings of real servers are not beside this checkout (../shared/recordings)")
    assert min(len(FAILED), len(GIBBERISH), len(SILENT), len(CUT), len(SPOKEN_CASES)) > 2


@pytest.mark.parametrize("record", SPOKEN_CASES)
def test_a_recorded_answer_gives_what_was_said(record: Any) -> None:
    found = parse_transcription(replayed(record), URL, CONFIG)

    spoken = words_of(found.text)
    assert SPOKEN in spoken
    assert "\n" not in found.text
    assert not found.segments or words_of(" ".join(s.text for s in found.segments)).replace(
        " ", ""
    ) == spoken.replace(" ", "")
    assert not found.words or words_of(" ".join(word.text for word in found.words)) == spoken


@pytest.mark.parametrize("record", CUT)
def test_a_recorded_answer_to_a_cut_recording_gives_its_start(record: Any) -> None:
    found = parse_transcription(replayed(record), URL, CONFIG)

    assert words_of(found.text).startswith("and mr john dashwood had then leisure to cons")


@pytest.mark.parametrize("record", SILENT)
def test_a_recorded_answer_to_silence_is_empty(record: Any) -> None:
    found = parse_transcription(replayed(record), URL, CONFIG)

    assert (found.text, found.segments) == ("", ())


@pytest.mark.parametrize("record", GIBBERISH)
def test_a_recorded_answer_of_a_random_model_loses_nothing(record: Any) -> None:
    found = parse_transcription(replayed(record), URL, CONFIG)

    assert found.text == heard_in(replayed(record).text).strip()
    assert len(found.text) > 100


@pytest.mark.parametrize("record", STREAMED)
def test_a_recorded_stream_gives_its_text_piece_by_piece(record: Any) -> None:
    reads = [read for _, read in record["reads"] if read.startswith("data: ")]  # the record leaves some out
    datas = [read.removeprefix("data: ").strip() for read in reads]

    stream = TranscriptionStream(httpx.Response(200), URL, CONFIG)
    pieces = list(stream.feed(("message", data) for data in datas))
    found = stream.finish()

    assert len(pieces) == len(datas) - 2  # the text again, and [DONE]
    assert found.text == json.loads(datas[-2])["text"].strip()


@pytest.mark.parametrize("record", FAILED)
def test_a_recorded_failure_is_one_sentence(record: Any) -> None:
    with pytest.raises(UpstreamResponseError) as raised:
        parse_transcription(replayed(record), URL, CONFIG)

    assert raised.value.message.startswith(f"{URL} answered {record['status']} ")
    assert "\n" not in raised.value.message
    assert len(raised.value.message) < 320
