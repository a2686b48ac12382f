"""How the embedded engine starts, stops, and shares this process with others."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from ipy_gateway import (
    ConfigurationError,
    GatewayConfig,
    UpstreamUnreachableError,
    chat_completion,
    transcribe_audio,
)
from ipy_gateway.local.children import Tail
from ipy_gateway.local.engine import shared_engine
from ipy_gateway.local.worker import Cancelled, Worker

from .conftest import HANG_S, Listening

QUESTION = [{"role": "user", "content": "Write a long story about the sea."}]
PRELUDE = """
import asyncio, os, threading, time, psutil
from ipy_gateway import *
config = GatewayConfig()
question = [{"role": "user", "content": "Write a long story about the sea."}]
"""


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", PRELUDE + code],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_exit_in_the_middle_of_an_answer_is_clean_and_leaves_no_process(chat_model: Path) -> None:
    code = """
def ask():
    try:
        asyncio.run(chat_completion(question, config, max_tokens=4000))
    except BaseException:
        pass
asyncio.run(chat_completion(question, config, max_tokens=1))
threading.Thread(target=ask, daemon=True).start()
time.sleep(1)
print(psutil.Process().children()[0].pid)
"""
    ended = run_python(code)

    assert ended.returncode == 0, ended.stderr
    assert not psutil.pid_exists(int(ended.stdout))


def test_exit_in_the_middle_of_a_transcription_is_clean(speech_model: Path, interview: Path) -> None:
    code = f"""
data = open({str(interview)!r}, "rb").read()
def transcribe():
    asyncio.run(transcribe_audio(data, config))
threading.Thread(target=transcribe, daemon=True).start()
time.sleep(2)
"""
    ended = run_python(code)

    assert ended.returncode == 0, ended.stderr
    assert "Fatal" not in ended.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_interpreter_leaves_no_process(chat_model: Path) -> None:
    code = """
asyncio.run(chat_completion(question, config, max_tokens=1))
print(psutil.Process().children()[0].pid, flush=True)
os.kill(os.getpid(), 9)
"""
    ended = run_python(code)

    child = int(ended.stdout)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(child)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_starts_an_engine_of_its_own(chat_model: Path) -> None:
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # that threads and fork go together badly is known
asyncio.run(chat_completion(question, config, max_tokens=1))
pid = os.fork()
if pid == 0:
    answer = asyncio.run(chat_completion(question, config, max_tokens=1))
    os._exit(0 if answer["choices"] else 1)
assert os.waitpid(pid, 0)[1] == 0
asyncio.run(chat_completion(question, config, max_tokens=1))
"""
    ended = run_python(code)

    assert ended.returncode == 0, ended.stderr


async def test_a_cancelled_answer_frees_the_chat_engine(chat_model: Path) -> None:
    config = GatewayConfig()
    await chat_completion(QUESTION, config, max_tokens=1)

    for _ in range(3):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(chat_completion(QUESTION, config, max_tokens=8000, ignore_eos=True), 0.5)

    async with asyncio.timeout(HANG_S):  # 24,000 tokens take more than three minutes
        await chat_completion(QUESTION, config, max_tokens=1)


async def test_a_cancelled_transcription_stops_behind_the_scenes(
    long_recording: bytes, note: Path, listening: Listening
) -> None:
    config = GatewayConfig()
    transcribing = asyncio.create_task(transcribe_audio(long_recording, config))
    await listening.until_it_begins()

    transcribing.cancel()
    await asyncio.wait([transcribing])
    await listening.until_it_ends()

    assert transcribing.cancelled()
    assert listening.windows <= 8
    assert "Peter Wilson" in await transcribe_audio(note.read_bytes(), config)


async def test_a_killed_llama_is_started_again(chat_model: Path) -> None:
    config = GatewayConfig()
    await chat_completion(QUESTION, config, max_tokens=1)
    async with shared_engine().chat.server("smollm2-135m-instruct") as server:
        server.process.kill()
        server.process.wait()

    answer = await chat_completion(QUESTION, config, max_tokens=1)

    assert answer["choices"]


async def test_two_configurations_share_one_engine(chat_model: Path) -> None:
    await chat_completion(QUESTION, GatewayConfig(timeout_s=100), max_tokens=1)
    async with shared_engine().chat.server("smollm2-135m-instruct") as first:
        pass

    await chat_completion(QUESTION, GatewayConfig(timeout_s=200), max_tokens=1)
    async with shared_engine().chat.server("smollm2-135m-instruct") as second:
        pass

    assert first.process.pid == second.process.pid


async def test_another_chat_model_is_taken_from_its_file(chat_model: Path) -> None:
    config = GatewayConfig(text_model=str(chat_model))

    answer = await chat_completion(QUESTION, config, max_tokens=1)

    assert answer["model"] == str(chat_model)


async def test_another_speech_model_is_taken_from_its_folder(speech_model: Path, note: Path) -> None:
    config = GatewayConfig(audio_model=str(speech_model))

    assert "Peter Wilson" in await transcribe_audio(note.read_bytes(), config)


