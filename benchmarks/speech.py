"""%transcribe against faster-whisper alone: the same model, threads and recording, in turns.

Run `python -m benchmarks.speech` in an environment with the extra `local`.
"""

import io
import statistics
import tempfile
import time
import wave
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from faster_whisper import WhisperModel
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway.local.pins import WHISPER_TINY_EN
from ipy_gateway.local.weights import ensure_weights

from .figures import Figure, hand_over

INTERVIEW = Path(__file__).parents[1] / "notebooks" / "audio" / "interview.wav"
SECONDS = 45
ROUNDS = 5
AT_MOST = 1.05


def main() -> None:
    """Measure, and print medians and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.wav"
        _cut(INTERVIEW, clip)
        model = WhisperModel(str(ensure_weights(WHISPER_TINY_EN)), device="cpu", compute_type="int8")
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "ipy_gateway")
        with redirect_stdout(io.StringIO()):
            shell.run_line_magic("gateway", "set journal=False")  # or it would hear the clip once

        def direct() -> None:
            segments, _ = model.transcribe(str(clip))
            list(segments)

        def magic() -> None:
            with redirect_stdout(io.StringIO()):
                shell.run_line_magic("transcribe", f"{clip} --no-audio")

        _report(direct, magic)


def _report(direct: Callable[[], None], magic: Callable[[], None]) -> None:
    figures: dict[str, list[tuple[float, float]]] = {"faster-whisper": [], "%transcribe": []}
    direct()
    magic()  # both warm
    for _ in range(ROUNDS):
        figures["faster-whisper"].append(_seconds(direct))
        figures["%transcribe"].append(_seconds(magic))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in figures.items()
    }
    for name, (wall_s, cpu_s) in medians.items():
        print(f"{name:15} {wall_s:6.2f} s wall  {cpu_s:6.2f} s CPU  ({SECONDS} s of speech, {ROUNDS} rounds)")
    ratios = [
        ours / theirs for ours, theirs in zip(medians["%transcribe"], medians["faster-whisper"], strict=True)
    ]
    print(f"ratio           {ratios[0]:6.3f} wall    {ratios[1]:6.3f} CPU")
    hand_over([Figure(f"{SECONDS} s of speech: %transcribe / faster-whisper, CPU", ratios[1], AT_MOST)])


def _seconds(work: Callable[[], None]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _cut(source: Path, target: Path) -> None:
    with wave.open(str(source)) as whole, wave.open(str(target), "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(SECONDS * whole.getframerate()))


if __name__ == "__main__":
    main()
