"""Hours of sound take no more memory than minutes."""

import subprocess
import sys
from pathlib import Path

import pytest

from ipy_gateway.core.recordings.wav import plain_header

from ..support.fault_server import answer, fault_server
from ..support.tones import RATE_HZ, spoken

RUN = """
import asyncio, re, sys
from ipy_gateway import GatewayConfig, transcribe
config = GatewayConfig(sys.argv[1], audio_api="transcriptions")
transcript = asyncio.run(transcribe(sys.argv[2], config))
# Not ru_maxrss, which counts what the parent had, too.
peak_kb = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(transcript.duration_s, 1024 * int(peak_kb))
"""
MINUTE = spoken(range(150), pause_s=0.5, pause_every=10)[: 60 * RATE_HZ * 2]
HEARD = answer(body={"text": "Yes.", "segments": [{"start": 0.0, "end": 1.0, "text": " Yes."}]})


def peak_bytes(path: Path, *, minutes: int, url: str) -> int:
    command = [sys.executable, "-c", RUN, url, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    assert float(output[0]) == pytest.approx(60 * minutes, abs=1)
    return int(output[1])


def write_recording(path: Path, *, minutes: int, rate_hz: int) -> None:
    blocks = minutes * rate_hz // RATE_HZ
    with path.open("wb") as file:
        file.write(plain_header(len(MINUTE) * blocks, rate_hz, 1))
        file.writelines(MINUTE for _ in range(blocks))


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize(
    ("rate_hz", "minutes"),
    [(RATE_HZ, (3, 180)), (RATE_HZ // 2, (4, 30))],
    ids=["three hours as they are", "half an hour through ffmpeg"],
)
def test_hours_take_no_more_memory_than_minutes(
    rate_hz: int, minutes: tuple[int, int], tmp_path: Path
) -> None:
    peaks = []
    with fault_server(respond=lambda _: HEARD) as server:
        for length in minutes:
            path = tmp_path / f"{length}.wav"
            write_recording(path, minutes=length, rate_hz=rate_hz)
            peaks.append(peak_bytes(path, minutes=length, url=server.url))

    print([f"{peak / 1e6:.0f} MB" for peak in peaks])
    assert peaks[1] - peaks[0] < 40_000_000
