import array
import asyncio
import dataclasses
import io
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import wave
from pathlib import Path

import imageio_ffmpeg
import pytest

from ipy_gateway.core.audio import normalize_audio_to_wav, prepare_upload
from ipy_gateway.core.config import GatewayConfig
from ipy_gateway.core.exceptions import AudioProcessingError, InvalidRequestError

from .test_recording import ENCODED, chunk, encode_everywhere, wav_file

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
CONFIG = GatewayConfig(ffmpeg_bin=FFMPEG, timeout_s=30)
ALWAYS = dataclasses.replace(CONFIG, audio_preprocess_enabled=True)
NEVER = dataclasses.replace(CONFIG, audio_preprocess_enabled=False, ffmpeg_bin="no-such-ffmpeg")


@pytest.fixture(scope="session")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return encode_everywhere(tmp_path_factory.mktemp("encoded"))


@pytest.fixture
def temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which temporary files are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


class SlowFfmpeg:
    """A program in ffmpeg's place that starts another one and waits for ever."""

    def __init__(self, folder: Path) -> None:
        self.pids_file = folder / "pids"
        self.script = folder / "slow ffmpeg"
        self.script.write_text(f"#!/bin/sh\nsleep 600 &\necho $$ $! > '{self.pids_file}'\nwait\n")
        self.script.chmod(0o755)
        self.config = GatewayConfig(ffmpeg_bin=str(self.script), timeout_s=30)

    async def started(self) -> None:
        async with asyncio.timeout(10):
            while not self.pids_file.exists() or not self.pids_file.read_text().endswith("\n"):
                await asyncio.sleep(0.01)

    async def ended(self) -> None:
        """Return when neither program runs, or fail; an orphan is reaped a moment after its death."""
        async with asyncio.timeout(5):
            while any(is_running(int(pid)) for pid in self.pids_file.read_text().split()):
                await asyncio.sleep(0.01)


@pytest.fixture
def slow_ffmpeg(tmp_path: Path) -> SlowFfmpeg:
    return SlowFfmpeg(tmp_path)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def samples_of(wav: bytes) -> "array.array[int]":  # Python 3.11 can't subscript it at run time
    with wave.open(io.BytesIO(wav)) as reader:
        assert (reader.getsampwidth(), reader.getnchannels(), reader.getframerate()) == (2, 1, 16000)
        return array.array("h", reader.readframes(reader.getnframes()))


def ffmpeg_makes(*arguments: str, of: bytes = b"") -> bytes:
    command = [FFMPEG, "-loglevel", "error", *arguments, "-"]
    return subprocess.run(command, input=of, capture_output=True, check=True, timeout=60).stdout


# What comes out of ffmpeg


@pytest.mark.parametrize("name", ENCODED)
async def test_every_format_becomes_a_wav_of_the_same_tone(encoded: dict[str, bytes], name: str) -> None:
    wav = await normalize_audio_to_wav(encoded[name], CONFIG)

    samples = samples_of(wav)
    assert len(wav) == 44 + 2 * len(samples)
    assert len(samples) == pytest.approx(16000, rel=0.15)  # codecs pad
    assert 3000 < max(samples) < 6000  # ffmpeg's tone has an amplitude of 4096


async def test_rate_and_channels_are_those_of_the_configuration(encoded: dict[str, bytes]) -> None:
    config = dataclasses.replace(CONFIG, audio_target_sr=22050, audio_target_channels=2)

    wav = await normalize_audio_to_wav(encoded["plain.flac"], config)

    with wave.open(io.BytesIO(wav)) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getnframes()) == (22050, 2, 22050)


async def test_loudness_is_evened_out_on_demand(encoded: dict[str, bytes]) -> None:
    config = dataclasses.replace(CONFIG, audio_loudnorm=True, audio_loudnorm_filter="volume=4")

    wav = await normalize_audio_to_wav(encoded["plain.flac"], config)

    assert max(samples_of(wav)) > 12000


async def test_a_wrong_loudness_filter_is_named(encoded: dict[str, bytes]) -> None:
    config = dataclasses.replace(CONFIG, audio_loudnorm=True, audio_loudnorm_filter="lowdnorm")

    with pytest.raises(AudioProcessingError) as caught:
        await normalize_audio_to_wav(encoded["plain.flac"], config)

    assert "lowdnorm" in caught.value.message
    assert "audio_loudnorm_filter='lowdnorm'" in caught.value.hint


