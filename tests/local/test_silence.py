"""Nobody speaks, or there is nothing to hear: that is said, and nothing is made up."""

import base64
import io
import json
import wave
from array import array
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import AudioProcessingError, GatewayConfig, analyze_audio, transcribe_audio
from ipy_gateway.local import decoding

CHAT = "local://engine/v1/chat/completions"
TRANSCRIPTIONS = "local://engine/v1/audio/transcriptions"


def wav(samples: bytes) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes(samples)
    return target.getvalue()


SILENCE = wav(bytes(2 * 16_000 * 12))


def spoken(data: bytes) -> dict[str, Any]:
    encoded = base64.b64encode(data).decode()
    return {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": encoded}}]}


@pytest.mark.parametrize("is_silent", [True, False], ids=["silence", "a tone"])
async def test_a_transcript_of_no_speech_is_empty(tone: bytes, is_silent: bool) -> None:
    assert await transcribe_audio(SILENCE if is_silent else tone, GatewayConfig()) == ""


async def test_speech_after_a_long_silence_is_heard(note: Path, interview: Path) -> None:
    with wave.open(str(interview)) as source:
        speech = source.readframes(5 * 16_000)

    text = await transcribe_audio(wav(bytes(2 * 16_000 * 25) + speech), GatewayConfig())

    assert len(text.split()) > 5


async def test_very_quiet_speech_is_heard(interview: Path) -> None:
    with wave.open(str(interview)) as source:
        samples = array("h", source.readframes(10 * 16_000))
    quiet = array("h", (sample // 1000 for sample in samples))

    assert len((await transcribe_audio(wav(quiet.tobytes()), GatewayConfig())).split()) > 5


async def test_an_analysis_of_silence_says_so_and_asks_no_model() -> None:
    answer = await analyze_audio(SILENCE, "Give three quotes.", GatewayConfig())

    assert answer == "No speech was found in the recording."


async def test_an_analysis_of_silence_streams_too(client: httpx.AsyncClient) -> None:
    body = {"model": "smollm2-135m-instruct", "stream": True, "messages": [spoken(SILENCE)]}

    answer = await client.post(CHAT, json=body)

    assert "No speech was found in the recording." in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


async def test_a_recording_without_speech_has_its_length_and_language(client: httpx.AsyncClient) -> None:
    fields = {"response_format": "verbose_json"}

    answer = (await client.post(TRANSCRIPTIONS, data=fields, files={"file": SILENCE})).json()

    assert (answer["text"], answer["segments"]) == ("", [])
    assert (answer["duration"], answer["language"]) == (12.0, "en")


async def test_a_question_after_a_silent_recording_is_answered(client: httpx.AsyncClient) -> None:
    question = {"role": "user", "content": "Name three colours."}
    body = {"model": "smollm2-135m-instruct", "max_tokens": 20, "messages": [spoken(SILENCE), question]}

    answer = (await client.post(CHAT, json=body)).json()

    assert "No speech was found" not in json.dumps(answer)


async def test_a_video_without_sound_is_one_sentence() -> None:
    with pytest.raises(AudioProcessingError, match="video without sound"):
        await transcribe_audio(video(), GatewayConfig(audio_preprocess_enabled=False))


async def test_a_recording_that_is_cut_off_is_one_sentence(note: Path) -> None:
    cut = note.read_bytes()[:3000]

    with pytest.raises(AudioProcessingError, match="m4a recording can't be read: Invalid data") as caught:
        await transcribe_audio(cut, GatewayConfig(audio_preprocess_enabled=False))

    assert "Errno" not in caught.value.message
    assert "none" not in caught.value.message


async def test_the_route_for_transcriptions_raises_it_too(client: httpx.AsyncClient) -> None:
    with pytest.raises(AudioProcessingError, match="plain text, not sound"):
        await client.post(TRANSCRIPTIONS, files={"file": b"ABC"})


async def test_a_recording_beyond_the_limit_is_refused_without_decoding_the_rest(
    interview: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_DURATION_S", 5.0)

    with pytest.raises(AudioProcessingError, match="hours long") as caught:
        await transcribe_audio(interview.read_bytes(), GatewayConfig())

    assert caught.value.error_type == "audio_too_large"


def video() -> bytes:
    """One second of black, without sound."""
    import av

    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(10):
            file.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        file.mux(stream.encode(None))
    return target.getvalue()
