"""Recordings of any length: every word once, whatever is cut where, and whatever fails on the way."""

import asyncio
import io
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway import (
    AudioProcessingError,
    GatewayConfig,
    IncompleteAnswerWarning,
    InvalidRequestError,
    TranscriptionProgress,
    UpstreamResponseError,
    UpstreamUnreachableError,
    transcribe,
)
from ipy_gateway.core.recordings.wav import plain_header
from ipy_gateway.core.transcribing.window_run import GIVE_UP_AFTER

from ..support.fault_server import Answer, answer
from ..support.hearing_server import Dialect, Ear, hearing_server
from ..support.tones import RATE_HZ, spoken, wav, word

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
BROKEN = answer(500, body={"error": {"message": "CUDA error"}})


def config_for(url: str, ear: Ear, **settings: object) -> GatewayConfig:
    api = "chat" if ear.dialect == "chat" else "transcriptions"
    return GatewayConfig(url, **{"audio_api": api, "max_retries": 0, "window_s": 30, **settings})  # type: ignore[arg-type]  # names and values fit


def encoded(samples: bytes, container: str) -> bytes:
    if container == "wav":
        return wav(samples)
    command = [FFMPEG, "-v", "error", "-f", "wav", "-i", "-", "-f", container, "-"]
    return subprocess.run(command, input=wav(samples), stdout=subprocess.PIPE, check=True).stdout


def texts_of(numbers: object) -> list[str]:
    return [word(number) for number in numbers]  # type: ignore[attr-defined]  # any iterable of numbers


def speech_with_random_pauses(count: int) -> tuple[list[str], bytes]:
    choose = random.Random(7)
    numbers = [choose.randrange(40) for _ in range(count)]
    pauses = [
        bytes(2 * int(choose.uniform(0.05, 1.5) * RATE_HZ)) if choose.random() < 0.1 else b"" for _ in numbers
    ]
    return texts_of(numbers), b"".join(spoken([n]) + pause for n, pause in zip(numbers, pauses, strict=True))


# Every word once


@pytest.mark.parametrize("dialect", ["words", "segments", "json", "chat"])
@pytest.mark.parametrize("pause_s", [0.5, 0.0])
@pytest.mark.parametrize("repeated", [1, 4])
async def test_every_word_is_there_once_with_pauses_and_without(
    dialect: Dialect, pause_s: float, repeated: int
) -> None:
    numbers = [place // repeated for place in range(400)]
    ear = Ear(dialect)

    with hearing_server(ear) as server:
        recording = wav(spoken(numbers, pause_s=pause_s, pause_every=5))
        transcript = await transcribe(recording, config_for(server.url, ear))

    assert transcript.text.split() == texts_of(numbers)
    assert " ".join(segment.text for segment in transcript.segments).split() == texts_of(numbers)
    assert max(ear.windows_s) <= 30
    assert transcript.gaps == ()


async def test_an_hour_of_speech_with_random_pauses_is_there_word_for_word() -> None:
    words, samples = speech_with_random_pauses(7500)
    ear = Ear("json")

    with hearing_server(ear) as server:
        transcript = await transcribe(wav(samples), config_for(server.url, ear, window_s=None))

    assert transcript.text.split() == words
    assert transcript.duration_s == pytest.approx(len(samples) / 2 / RATE_HZ)
    assert len(samples) > 3500 * 2 * RATE_HZ
    assert max(ear.windows_s) <= 60


async def test_times_are_those_of_the_recording() -> None:
    numbers = range(300)
    ear = Ear("words")

    with hearing_server(ear) as server:
        recording = wav(spoken(numbers))
        transcript = await transcribe(recording, config_for(server.url, ear), words=True)

    words = transcript.words
    ends_s = [len(spoken(range(count))) / 2 / RATE_HZ for count in range(1, 301)]
    assert [word.text for word in words] == texts_of(numbers)
    assert [word.end_s for word in words] == pytest.approx(ends_s, abs=0.01)


async def test_without_times_each_sentence_is_a_segment_within_its_window() -> None:
    ear = Ear("json")

    with hearing_server(ear) as server:
        recording = wav(spoken(range(150), pause_s=0.6, pause_every=10))
        transcript = await transcribe(recording, config_for(server.url, ear))

    starts_s = [segment.start_s for segment in transcript.segments]
    assert len(starts_s) == len(ear.windows_s)
    assert starts_s == sorted(starts_s)
    assert transcript.segments[-1].end_s == transcript.duration_s


# What is asked


async def test_times_are_asked_for_until_they_are_refused() -> None:
    ear = Ear("json")

    with hearing_server(ear) as server:
        recording = wav(spoken(range(150)))
        await transcribe(recording, config_for(server.url, ear, max_requests=1), again=True)

    assert ear.formats[:2] == ["verbose_json", None]
    assert set(ear.formats[2:]) == {None}


async def test_language_and_prompt_and_words_go_to_the_endpoint() -> None:
    ear = Ear("words")

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, audio_model="whisper-1")
        await transcribe(wav(spoken(range(5))), config, language="de", prompt="Ada", words=True)

    assert ear.fields[0]["language"] == "de"
    assert ear.fields[0]["prompt"] == "Ada"
    assert ear.fields[0]["model"] == "whisper-1"
    assert ear.fields[0]["timestamp_granularities[]"] in ("word", "segment")


