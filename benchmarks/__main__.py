"""All figures, peers in turns: `pip install -e '.[bench,local]' && python -m benchmarks`.

CPU time of the process that asks, so that other work on the machine disturbs little; medians of the rounds.
A whole run writes the tables to `benchmarks/RESULTS.md`; one of parts (`--only asking loading`) prints them.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .figures import Figure, handed_over
from .peer_process import Cost
from .peers import PEERS
from .results import RESULTS, markdown
from .scenarios import LEFT_OUT, LOADED, TASKS
from .servers import cost_of, running, running_server

# Other benchmarks of this folder, each with what it is run with.
OTHERS = {
    "chat_wire": ["--tokens-per-second", "1000", "--shapes", "prose", "mixed"],
    "upload": [],
    "audio_length": [],
    "speech": [],
    "long_recording": [],
}
PARTS = ("asking", "loading", *OTHERS)
Costs = dict[tuple[str, str], list[Cost]]  # by scenario and peer


def main() -> None:
    """Measure, and write or print the tables."""
    options = _options()
    costs: Costs = {}
    printed: dict[str, tuple[str, list[Figure]]] = {}
    if "asking" in options.only:
        with _told("asking"):
            costs |= _asking(options.peers, options.scenarios, options.rounds)
    if "loading" in options.only:
        with _told("loading"):
            costs |= _loading(options.rounds)
    for name in (name for name in OTHERS if name in options.only):
        with _told(name):
            printed[name] = _printed_by(name)
    medians = {place: _median(found) for place, found in costs.items() if found}
    text = markdown(medians, printed, peers=options.peers, rounds=options.rounds)
    print(text)
    if options.is_whole:
        RESULTS.write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What it costs, beside others.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts; by default all")
    parser.add_argument("--scenarios", nargs="+", choices=TASKS, default=list(TASKS), help="of asking")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS), help="who is asked of")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    chosen = (options.only, PARTS), (options.scenarios, TASKS), (options.peers, PEERS)
    options.is_whole = all(len(some) == len(every) for some, every in chosen)
    return options


@contextmanager
def _told(part: str) -> Iterator[None]:
    """Say what goes on, and how long it took."""
    print(f"{part} ...", file=sys.stderr, flush=True)
    started = time.monotonic()
    yield
    print(f"{part}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _asking(peers: list[str], scenarios: list[str], rounds: int) -> Costs:
    costs: Costs = defaultdict(list)
    with ExitStack() as stack:
        url = stack.enter_context(running_server())
        processes = {peer: stack.enter_context(running("peer_process", peer, url)) for peer in peers}
        for number in range(rounds + 1):
            for scenario in scenarios:
                for peer in [peer for peer in peers if (scenario, peer) not in LEFT_OUT]:
                    cost = cost_of(processes[peer], TASKS[scenario][0])
                    if number:  # the first makes warm
                        costs[scenario, peer].append(cost)
            print(f"  round {number} of {rounds}", file=sys.stderr, flush=True)
    return costs


def _loading(rounds: int) -> Costs:
    costs: Costs = defaultdict(list)
    with tempfile.TemporaryDirectory() as bytecode:
        for number in range(rounds + 1):
            for name in LOADED:
                found = _load(name, bytecode)
                if found and number:  # the first writes bytecode, as an installation does
                    costs["loading", name].append(found)
    return costs


def _load(name: str, bytecode: str) -> Cost | None:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "benchmarks.loading", name]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return Cost(**json.loads(ended.stdout.splitlines()[-1])) if ended.returncode == 0 else None


def _printed_by(name: str) -> tuple[str, list[Figure]]:
    """What another benchmark prints, and its figures; where it can't run, for want of an extra, why."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *OTHERS[name]]
    # Or the threads of speech engines spin while they wait for each other, and CPU says little.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        return (ended.stderr.strip().splitlines() or ["It ended without a word."])[-1], []
    return handed_over(ended.stdout)


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.cpu_s for cost in costs),
        int(statistics.median(cost.peak_bytes for cost in costs)),
    )


if __name__ == "__main__":
    main()