@pytest.mark.parametrize("options", [["-rf64", "always"], ["-c:a", "pcm_s24le"]])
async def test_a_wav_that_was_written_to_a_pipe_is_read_whole(
    encoded: dict[str, bytes], options: list[str]
) -> None:
    piped = ffmpeg_makes("-i", "-", *options, "-f", "wav", of=encoded["plain.wav"])

    assert len(samples_of(await normalize_audio_to_wav(piped, CONFIG))) == 16000


async def test_temporary_files_are_gone_afterwards(encoded: dict[str, bytes], temporary_folder: Path) -> None:
    await normalize_audio_to_wav(encoded["aac.m4a"], CONFIG)

    assert list(temporary_folder.iterdir()) == []


# What is refused


@pytest.mark.parametrize(
    "container",
    [
        ["-f", "mp4", "-movflags", "frag_keyframe+empty_moov"],
        ["-f", "mov", "-movflags", "frag_keyframe+empty_moov"],
        ["-f", "matroska"],
        ["-f", "webm"],
    ],
)
async def test_a_video_without_sound_is_refused(container: list[str]) -> None:
    silent = ["-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=5"]
    video = ffmpeg_makes(*silent, *container)

    with pytest.raises(AudioProcessingError, match=r"^The recording is a video without sound\.") as caught:
        await prepare_upload(video, CONFIG)

    assert caught.value.error_type == "invalid_audio"


@pytest.mark.parametrize(
    "header",
    [b"OggS\n", b"\0\0\0\x14ftypM4A \0\0\0\0M4A ", b"fLaC\n", b"\x1aE\xdf\xa3\n", b"#!AMR\n", b"ADIF\n"],
)
async def test_a_playlist_behind_the_first_bytes_of_a_recording_is_not_followed(
    header: bytes, encoded: dict[str, bytes], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded["plain.wav"])
    playlist = f"#EXTM3U\n#EXTINF:1,\nfile:{secret}\nffconcat version 1.0\nfile '{secret}'\n"

    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(header + playlist.encode() * 20, CONFIG)

    assert caught.value.error_type == "invalid_audio"


@pytest.mark.parametrize(
    ("name", "demuxer"), [("aac.m4a", "mov"), ("opus.webm", "matroska"), ("plain.wma", "asf")]
)
async def test_ffmpeg_may_neither_guess_the_container_nor_open_anything_but_files(
    name: str, demuxer: str, encoded: dict[str, bytes], tmp_path: Path
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(f"#!/bin/sh\necho \"$@\" > '{tmp_path}/arguments'\nexit 1\n")
    script.chmod(0o755)

    with pytest.raises(AudioProcessingError):
        await prepare_upload(encoded[name], GatewayConfig(ffmpeg_bin=str(script)))

    for_input, _, _ = (tmp_path / "arguments").read_text().partition(" -i ")
    assert f"-protocol_whitelist file -f {demuxer} " in for_input


@pytest.mark.parametrize("playlist", ["ffconcat version 1.0\nfile {}\n", "#EXTM3U\n#EXTINF:1,\nfile://{}\n"])
async def test_a_playlist_that_calls_itself_a_wav_is_refused(
    playlist: str, encoded: dict[str, bytes], tmp_path: Path
) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded["plain.wav"])

    with pytest.raises(AudioProcessingError, match="playlist"):
        await normalize_audio_to_wav(playlist.format(secret).encode(), CONFIG)


async def test_a_broken_file_gives_one_short_sentence_of_ffmpeg(
    encoded: dict[str, bytes], temporary_folder: Path
) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(encoded["aac.m4a"][:3000], CONFIG)

    assert (
        caught.value.message == "The m4a recording is cut short: it lacks its index, which is written last."
    )
    assert list(temporary_folder.iterdir()) == []


async def test_what_ffmpeg_says_is_shown_without_control_characters_and_capped(
    encoded: dict[str, bytes], tmp_path: Path
) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text(
        "#!/bin/sh\nprintf '[in#0 @ 0x12] \\033[31mbad\\007 %0500d\\nConversion failed!\\n' 7 >&2\nexit 1\n"
    )
    script.chmod(0o755)

    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin=str(script)))

    assert caught.value.message.startswith("ffmpeg can't read the flac recording: bad 0000")
    assert len(caught.value.message) < 250