async def test_a_way_that_is_not_known_is_found_out_with_a_short_window() -> None:
    ear = Ear("segments")

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, audio_api="auto", window_s=None)
        await transcribe(wav(spoken(range(800))), config)

    assert [request.target for request in server.requests[:2]] == [
        "/v1/chat/completions",
        "/v1/audio/transcriptions",
    ]
    assert len([request for request in server.requests if "chat" in request.target]) == 1
    assert ear.windows_s[0] <= 30
    assert ear.windows_s[1] > 40


async def test_no_more_windows_are_under_way_than_the_server_takes() -> None:
    ear = Ear("segments", delay_s=0.02)

    with hearing_server(ear) as server:
        await transcribe(wav(spoken(range(600))), config_for(server.url, ear, max_requests=3))

    assert server.opened <= 3
    assert len(ear.windows_s) > 6


async def test_as_many_windows_are_under_way_as_the_server_takes() -> None:
    ear = Ear("segments", delay_s=0.5)

    with hearing_server(ear) as server:
        await transcribe(wav(spoken(range(600))), config_for(server.url, ear, max_requests=4))

    assert server.most_at_once == 4


# What fails


async def test_a_window_that_is_too_large_is_halved_until_it_is_taken() -> None:
    numbers = range(400)
    ear = Ear("segments", longest_s=20)

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, window_s=60, max_requests=1)
        transcript = await transcribe(wav(spoken(numbers)), config)

    refused = [length_s for length_s in ear.windows_s if length_s > 20]
    assert transcript.text.split() == texts_of(numbers)
    assert len(refused) == 2  # of 60 s, then of 30 s: what is as long is halved unasked


async def test_a_text_that_was_cut_off_is_asked_for_in_halves() -> None:
    ear = Ear("chat")
    body = {"choices": [{"message": {"content": "w0 w1"}, "finish_reason": "length"}]}
    ear.refusal = lambda number: answer(body=body) if number == 0 else None

    with hearing_server(ear) as server:
        transcript = await transcribe(wav(spoken(range(60))), config_for(server.url, ear))

    assert transcript.text.split() == texts_of(range(60))
    assert not transcript.cut_off
    assert len(ear.windows_s) == 3


async def test_a_window_that_fails_is_a_gap_and_the_next_call_fills_it() -> None:
    numbers = range(1000)
    ear = Ear("segments", refusal=lambda number: BROKEN if number % 20 == 3 else None)
    recording = wav(spoken(numbers, pause_s=0.6, pause_every=4))

    with hearing_server(ear) as server:
        config = config_for(server.url, ear)
        with pytest.warns(
            IncompleteAnswerWarning, match=r"could not be transcribed: \[gap from .* CUDA error"
        ):
            broken = await transcribe(recording, config)
        asked_before = len(ear.windows_s)
        ear.refusal = lambda _: None
        whole = await transcribe(recording, config)

    assert len(broken.gaps) == len([n for n in range(asked_before) if n % 20 == 3])
    assert all(20 < gap.end_s - gap.start_s <= 30 for gap in broken.gaps)
    assert set(broken.text.split()) <= set(whole.text.split())
    assert whole.text.split() == texts_of(numbers)
    assert len(ear.windows_s) - asked_before == len(broken.gaps)


async def test_a_failed_window_is_tried_again_before_it_is_a_gap() -> None:
    busy = answer(503, body={"error": {"message": "busy"}}, headers={"Retry-After": "0"})
    ear = Ear("segments", refusal=lambda number: busy if number == 1 else None)

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, max_retries=1)
        transcript = await transcribe(wav(spoken(range(200))), config)

    assert transcript.text.split() == texts_of(range(200))


