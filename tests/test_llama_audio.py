"""A real llama.cpp server, with and without audio, asked through the public functions.

Its audio projector has random weights: what it answers is gibberish, how it is asked is real.
"""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway import (
    GatewayConfig,
    UpstreamResponseError,
    analyze_audio,
    chat_completion,
    list_models,
    transcribe_audio,
)

# Gibberish ends only at the server's length limit.
pytestmark = pytest.mark.filterwarnings("ignore::ipy_gateway.IncompleteAnswerWarning")

# file ending -> what ffmpeg makes it of
AS_THEY_ARE = {"wav": ["-c:a", "pcm_s16le"], "mp3": ["-c:a", "libmp3lame"], "flac": ["-c:a", "flac"]}
NORMALIZED = {
    "m4a": ["-c:a", "aac"],
    "opus.ogg": ["-c:a", "libopus"],
    "webm": ["-c:a", "libopus"],
    "aiff": ["-c:a", "pcm_s16be"],
    "wma": ["-c:a", "wmav2"],
    "aac": ["-c:a", "aac"],
    "24bit.wav": ["-c:a", "pcm_s24le"],
    "float.wav": ["-c:a", "pcm_f32le"],
    "mulaw.wav": ["-c:a", "pcm_mulaw", "-ar", "8000"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("recordings")


def recording(interview: Path, folder: Path, ending: str, encoder: list[str]) -> bytes:
    target = folder / f"speech.{ending}"
    ffmpeg = imageio_ffmpeg.get_ffmpeg_exe()
    subprocess.run(
        [ffmpeg, "-loglevel", "error", "-y", "-t", "3", "-i", str(interview), *encoder, str(target)],
        check=True,
    )
    return target.read_bytes()


@pytest.mark.parametrize("ending", AS_THEY_ARE)
async def test_wav_mp3_and_flac_are_taken_as_they_are(
    audio_server: str, interview: Path, folder: Path, ending: str
) -> None:
    audio_bytes = recording(interview, folder, ending, AS_THEY_ARE[ending])
    config = GatewayConfig(audio_server, audio_preprocess_enabled=False)

    answer = await transcribe_audio(audio_bytes, config)

    assert isinstance(answer, str)


@pytest.mark.parametrize("ending", NORMALIZED)
async def test_everything_else_is_normalized_first(
    audio_server: str, interview: Path, folder: Path, ending: str
) -> None:
    audio_bytes = recording(interview, folder, ending, NORMALIZED[ending])

    answer = await transcribe_audio(audio_bytes, GatewayConfig(audio_server))

    assert isinstance(answer, str)


async def test_m4a_without_normalization_is_refused_by_the_server(audio_server: str, note: Path) -> None:
    config = GatewayConfig(audio_server, audio_preprocess_enabled=False)

    with pytest.raises(UpstreamResponseError) as caught:
        await transcribe_audio(note.read_bytes(), config)

    assert caught.value.status_code == 400


async def test_analysis_is_answered(audio_server: str, interview: Path, folder: Path) -> None:
    audio_bytes = recording(interview, folder, "wav", AS_THEY_ARE["wav"])

    assert isinstance(await analyze_audio(audio_bytes, "Who speaks?", GatewayConfig(audio_server)), str)


async def test_audio_and_text_go_to_their_own_servers(
    audio_server: str, text_server: str, interview: Path, folder: Path
) -> None:
    config = GatewayConfig(text_server, audio_base_url=audio_server, routing_mode="audio_text")
    audio_bytes = recording(interview, folder, "wav", AS_THEY_ARE["wav"])

    models = await list_models(config)
    text = await chat_completion([{"role": "user", "content": "Hello"}], config, max_tokens=4)

    assert models["data"][0]["id"] == "smollm2"
    assert text["model"] == "smollm2"
    assert isinstance(await transcribe_audio(audio_bytes, config), str)


async def test_a_server_without_audio_is_one_clear_sentence(text_server: str, tone: bytes) -> None:
    with pytest.raises(UpstreamResponseError) as caught:
        await transcribe_audio(tone, GatewayConfig(text_server))

    assert caught.value.status_code == 500
    assert "audio input is not supported" in caught.value.message
    assert "audio_base_url" in caught.value.hint


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_a_base_url_works_with_and_without_v1(text_server: str, ending: str) -> None:
    models = await list_models(GatewayConfig(text_server + ending))

    assert models["data"][0]["id"] == "smollm2"