async def test_next_to_no_sound_is_refused() -> None:
    blip = ffmpeg_makes("-f", "lavfi", "-i", "sine=duration=0.05", "-f", "flac")

    with pytest.raises(AudioProcessingError, match=r"too short: 0\.05\d* s"):
        await prepare_upload(blip, CONFIG)


async def test_a_recording_over_the_limit_is_refused_before_anything_else() -> None:
    config = dataclasses.replace(CONFIG, audio_max_upload_bytes=2_000_000)

    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(memoryview(bytes(2_500_000)), config)

    assert caught.value.error_type == "audio_too_large"
    assert caught.value.message == "The recording has 2.50 MB, and 2.00 MB is the limit."


@pytest.mark.parametrize("convert", [prepare_upload, normalize_audio_to_wav])
async def test_a_small_file_that_becomes_a_large_wav_is_refused_not_cut(
    convert: object, temporary_folder: Path
) -> None:
    silence = ffmpeg_makes("-f", "lavfi", "-i", "anullsrc=r=16000:cl=mono:d=600", "-f", "flac")
    config = dataclasses.replace(CONFIG, audio_max_upload_bytes=1_920_044)
    assert callable(convert)

    with pytest.raises(AudioProcessingError) as caught:
        await convert(silence, config)

    assert caught.value.error_type == "audio_too_large"
    assert caught.value.message == "The recording is over 1.0 minutes long, as WAV over 1.93 MB."
    assert list(temporary_folder.iterdir()) == []


async def test_a_wav_of_exactly_the_limit_is_accepted(encoded: dict[str, bytes]) -> None:
    config = dataclasses.replace(CONFIG, audio_max_upload_bytes=32_044)

    upload = await prepare_upload(encoded["plain.flac"], config)

    assert len(upload.data) == 32_044


@pytest.mark.parametrize("audio", ["talk.wav", Path("talk.wav")])
async def test_a_path_in_place_of_bytes_is_refused_with_the_way_to_read_it(audio: object) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await prepare_upload(audio, CONFIG)  # type: ignore[arg-type]  # the mistake that is tested

    assert caught.value.hint == "Read the file: Path('talk.wav').read_bytes()."


async def test_what_is_no_bytes_is_refused_by_its_type() -> None:
    with pytest.raises(InvalidRequestError, match="not list"):
        await prepare_upload([1, 2], CONFIG)  # type: ignore[arg-type]  # the mistake that is tested


# ffmpeg that is slow, missing or stopped


async def test_a_slow_ffmpeg_ends_after_the_timeout(
    slow_ffmpeg: SlowFfmpeg, encoded: dict[str, bytes], temporary_folder: Path
) -> None:
    config = dataclasses.replace(slow_ffmpeg.config, timeout_s=0.5)

    with pytest.raises(AudioProcessingError, match=r"not done .* after 0\.5 s") as caught:
        await prepare_upload(encoded["plain.flac"], config)

    assert caught.value.error_type == "audio_timeout"
    await slow_ffmpeg.ended()
    assert list(temporary_folder.iterdir()) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_cancellation_leaves_neither_process_nor_files(
    times: int, slow_ffmpeg: SlowFfmpeg, encoded: dict[str, bytes], temporary_folder: Path
) -> None:
    task = asyncio.create_task(prepare_upload(encoded["plain.flac"], slow_ffmpeg.config))
    await slow_ffmpeg.started()

    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task

    await slow_ffmpeg.ended()
    assert list(temporary_folder.iterdir()) == []


async def test_cancellation_at_any_moment_leaves_no_files(
    encoded: dict[str, bytes], temporary_folder: Path
) -> None:
    for delay_ms in range(40):
        task = asyncio.create_task(prepare_upload(encoded["plain.flac"], CONFIG))
        await asyncio.sleep(delay_ms / 1000)
        task.cancel()
        await asyncio.wait({task})

    assert list(temporary_folder.iterdir()) == []