async def test_where_everything_fails_the_first_error_is_raised() -> None:
    ear = Ear("segments", refusal=lambda _: BROKEN)

    with hearing_server(ear) as server, pytest.raises(UpstreamResponseError, match="CUDA error"):
        await transcribe(wav(spoken(range(200))), config_for(server.url, ear))


@pytest.mark.parametrize("status", [401, 404])
async def test_what_every_window_would_be_answered_is_raised_at_once(status: int) -> None:
    refused: Answer = answer(status, body={"error": {"message": "Not for you."}})
    ear = Ear("segments", refusal=lambda _: refused)

    with hearing_server(ear) as server, pytest.raises(UpstreamResponseError, match="Not for you"):
        await transcribe(wav(spoken(range(1000))), config_for(server.url, ear, max_requests=1))

    assert len(ear.windows_s) == 1


@pytest.mark.parametrize("container", ["wav", "flac"])
async def test_no_server_is_told_at_once(container: str) -> None:
    config = GatewayConfig("http://127.0.0.1:9", audio_api="transcriptions")

    with pytest.raises(UpstreamUnreachableError, match="No server answers"):
        await transcribe(encoded(spoken(range(1000)), container), config)


async def test_a_server_that_is_gone_for_good_is_not_asked_about_every_window() -> None:
    ear = Ear("segments", refusal=lambda number: BROKEN if number > 2 else None)

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, max_requests=1)
        with pytest.warns(IncompleteAnswerWarning, match="1 part") as caught:
            transcript = await transcribe(wav(spoken(range(1500))), config)

    (gap,) = transcript.gaps
    assert caught[0].filename == __file__
    assert len(ear.windows_s) == 3 + GIVE_UP_AFTER
    assert gap.end_s == transcript.duration_s


# Asked once


async def test_what_was_heard_is_not_asked_for_again() -> None:
    ear = Ear("words", longest_s=20)
    recording = wav(spoken(range(200)))

    with hearing_server(ear) as server:
        first = await transcribe(recording, config_for(server.url, ear))
        asked = len(ear.windows_s)
        second = await transcribe(io.BytesIO(recording), config_for(server.url, ear))

    assert len(ear.windows_s) == asked
    assert second.segments == first.segments
    assert (second.text, second.server, second.language) == (first.text, first.server, "en")


@pytest.mark.parametrize("change", [{"again": True}, {"language": "de"}, {"prompt": "Ada"}, {"words": True}])
async def test_another_question_is_asked(change: dict[str, object]) -> None:
    ear = Ear("words")
    recording = wav(spoken(range(10)))

    with hearing_server(ear) as server:
        await transcribe(recording, config_for(server.url, ear))
        await transcribe(recording, config_for(server.url, ear), **change)  # type: ignore[arg-type]  # as above

    assert len(ear.windows_s) == 2


async def test_without_a_journal_everything_is_asked_again(tmp_path: Path) -> None:
    ear = Ear("segments")
    recording = wav(spoken(range(10)))

    with hearing_server(ear) as server:
        await transcribe(recording, config_for(server.url, ear, journal=False))
        await transcribe(recording, config_for(server.url, ear, journal=False))

    assert len(ear.windows_s) == 2
    assert not (tmp_path / "journal.sqlite3").exists()


@pytest.mark.parametrize("container", ["wav", "flac"])  # a FLAC is still being decoded
async def test_a_cancelled_call_leaves_what_was_heard_to_the_next(container: str) -> None:
    numbers = range(400)
    ear = Ear("segments")
    recording = encoded(spoken(numbers), container)
    heard: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, max_requests=1)
        calling = asyncio.create_task(transcribe(recording, config, on_progress=heard.append))
        while len(heard) < 3:
            await asyncio.sleep(0.001)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        before = len(ear.windows_s)
        whole = await transcribe(recording, config, on_progress=heard.append)

    assert before < heard[-1].windows
    assert heard[-1].from_journal >= 3
    assert len(ear.windows_s) <= heard[-1].windows + 1  # the one that was under way is asked again
    assert whole.text.split() == texts_of(numbers)


RUN = """
import asyncio, sys
from ipy_gateway import GatewayConfig, transcribe
config = GatewayConfig(sys.argv[1], audio_api="transcriptions", window_s=30, max_requests=2)
print(asyncio.run(transcribe(sys.argv[2], config)).text)
"""