@pytest.mark.parametrize("module", ["faster_whisper", "xllamacpp"])
def test_a_missing_extra_is_named_with_what_to_install(module: str, interview: Path) -> None:
    code = f"""
import sys
sys.modules[{module!r}] = None
work = {{
    "faster_whisper": lambda: transcribe_audio(open({str(interview)!r}, "rb").read(), config),
    "xllamacpp": lambda: chat_completion(question, config),
}}[{module!r}]
try:
    asyncio.run(work())
except ConfigurationError as error:
    print(error.message)
    print(error.hint)
"""
    ended = run_python(code)

    assert "The embedded engine (local://engine) is not installed" in ended.stdout
    assert "ipy-gateway[local]" in ended.stdout


async def test_a_file_that_is_no_model_is_one_clear_sentence(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not a model")

    with pytest.raises(ConfigurationError, match="can't be loaded") as caught:
        await chat_completion(QUESTION, GatewayConfig(text_model=str(broken)))

    assert "broken.gguf" in caught.value.message


async def test_two_chat_models_answer_at_the_same_time(chat_model: Path) -> None:
    configs = [GatewayConfig(), GatewayConfig(text_model=str(chat_model))] * 2

    answers = await asyncio.gather(*[chat_completion(QUESTION, one, max_tokens=8) for one in configs])

    assert {answer["usage"]["completion_tokens"] for answer in answers} == {8}


async def test_a_server_that_answers_outlives_two_newer_ones_and_then_goes(
    chat_model: Path, tmp_path: Path
) -> None:
    names = [tmp_path / f"{number}.gguf" for number in range(3)]
    for name in names:
        name.symlink_to(chat_model)
    chat = shared_engine().chat

    async with chat.server(str(names[0])) as oldest:
        for name in names[1:]:
            async with chat.server(str(name)):
                pass
        was_running = oldest.is_running
    for _ in range(200):  # a large process takes its time to end
        if not oldest.is_running:
            break
        await asyncio.sleep(0.05)

    assert was_running
    assert not oldest.is_running
    assert len(chat._servers) <= 2


async def test_a_crash_of_llama_is_told_with_its_last_words(chat_model: Path) -> None:
    config = GatewayConfig(max_retries=0)
    await chat_completion(QUESTION, config, max_tokens=1)
    asking = asyncio.create_task(chat_completion(QUESTION, config, max_tokens=2000))
    await asyncio.sleep(1)

    async with shared_engine().chat.server("smollm2-135m-instruct") as server:
        server.process.send_signal(signal.SIGABRT)
    with pytest.raises(UpstreamUnreachableError) as caught:
        await asking

    assert "embedded chat engine ended before its answer was complete (signal SIGABRT" in caught.value.message
    assert "it is started anew" in caught.value.hint
    assert (await chat_completion(QUESTION, config, max_tokens=1))["choices"]


def test_last_words_of_a_child_are_capped_and_clean() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "print('x' * 10**6, '\\x1b[31mGGML_ASSERT failed\\n')"],
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    assert child.stdout

    words = Tail(child.stdout).line(30)
    child.wait()

    assert words == "…" + ("x" * 30 + " [31mGGML_ASSERT failed")[-30:]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "pass"])
def test_several_servers_end_with_the_interpreter(chat_model: Path, end: str) -> None:
    code = f"""
asyncio.run(chat_completion(question, config, max_tokens=1))
asyncio.run(chat_completion(question, GatewayConfig(text_model={str(chat_model)!r}), max_tokens=1))
print(*[child.pid for child in psutil.Process().children()], flush=True)
{end}
"""
    ended = run_python(code)

    children = [int(pid) for pid in ended.stdout.split()]
    assert len(children) == 2
    assert _are_gone(children)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_keep_the_servers_of_its_parent(chat_model: Path) -> None:
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
asyncio.run(chat_completion(question, config, max_tokens=1))
llama = psutil.Process().children()[0].pid
child = os.fork()
if child == 0:
    time.sleep(30)
    os._exit(0)
print(llama, child, flush=True)
os.kill(os.getpid(), 9)
"""
    with subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        llama, child = map(int, parent.stdout.readline().split())

        assert _are_gone([llama])
        assert psutil.pid_exists(child)
        os.kill(child, signal.SIGKILL)


async def test_a_worker_whose_loop_closes_meanwhile_ends_quietly(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, asked = threading.Event(), threading.Event()

    def work(_: Cancelled) -> str:
        asked.set()
        closed.wait(10)
        return "late"

    loop = asyncio.new_event_loop()

    def wait_on_it() -> None:
        task = loop.create_task(Worker[str]("test").value(work))
        loop.run_until_complete(asyncio.sleep(0.1))
        task.cancel()
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.close()

    await asyncio.to_thread(wait_on_it)
    monkeypatch.setattr(loop, "is_closed", lambda: False)  # as if it closed just after it was asked this
    closed.set()
    await asyncio.sleep(0.3)
    monkeypatch.undo()

    assert asked.is_set()
    assert "Exception" not in capfd.readouterr().err


def test_nothing_of_the_engine_is_imported_before_it_is_asked() -> None:
    code = """
import sys
heavy = {"faster_whisper", "ctranslate2", "xllamacpp", "numpy", "av", "huggingface_hub", "onnxruntime"}
asyncio.run(list_models(config))
print(sorted(heavy & set(sys.modules)))
"""
    assert run_python(code).stdout.strip() == "[]"


def _are_gone(pids: list[int]) -> bool:
    end = time.monotonic() + 10
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    return not any(psutil.pid_exists(pid) for pid in pids)
