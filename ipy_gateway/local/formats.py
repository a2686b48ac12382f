"""Transcripts in the formats of /v1/audio/transcriptions."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from .event_streams import event
from .speech import Speech, SpeechSegment

FORMATS = ("json", "text", "srt", "vtt", "verbose_json")
STREAMED = ("json", "text")  # the others ask for times, of which the events say nothing


def plain_text(segments: Sequence[SpeechSegment]) -> str:
    """All that is said, on one line."""
    return "".join(segment.raw.text for segment in segments).strip()


async def transcript_events(texts: AsyncIterator[str]) -> AsyncIterator[bytes]:
    """OpenAI's events of a streamed transcription: https://platform.openai.com/docs/api-reference/audio."""
    said = ""
    async for text in texts:
        piece = text if said else text.lstrip()
        said += piece
        yield event({"type": "transcript.text.delta", "delta": piece})
    yield event({"type": "transcript.text.done", "text": said.strip()})


def srt(segments: Sequence[SpeechSegment]) -> str:
    """SubRip subtitles: https://wiki.videolan.org/SubRip."""
    cues = [
        f"{number}\n{_times(segment, ',')}\n{segment.raw.text.strip()}\n"
        for number, segment in enumerate(segments, 1)
    ]
    return "\n".join(cues)


def vtt(segments: Sequence[SpeechSegment]) -> str:
    """WebVTT subtitles: https://www.w3.org/TR/webvtt1."""
    cues = [f"{_times(segment, '.')}\n{_cue_text(segment)}\n" for segment in segments]
    return "\n".join(["WEBVTT\n", *cues])


def verbose_json(speech: Speech, *, words: bool) -> dict[str, Any]:
    """OpenAI's verbose_json: text, language, duration in seconds, segments, and words where asked for."""
    segments = speech.segments
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": speech.language,
        "duration": speech.duration_s,
        "text": plain_text(segments),
        "segments": [_segment_json(number, segment.raw) for number, segment in enumerate(segments)],
    }
    if words:
        answer["words"] = [_word_json(word) for segment in segments for word in segment.raw.words or ()]
    return answer


def _segment_json(number: int, raw: Any) -> dict[str, Any]:
    return {
        "id": number,
        "seek": raw.seek,
        "start": raw.start,
        "end": raw.end,
        "text": raw.text,
        "tokens": list(raw.tokens),
        "temperature": raw.temperature,
        "avg_logprob": raw.avg_logprob,
        "compression_ratio": raw.compression_ratio,
        "no_speech_prob": raw.no_speech_prob,
    }


def _word_json(word: Any) -> dict[str, Any]:
    return {"word": word.word, "start": float(word.start), "end": float(word.end)}


def _cue_text(segment: SpeechSegment) -> str:
    """In WebVTT a cue's text is markup."""
    text: str = segment.raw.text.strip()
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _times(segment: SpeechSegment, decimal_mark: str) -> str:
    return f"{_clock(segment.raw.start, decimal_mark)} --> {_clock(segment.raw.end, decimal_mark)}"


def _clock(seconds: float, decimal_mark: str) -> str:
    milliseconds = round(seconds * 1000)
    hours, rest = divmod(milliseconds, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{decimal_mark}{rest % 1000:03}"