async def test_ffmpeg_runs_in_a_session_of_its_own(
    slow_ffmpeg: SlowFfmpeg, encoded: dict[str, bytes]
) -> None:
    task = asyncio.create_task(prepare_upload(encoded["plain.flac"], slow_ffmpeg.config))
    await slow_ffmpeg.started()

    pid = int(slow_ffmpeg.pids_file.read_text().split()[0])
    session = os.getsid(pid)

    task.cancel()
    await asyncio.wait({task})
    assert session == pid != os.getsid(0)


async def test_an_ffmpeg_that_is_killed_is_an_error(encoded: dict[str, bytes], tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)

    with pytest.raises(AudioProcessingError, match="gave no reason"):
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin=str(script)))


async def test_a_missing_ffmpeg_is_taken_from_imageio(encoded: dict[str, bytes]) -> None:
    config = dataclasses.replace(CONFIG, ffmpeg_bin="no-such-ffmpeg")

    assert (await prepare_upload(encoded["plain.flac"], config)).format == "wav"


async def test_no_ffmpeg_at_all_says_how_to_install_one(
    encoded: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    config = dataclasses.replace(CONFIG, ffmpeg_bin="no-such-ffmpeg")

    with pytest.raises(AudioProcessingError, match="'no-such-ffmpeg' was not found") as caught:
        await prepare_upload(encoded["plain.flac"], config)

    assert caught.value.error_type == "ffmpeg_missing"
    assert 'pip install "ipy-gateway[ffmpeg]"' in caught.value.hint


async def test_a_program_that_is_not_ffmpeg_is_named(encoded: dict[str, bytes]) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin="/bin/true"))

    assert caught.value.message.startswith("'/bin/true' made no sound of the flac recording")
    assert "ffmpeg_bin" in caught.value.hint
    assert caught.value.error_type == "ffmpeg_missing"


async def test_a_program_that_complains_in_place_of_ffmpeg_is_named(encoded: dict[str, bytes]) -> None:
    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin="/bin/ls"))

    assert "ffmpeg_bin='/bin/ls'" in caught.value.hint


async def test_an_ffmpeg_that_cannot_be_executed_is_named(
    encoded: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\n")

    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin=str(script)))

    assert f"{str(script)!r} is no program that can be executed" in caught.value.message
    assert "ffmpeg_bin" in caught.value.hint


async def test_the_largest_limit_is_one_that_ffmpeg_understands(encoded: dict[str, bytes]) -> None:
    config = dataclasses.replace(CONFIG, audio_max_upload_bytes=10**12)

    assert (await prepare_upload(encoded["plain.flac"], config)).duration_s == 1.0


async def test_an_ffmpeg_that_is_no_program_is_named(encoded: dict[str, bytes], tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_bytes(b"\0\0\0")
    script.chmod(0o755)

    with pytest.raises(AudioProcessingError, match="can't be started") as caught:
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin=str(script)))

    assert caught.value.error_type == "ffmpeg_missing"


async def test_a_relative_path_of_ffmpeg_works(
    encoded: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(FFMPEG, tmp_path / "ffmpeg")
    monkeypatch.chdir(tmp_path)

    assert await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin="./ffmpeg"))


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_an_interrupt_reaches_a_task_that_waits_for_ffmpeg(
    slow_ffmpeg: SlowFfmpeg, encoded: dict[str, bytes]
) -> None:
    task = asyncio.ensure_future(prepare_upload(encoded["plain.flac"], slow_ffmpeg.config))
    await slow_ffmpeg.started()
    handler = signal.signal(signal.SIGINT, lambda *_: task.cancel())  # as ipykernel does for a cell
    threading.Timer(0.5, signal.raise_signal, [signal.SIGINT]).start()
    interrupted_at = time.monotonic() + 0.5

    await asyncio.wait({task})

    signal.signal(signal.SIGINT, handler)
    assert task.cancelled()
    assert time.monotonic() - interrupted_at < 1
    await slow_ffmpeg.ended()


# A disk that takes no more


