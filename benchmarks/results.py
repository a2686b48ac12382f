"""The figures of a run as Markdown: what each costs, and whether every bound is kept."""

import importlib.metadata
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from .figures import Figure
from .peer_process import Cost
from .scenarios import (
    FLAT,
    FLAT_WITHIN,
    LOADED,
    LOADING_MAX_BYTES,
    LOADING_MAX_S,
    LOADING_SHARE,
    OURS,
    OURS_FAST,
    TASKS,
)

RESULTS = Path(__file__).parent / "RESULTS.md"
NOTES = Path(__file__).parent / "NOTES.md"  # what was tried, by hand
PACKAGES = (
    *("httpx", "httpx-aiohttp", "aiohttp", "orjson", "openai", "litellm", "chatlas", "jupyter-ai-magics"),
    *("ipython", "faster-whisper", "ctranslate2", "onnxruntime"),
)

Medians = Mapping[tuple[str, str], Cost]


def markdown(
    medians: Medians,
    others: Mapping[str, tuple[str, Sequence[Figure]]],
    *,
    peers: Sequence[str],
    rounds: int,
) -> str:
    """The tables, with versions, what other benchmarks have printed, and the notes beside them."""
    figures = [*_bounds(medians), *(figure for _, found in others.values() for figure in found)]
    lines = [
        "# What it costs, beside others",
        "",
        f"`python -m benchmarks`: CPU of the client's process, medians of {rounds} rounds in turns, a bare "
        f"server on loopback. Python {platform.python_version()} on {os.cpu_count()} cores, "
        f"{', '.join(_versions())}.",
        "",
        *_costs(medians, peers),
        "",
        "| bound | measured | at most | met |",
        "|---|---|---|---|",
        *map(_row, figures),
        "",
        *(f"## {name}\n\n```\n{printed.rstrip()}\n```\n" for name, (printed, _) in others.items()),
    ]
    return "\n".join(lines) + NOTES.read_text()


def _versions() -> Iterator[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {importlib.metadata.version(package)}"
        except importlib.metadata.PackageNotFoundError:
            yield f"no {package}"


def _costs(medians: Medians, peers: Sequence[str]) -> Iterator[str]:
    yield f"| ms each | {' | '.join(peers)} |"
    yield "|---" * (len(peers) + 1) + "|"
    for scenario in TASKS:
        found = (medians.get((scenario, peer)) for peer in peers)
        yield f"| {scenario} | {' | '.join(f'{cost.cpu_s * 1000:.2f}' if cost else '' for cost in found)} |"
    found = (medians.get(("audio of 20 MB", peer)) for peer in peers)
    cells = (f"{cost.peak_bytes / 1e6:.0f}" if cost else "" for cost in found)
    yield f"| its memory, MB | {' | '.join(cells)} |"
    yield ""
    yield "| loading | s of CPU | MB |"
    yield "|---|---|---|"
    for name in LOADED:
        if cost := medians.get(("loading", name)):
            yield f"| {name} | {cost.cpu_s:.2f} | {cost.peak_bytes / 1e6:.0f} |"


def _bounds(medians: Medians) -> Iterator[Figure]:
    for scenario, (_, bounds) in TASKS.items():
        for bound in bounds:
            ours, theirs = medians.get((scenario, bound.ours)), medians.get((scenario, bound.peer))
            if ours and theirs:
                ratio = getattr(ours, bound.of) / (getattr(theirs, bound.of) or 1)
                what = "" if bound.of == "cpu_s" else ", memory"
                yield Figure(f"{scenario}{what}: {bound.ours} / {bound.peer}", ratio, bound.at_most)
    for small, large, times in FLAT:
        for ours_name in (OURS, OURS_FAST):
            ours, theirs = medians.get((large, ours_name)), medians.get((small, ours_name))
            if ours and theirs:
                ratio = ours.cpu_s / theirs.cpu_s / times
                yield Figure(f"flat: {large} / {small}, {ours_name}", ratio, FLAT_WITHIN)
    if loading := medians.get(("loading", OURS)):
        yield Figure("loading, s", loading.cpu_s, LOADING_MAX_S)
        yield Figure("loading, MB", loading.peak_bytes / 1e6, LOADING_MAX_BYTES / 1e6)
        if theirs := medians.get(("loading", "jupyter_ai_magics")):
            ratio = loading.cpu_s / theirs.cpu_s
            yield Figure("loading / jupyter_ai_magics", ratio, LOADING_SHARE)


def _row(figure: Figure) -> str:
    if figure.at_most is None:
        return f"| {figure.what} | {figure.measured:.3g} | | |"
    is_met = "yes" if figure.measured <= figure.at_most else "**no**"
    return f"| {figure.what} | {figure.measured:.3g} | {figure.at_most:g} | {is_met} |"
