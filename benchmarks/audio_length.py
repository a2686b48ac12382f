"""What a second of sound costs `transcribe`, from a minute to three hours, with a server that does nothing.

Run `python -m benchmarks.audio_length`. The server is a process of its own: what is measured is decoding,
cutting at pauses, encoding, asking, and putting together.
"""

import asyncio
import tempfile
import time
import wave
from pathlib import Path

from ipy_gateway import GatewayConfig, transcribe

from .figures import Figure, hand_over, memory_of, reset_peak_of
from .scenarios import FLAT_WITHIN
from .servers import running_server

INTERVIEW = Path(__file__).parents[1] / "notebooks" / "audio" / "interview.wav"
LENGTHS_S = {"1 min": 60, "10 min": 600, "1 h": 3_600, "3 h": 10_800}
MEASURED_S = 10_800  # of sound for each length, so that short ones are asked several times


def main() -> None:
    """Measure each length, and print what a second of it costs."""
    with tempfile.TemporaryDirectory() as folder, running_server() as url:
        path = Path(folder) / "talk.wav"
        _write(path, LENGTHS_S["1 min"])
        asyncio.run(_cost(path, url, times=3))  # warm
        costs = {}
        for name, length_s in LENGTHS_S.items():
            _write(path, length_s)
            idle_bytes = reset_peak_of("self")
            costs[name] = asyncio.run(_cost(path, url, times=min(MEASURED_S // length_s, 20))) / length_s
            above = memory_of("self", "VmHWM") - idle_bytes
            each = f"{costs[name] * 1e6:7.1f} us of CPU per second of sound"
            print(f"{name:7} {each}, {above / 1e6:.0f} MB above idle", flush=True)
    shortest, longest = costs["1 min"], costs["3 h"]
    hand_over([Figure("flat: a second of audio, 3 h / 1 min", longest / shortest, FLAT_WITHIN)])


async def _cost(path: Path, url: str, *, times: int) -> float:
    """Seconds of CPU for one of several runs."""
    config = GatewayConfig(url, audio_api="chat", journal=False)
    await transcribe(path, config)
    started = time.process_time()
    for _ in range(times):
        await transcribe(path, config)
    return (time.process_time() - started) / times


def _write(target: Path, length_s: int) -> None:
    """The interview, again and again."""
    with wave.open(str(INTERVIEW)) as whole, wave.open(str(target), "wb") as long:
        long.setparams(whole.getparams())
        sound = whole.readframes(whole.getnframes())
        bytes_left = length_s * whole.getframerate() * whole.getnchannels() * whole.getsampwidth()
        while bytes_left > 0:
            long.writeframes(sound[:bytes_left])
            bytes_left -= len(sound)


if __name__ == "__main__":
    main()
