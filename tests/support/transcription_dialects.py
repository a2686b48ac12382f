"""What servers answer at /v1/audio/transcriptions when somebody says "Well, yes. No."."""

import json
from collections.abc import Iterable
from typing import Any

SAID = "Well, yes. No."

_SEGMENTS = [{"start": 0.0, "end": 1.5, "text": " Well, yes."}, {"start": 1.5, "end": 2.0, "text": " No."}]
_SRT = "1\n00:00:00,000 --> 00:00:01,500\nWell, yes.\n\n2\n00:00:01,500 --> 00:00:02,000\nNo.\n"
_VTT = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nWell, yes.\n\n00:00:01.500 --> 00:00:02.000\nNo.\n"
DONE = b"data: [DONE]\n\n"


def events(*bodies: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(body).encode() for body in bodies)


def _typed(prefix: str, field: str, texts: Iterable[str], **end: Any) -> bytes:
    deltas = [{"type": f"{prefix}.text.delta", field: text} for text in texts]
    return events(*deltas, end)


def _vllm(text: str, reason: str | None = None) -> Any:
    return {
        "object": "transcription.chunk",
        "choices": [{"delta": {"content": text}, "finish_reason": reason}],
    }


_OPENAI = _typed(
    "transcript", "delta", ["Well,", " yes.", " No."], type="transcript.text.done", text=SAID, usage={}
)
_LLAMA_END = {"type": "transcript.text.done", "text": f" {SAID}"}
_LLAMA = _typed("transcript", "delta", [" Well,", " yes. No."], **_LLAMA_END) + DONE

# Name: content type and body of an answer in one piece, whether or not a stream was asked for.
PLAIN: dict[str, tuple[str, bytes]] = {
    name: (media_type, body if isinstance(body, bytes) else json.dumps(body).encode())
    for name, media_type, body in [
        ("openai json", "application/json", {"text": SAID, "usage": {"type": "tokens"}}),
        ("openai text", "text/plain; charset=utf-8", f"{SAID}\n".encode()),
        ("openai srt", "text/plain; charset=utf-8", _SRT.encode()),
        ("openai vtt", "text/vtt", _VTT.encode()),
        ("openai verbose_json", "application/json", {"text": SAID, "duration": 2.0, "segments": _SEGMENTS}),
        (
            "openai diarized_json",
            "application/json",
            {"text": SAID, "segments": [{**segment, "speaker": "A"} for segment in _SEGMENTS]},
        ),
        ("llama.cpp", "application/json", {"type": "transcript.text.done", "text": f" {SAID}", "usage": {}}),
        (
            "vllm",
            "application/json",
            {"text": f" {SAID}", "usage": {"type": "duration", "seconds": 2}, "duration": "2.0"},
        ),
        ("speaches", "application/json; charset=utf-8", {"text": SAID}),
        ("whisper.cpp json", "application/json", {"text": " Well, yes.\n No.\n"}),
        ("whisper.cpp text", "text/html; charset=utf-8", b" Well, yes.\n No.\n"),
        ("whisper.cpp srt", "application/x-subrip", _SRT.encode()),
        ("groq", "application/json", {"text": f" {SAID}", "x_groq": {"id": "r"}}),
        (
            "mistral",
            "application/json",
            {"model": "voxtral", "text": SAID, "language": None, "segments": [], "usage": {}},
        ),
        ("litellm srt", "application/json", {"text": _SRT, "usage": None}),
        ("litellm stream", "application/json", {"text": _LLAMA.decode(), "usage": None}),
    ]
}

# Name: the events of a streamed answer.
STREAMED: dict[str, bytes] = {
    "openai": _OPENAI,
    "openai diarized": events(
        {"type": "transcript.text.delta", "delta": "Well, yes.", "segment_id": "1"},
        {"type": "transcript.text.segment", "id": "1", "speaker": "A", **_SEGMENTS[0]},
        {"type": "transcript.text.delta", "delta": " No.", "segment_id": "2"},
        {"type": "transcript.text.segment", "id": "2", "speaker": "B", **_SEGMENTS[1]},
        {"type": "transcript.text.done", "text": SAID},
    ),
    "llama.cpp": _LLAMA,
    "vllm": events(
        _vllm("Well,"), _vllm(" yes.", "stop"), _vllm(" No.", "stop"), {"choices": [], "usage": {}}
    )
    + DONE,
    "speaches": _typed(
        "transcript", "delta", ["Well, yes.", " No."], type="transcript.text.done", text="", logprobs=None
    ),
    "older speaches": events({"text": "Well, yes."}, {"text": "No."}),
    "mistral": events({"type": "transcription.language", "audio_language": "en"})
    + _typed("transcription", "text", ["Well, yes.", " No."], type="transcription.done", text=SAID),
}