def test_a_killed_process_leaves_what_was_heard_to_the_next(tmp_path: Path) -> None:
    numbers = range(600)
    ear = Ear("segments", delay_s=0.05)
    recording = tmp_path / "talk.wav"
    recording.write_bytes(wav(spoken(numbers)))

    with hearing_server(ear) as server:
        command = [sys.executable, "-c", RUN, server.url, str(recording)]
        killed = subprocess.Popen(command, stdout=subprocess.PIPE)
        server.wait_for_requests(5, timeout_s=30)
        os.kill(killed.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        killed.communicate(timeout=30)
        before = len(ear.windows_s)
        finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    in_all = round(sum(ear.windows_s[before:]) + sum(ear.windows_s[:before]))
    assert finished.stdout.split() == texts_of(numbers)
    assert before >= 4
    assert in_all < len(spoken(numbers)) / 2 / RATE_HZ + 4 * 30  # what was under way, or not yet kept, twice


# Progress


async def test_progress_tells_seconds_and_windows_and_failures() -> None:
    ear = Ear("segments", refusal=lambda number: BROKEN if number == 1 else None)
    told: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = config_for(server.url, ear)
        with pytest.warns(IncompleteAnswerWarning):
            transcript = await transcribe(wav(spoken(range(200))), config, on_progress=told.append)

    assert [progress.windows for progress in told] == list(range(1, len(ear.windows_s) + 1))
    assert told[-1].failures == 1
    assert told[-1].done_s == pytest.approx(transcript.duration_s)
    assert told[0].total_s == pytest.approx(transcript.duration_s)


async def test_progress_tells_the_length_that_a_header_states(tmp_path: Path) -> None:
    path = tmp_path / "talk.flac"
    command = [FFMPEG, "-loglevel", "error", "-i", "pipe:0", "-f", "flac", str(path)]
    subprocess.run(command, input=wav(spoken(range(200))), check=True)
    ear = Ear("segments")
    told: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, max_requests=1, ffmpeg_bin=FFMPEG)
        transcript = await transcribe(path, config, on_progress=told.append)

    assert {progress.source for progress in told} == {"talk.flac"}
    assert told[0].total_s == pytest.approx(transcript.duration_s, abs=0.1)


@pytest.mark.parametrize("is_in_file", [True, False], ids=["file", "bytes"])
@pytest.mark.parametrize(
    ("suffix", "arguments"), [("flac", ()), ("m4a", ("-movflags", "+faststart")), ("mp3", ()), ("webm", ())]
)
async def test_what_a_recording_that_was_cut_short_lacks_is_a_gap(
    suffix: str, arguments: tuple[str, ...], is_in_file: bool, tmp_path: Path
) -> None:
    path = tmp_path / f"talk.{suffix}"
    samples = spoken(range(200))
    subprocess.run([FFMPEG, "-v", "error", "-i", "-", *arguments, str(path)], input=wav(samples), check=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    ear = Ear("segments")

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, ffmpeg_bin=FFMPEG)
        with pytest.warns(IncompleteAnswerWarning, match="cut short"):
            transcript = await transcribe(path if is_in_file else path.read_bytes(), config)

    (gap,) = transcript.gaps
    assert gap.start_s == transcript.duration_s
    assert gap.end_s == pytest.approx(len(samples) / 2 / RATE_HZ, abs=0.1)
    assert gap.reason == "the file has no sound there, and may be cut short"


async def test_a_length_that_is_worked_out_from_a_bit_rate_makes_no_gap(tmp_path: Path) -> None:
    samples = bytes(10 * 2 * RATE_HZ) + spoken(range(200))  # the first frames are the smallest
    path = tmp_path / "talk.mp3"
    command = [FFMPEG, "-v", "error", "-i", "-", "-q:a", "4", "-write_xing", "0", str(path)]
    subprocess.run(command, input=wav(samples), check=True)
    ear = Ear("segments")
    told: list[TranscriptionProgress] = []

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, ffmpeg_bin=FFMPEG)
        transcript = await transcribe(path, config, on_progress=told.append)

    assert transcript.duration_s is not None
    assert (told[0].total_s or 0) > transcript.duration_s + 10
    assert transcript.gaps == ()


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
async def test_times_count_from_the_start_of_a_video_whose_sound_begins_later(
    suffix: str, tmp_path: Path
) -> None:
    numbers = range(20)
    (tmp_path / "talk.wav").write_bytes(wav(spoken(numbers)))
    picture = ["-f", "lavfi", "-i", "color=size=16x16:rate=1:duration=1"]
    sound = ["-itsoffset", "5", "-i", str(tmp_path / "talk.wav")]
    path = tmp_path / f"talk.{suffix}"
    command = [FFMPEG, "-v", "error", *picture, *sound, "-c:v", "mpeg4", "-c:a", "aac", str(path)]
    subprocess.run(command, check=True)
    ear = Ear("segments")

    with hearing_server(ear) as server:
        transcript = await transcribe(path, config_for(server.url, ear, ffmpeg_bin=FFMPEG))

    assert transcript.text.split() == texts_of(numbers)
    assert transcript.segments[0].start_s == pytest.approx(5, abs=0.1)


