"""`transcribe` of a long recording: against faster-whisper, whole and batched, and four requests at once.

Run `python -m benchmarks.long_recording` in an environment with the extra `local`. Each run of the embedded
engine or of faster-whisper is a process of its own; they take turns.
"""

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ipy_gateway import GatewayConfig, transcribe
from ipy_gateway.local.pins import WHISPER_TINY_EN
from ipy_gateway.local.weights import ensure_weights
from tests.support.hearing_server import Ear, hearing_server
from tests.support.long_speech import interview_sentences, with_pauses, without_a_pause
from tests.support.tones import spoken, wav

from .figures import Figure, hand_over

INTERVIEW = Path(__file__).parents[1] / "notebooks" / "audio" / "interview.wav"
SPEECHES = {"with pauses": with_pauses, "without a pause": without_a_pause}
ROUNDS = int(os.environ.get("ROUNDS", "2"))
SECONDS, LONG_S = 300, 3_600
WALL, CPU = 0, 1
ANSWER_S = 0.5
AT_MOST = 1.0  # of faster-whisper's CPU, for an hour
AT_MOST_BATCHED = 1.1  # of the CPU, and of the time, of its batched pipeline


def main() -> None:
    """Measure, print medians and their ratios, and hand the figures over."""
    if len(sys.argv) == 3:
        print(json.dumps(_seconds(RUNS[sys.argv[1]], sys.argv[2])))
        return
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.wav"
        for name, speech in SPEECHES.items():
            path.write_bytes(speech(interview_sentences(INTERVIEW), SECONDS).wav)
            print(f"{SECONDS} s of speech {name}, {ROUNDS} rounds:")
            medians = _medians(path, ("transcribe", "batched"), ROUNDS)
            figures.extend(_beside_batched(f"{SECONDS} s {name}", medians))
        path.write_bytes(with_pauses(interview_sentences(INTERVIEW), LONG_S).wav)
        print(f"{LONG_S} s of speech with pauses, once:")
        medians = _medians(path, tuple(RUNS), 1)
        ratio = medians["transcribe"][CPU] / medians["whole"][CPU]
        figures.append(Figure("60 min: transcribe / faster-whisper, CPU", ratio, AT_MOST))
        figures.extend(_beside_batched("60 min", medians))
    asyncio.run(_at_once())
    hand_over(figures)


def _medians(path: Path, names: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Seconds of the clock and of CPU for each, who take turns."""
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            command = [sys.executable, "-m", "benchmarks.long_recording", name, str(path)]
            found[name].append(json.loads(subprocess.run(command, capture_output=True, check=True).stdout))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in found.items()
    }
    for name, (wall_s, cpu_s) in medians.items():
        print(f"  {name:10} {wall_s:7.2f} s wall  {cpu_s:7.2f} s CPU", flush=True)
    return medians


def _beside_batched(label: str, medians: dict[str, list[float]]) -> list[Figure]:
    ours, theirs = medians["transcribe"], medians["batched"]
    return [
        Figure(f"{label}: transcribe / batched, {what}", ours[place] / theirs[place], AT_MOST_BATCHED)
        for place, what in ((CPU, "CPU"), (WALL, "time"))
    ]


def _ours(path: str) -> None:
    asyncio.run(transcribe(path, GatewayConfig(journal=False)))


def _batched(path: str) -> None:
    # Here: what the engine does before this import belongs to its own process.
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(str(ensure_weights(WHISPER_TINY_EN)), device="cpu", compute_type="int8")
    list(BatchedInferencePipeline(model).transcribe(path)[0])


def _whole(path: str) -> None:
    from faster_whisper import WhisperModel

    model = WhisperModel(str(ensure_weights(WHISPER_TINY_EN)), device="cpu", compute_type="int8")
    list(model.transcribe(path)[0])


RUNS: dict[str, Callable[[str], None]] = {"transcribe": _ours, "batched": _batched, "whole": _whole}


def _seconds(work: Callable[[str], None], path: str) -> tuple[float, float]:
    """Seconds on the clock and of the CPU, imports included."""
    started = time.perf_counter(), _cpu_s()
    work(path)
    return time.perf_counter() - started[0], _cpu_s() - started[1]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _at_once() -> None:
    recording = wav(spoken(range(3000)))
    with hearing_server(Ear("segments", delay_s=ANSWER_S)) as server:
        walls_s = [await _wall_s(recording, server.url, at_once) for at_once in (1, 4)]
    print(
        f"20 minutes, a server that answers in {ANSWER_S} s: one at a time {walls_s[0]:.1f} s, "
        f"four {walls_s[1]:.1f} s, {walls_s[0] / walls_s[1]:.1f} times as fast"
    )


async def _wall_s(recording: bytes, url: str, at_once: int) -> float:
    config = GatewayConfig(url, audio_api="transcriptions", journal=False, max_requests=at_once)
    started = time.perf_counter()
    await transcribe(recording, config)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