async def test_no_room_for_temporary_files_is_said(
    encoded: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(AudioProcessingError) as caught:
        await prepare_upload(encoded["plain.flac"], CONFIG)

    assert "temporary files can't be written: No such file or directory." in caught.value.message
    assert "TMPDIR" in caught.value.hint


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_recording_that_does_not_fit_on_the_disk_is_said() -> None:
    program = (
        "import asyncio, resource\n"
        "from ipy_gateway import AudioProcessingError, GatewayConfig, normalize_audio_to_wav\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, -1))\n"
        "try:\n"
        "    asyncio.run(normalize_audio_to_wav(b'fLaC' + bytes(2_000_000), GatewayConfig()))\n"
        "except AudioProcessingError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert "temporary files can't be written: File too large." in done.stdout, done.stderr


async def test_a_disk_that_is_full_for_ffmpeg_is_said(encoded: dict[str, bytes], tmp_path: Path) -> None:
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\necho 'Error writing trailer: No space left on device' >&2\nexit 1\n")
    script.chmod(0o755)

    with pytest.raises(AudioProcessingError, match="temporary files can't be written: No space left"):
        await prepare_upload(encoded["plain.flac"], GatewayConfig(ffmpeg_bin=str(script)))


# What is sent as it is


@pytest.mark.parametrize(("name", "word"), [("tagged.mp3", "mp3"), ("bare.mp3", "mp3")])
async def test_auto_sends_mp3_as_it_is(encoded: dict[str, bytes], name: str, word: str) -> None:
    upload = await prepare_upload(encoded[name], dataclasses.replace(CONFIG, ffmpeg_bin="no-such-ffmpeg"))

    assert (upload.data, upload.format) == (encoded[name], word)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
async def test_auto_sends_a_plain_wav_as_it_is(kind: type) -> None:
    upload = await prepare_upload(kind(wav_file()), CONFIG)

    assert (upload.data, upload.format, upload.duration_s) == (wav_file(), "wav", 1.0)
    assert type(upload.data) is bytes


@pytest.mark.parametrize(
    "untidy",
    [
        wav_file(riff_size=2**32 - 1, data_size=2**32 - 1),
        wav_file(riff_size=0, data_size=0),
        wav_file(before_data=chunk(b"LIST", b"INFO")),
        wav_file(after=chunk(b"LIST", b"INFO")),
        wav_file(
            magic=b"RF64", riff_size=2**32 - 1, data_size=2**32 - 1, before_format=chunk(b"ds64", bytes(28))
        ),
        wav_file(bytes(32001), data_size=32000, riff_size=2),
    ],
)
async def test_auto_gives_an_untidy_wav_a_plain_header_without_ffmpeg(untidy: bytes) -> None:
    config = dataclasses.replace(CONFIG, ffmpeg_bin="no-such-ffmpeg")

    assert (await prepare_upload(untidy, config)).data == wav_file()


@pytest.mark.parametrize("name", ["s24.wav", "mulaw.wav", "plain.flac", "opus.ogg"])
async def test_auto_normalizes_all_else(encoded: dict[str, bytes], name: str) -> None:
    upload = await prepare_upload(encoded[name], CONFIG)

    assert (upload.format, upload.duration_s) == ("wav", len(samples_of(upload.data)) / 16000)


@pytest.mark.parametrize("name", ["tagged.mp3", "plain.wav"])
async def test_always_normalizes_even_what_could_stay(encoded: dict[str, bytes], name: str) -> None:
    upload = await prepare_upload(encoded[name], ALWAYS)

    assert upload.data[:4] == b"RIFF"
    assert (upload.format, len(upload.data) % 2) == ("wav", 0)


@pytest.mark.parametrize("name", ["plain.flac", "aac.m4a", "opus.webm", "f32.wav", "plain.wma"])
async def test_never_sends_the_bytes_with_their_true_format(encoded: dict[str, bytes], name: str) -> None:
    upload = await prepare_upload(encoded[name], NEVER)

    assert (upload.data, upload.format) == (encoded[name], ENCODED[name][0])


@pytest.mark.parametrize("config", [CONFIG, NEVER])
async def test_a_truncated_wav_is_refused(config: GatewayConfig) -> None:
    with pytest.raises(AudioProcessingError, match="cut short"):
        await prepare_upload(wav_file(data_size=96000), config)


@pytest.mark.parametrize("bits", [16, 24])
async def test_always_decodes_a_truncated_wav_as_far_as_it_goes(encoded: dict[str, bytes], bits: int) -> None:
    half = encoded["plain.wav" if bits == 16 else "s24.wav"][: 8000 * bits // 8]

    upload = await prepare_upload(half, ALWAYS)

    assert upload.duration_s == pytest.approx(0.5, abs=0.01)
