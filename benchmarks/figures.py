"""What a benchmark hands over to the runner: figures beside their bounds, and what others cost a process."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

MARK = "FIGURES "


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Attributes:
        what: what was measured.
        measured: how much.
        at_most: the bound, or None where there is none.
    """

    what: str
    measured: float
    at_most: float | None = None


def hand_over(figures: Iterable[Figure]) -> None:
    """Print figures as the last line, for the runner."""
    print(MARK + json.dumps([asdict(figure) for figure in figures]), flush=True)


def handed_over(printed: str) -> tuple[str, list[Figure]]:
    """What a benchmark has printed for people, and its figures."""
    text, mark, figures = printed.rpartition(MARK)
    return (text, [Figure(**figure) for figure in json.loads(figures)]) if mark else (printed, [])


def cpu_s_of(process_id: int) -> float:
    """Seconds of CPU that a process has used, in steps of a hundredth."""
    after_name = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(process_id: int | str, name: str) -> int:
    """A figure of a process in bytes, by its name in Linux: VmRSS, or VmHWM for the highest."""
    lines = Path(f"/proc/{process_id}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def reset_peak_of(process_id: int | str) -> int:
    """Begin anew with the highest memory of a process, and give what is in use."""
    Path(f"/proc/{process_id}/clear_refs").write_text("5")
    return memory_of(process_id, "VmRSS")
