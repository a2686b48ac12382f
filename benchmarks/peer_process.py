"""One peer in a process of its own: a task on each line of its standard input, what it cost on its output.

Run by `python -m benchmarks` as `python -m benchmarks.peer_process PEER URL`.
"""

import asyncio
import gc
import io
import json
import sys
import time
import wave
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import cache

from .figures import memory_of, reset_peak_of
from .peers import PEERS, Peer

Work = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be done.

    Attributes:
        kind: "chat", "stream" or "audio".
        size: tokens of a stream, bytes of a recording.
        under_way: how many are asked for at a time.
        times: how many in all.
    """

    kind: str
    size: int = 0
    under_way: int = 1
    times: int = 1


@dataclass(frozen=True, slots=True)
class Cost:
    """What one of them cost this process.

    Attributes:
        cpu_s: seconds of CPU for each.
        peak_bytes: resident memory above what was in use before, at its highest.
    """

    cpu_s: float
    peak_bytes: int


async def _work(peer: Peer) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(asdict(await _cost(peer, Task(**json.loads(line))))), flush=True)


async def _cost(peer: Peer, task: Task) -> Cost:
    work = _work_of(peer, task)
    gc.collect()
    idle_bytes = reset_peak_of("self")
    started = time.process_time()
    await _repeated(work, task)
    cpu_s = time.process_time() - started
    return Cost(cpu_s / task.times, memory_of("self", "VmHWM") - idle_bytes)


async def _repeated(work: Work, task: Task) -> None:
    left = iter(range(task.times))

    async def one_after_the_other() -> None:
        for _ in left:
            await work()

    await asyncio.gather(*(one_after_the_other() for _ in range(task.under_way)))


def _work_of(peer: Peer, task: Task) -> Work:
    if task.kind == "chat":
        return peer.chat
    if task.kind == "stream":
        return lambda: peer.stream(task.size)
    recording = _recording(task.size)
    return lambda: peer.audio(recording)


@cache
def _recording(byte_count: int) -> bytes:
    """A WAV file of about this size, as every server takes it."""
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * (byte_count // 256 - 1))
    return target.getvalue()


if __name__ == "__main__":
    asyncio.run(_work(PEERS[sys.argv[1]](sys.argv[2])))