async def test_of_several_sound_tracks_the_first_is_heard_and_the_others_are_told(tmp_path: Path) -> None:
    for number in (3, 7):
        (tmp_path / f"{number}.wav").write_bytes(wav(spoken([number] * 5)))
    tracks = ["-i", str(tmp_path / "3.wav"), "-i", str(tmp_path / "7.wav"), "-map", "0", "-map", "1"]
    path = tmp_path / "call.mp4"
    subprocess.run([FFMPEG, "-v", "error", *tracks, "-c:a", "aac", str(path)], check=True)
    ear = Ear("segments")

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, ffmpeg_bin=FFMPEG)
        with pytest.warns(IncompleteAnswerWarning) as warned:
            transcript = await transcribe(path, config)

    assert transcript.text.split() == [word(3)] * 5
    (warning,) = warned
    assert warning.filename == __file__
    assert transcript.notices == (str(warning.message),)
    assert transcript.notices == ("The recording has 2 sound tracks, and the first of them was transcribed.",)


async def test_a_recording_that_grows_meanwhile_is_told(tmp_path: Path) -> None:
    path = tmp_path / "live.wav"
    path.write_bytes(wav(spoken(range(100))))

    def grow(_: TranscriptionProgress) -> None:
        with path.open("ab") as file:
            file.write(bytes(32_000))

    ear = Ear("segments")

    with (
        hearing_server(ear) as server,
        pytest.warns(IncompleteAnswerWarning, match="The recording was written to"),
    ):
        transcript = await transcribe(path, config_for(server.url, ear), on_progress=grow)

    assert transcript.text


# Without ffmpeg


@pytest.fixture
def _no_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)


def stereo_wav() -> bytes:
    samples = spoken(range(20))
    return plain_header(len(samples), RATE_HZ // 2, 2) + samples


@pytest.mark.usefixtures("_no_ffmpeg")
async def test_what_every_server_takes_is_sent_whole_without_ffmpeg() -> None:
    ear = Ear("segments")

    with hearing_server(ear) as server:
        config = config_for(server.url, ear, ffmpeg_bin="/nowhere/ffmpeg")
        transcript = await transcribe(stereo_wav(), config)

    assert len(ear.windows_s) == 1
    assert transcript.text.split() == texts_of(range(20))


@pytest.mark.usefixtures("_no_ffmpeg")
@pytest.mark.parametrize(("source", "limit"), [(b"fLaC" + bytes(5000), 10**7), (stereo_wav(), 200_000)])
async def test_what_has_to_be_decoded_is_refused_without_ffmpeg(source: bytes, limit: int) -> None:
    config = GatewayConfig("http://127.0.0.1:9", ffmpeg_bin="/nowhere/ffmpeg", audio_max_upload_bytes=limit)

    with pytest.raises(AudioProcessingError, match="there is no ffmpeg") as raised:
        await transcribe(source, config)

    assert raised.value.error_type == "ffmpeg_missing"


# What is no recording


@pytest.mark.parametrize("source", [b"", b"<html>"])
async def test_what_is_no_recording_is_refused(source: bytes) -> None:
    with hearing_server(Ear()) as server:
        with pytest.raises(AudioProcessingError):
            await transcribe(source, GatewayConfig(server.url))

        assert server.opened == 0


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nowhere.wav", "There is no file 'nowhere.wav'."),
        (None, "A recording is a path, bytes or a binary file, not NoneType."),
        (io.StringIO("text"), "The recording's file is open as text."),
    ],
)
async def test_what_is_no_source_is_refused(source: object, sentence: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        await transcribe(source, GatewayConfig())  # type: ignore[arg-type]  # that is what is tried

    assert raised.value.message == sentence


async def test_a_language_that_is_no_string_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="language is not a string but int"):
        await transcribe(b"", GatewayConfig(), language=5)  # type: ignore[arg-type]  # that is what is tried


async def test_a_limit_that_leaves_no_room_for_a_window_is_told() -> None:
    config = GatewayConfig(audio_max_upload_bytes=1000)

    with pytest.raises(AudioProcessingError, match="larger than the limit, 1,000 bytes"):
        await transcribe(wav(spoken(range(5))), config)
