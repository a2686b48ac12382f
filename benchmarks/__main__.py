"""All figures of one run, peers in turns: `pip install -e '.[bench]' && python -m benchmarks`.

CPU time of the process that asks, so that other work on the machine disturbs little; medians.
The
table goes to `benchmarks/RESULTS.md`, and what the other benchmarks of this folder print to its end.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from .peer_process import Cost, Task
from .peers import PEERS
from .results import write_results
from .scenarios import LEFT_OUT, LOADED, TASKS

FOLDER = Path(__file__).parent
OTHERS = {"chat_wire": ["--tokens-per-second", "1000"], "speech": [], "long_recording": []}
Costs = dict[tuple[str, str], list[Cost]]  # by scenario and peer


def main() -> None:
    """Measure all, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--others", nargs="*", choices=OTHERS, default=list(OTHERS))
    options = parser.parse_args()
    costs = {**_asking(options.peers, options.rounds), **_loading(options.rounds)}
    medians = {place: _median(found) for place, found in costs.items() if found}
    others = {name: _printed_by(name) for name in options.others if (FOLDER / f"{name}.py").exists()}
    write_results(medians, others, peers=options.peers, rounds=options.rounds)


def _asking(peers: list[str], rounds: int) -> Costs:
    costs: Costs = defaultdict(list)
    with ExitStack() as stack:
        url = f"http://127.0.0.1:{_read(stack.enter_context(_running('bare_server')))}"
        running = {peer: stack.enter_context(_running("peer_process", peer, url)) for peer in peers}
        for number in range(rounds + 1):
            for scenario, (task, _) in TASKS.items():
                for peer in [peer for peer in peers if (scenario, peer) not in LEFT_OUT]:
                    cost = _ask(running[peer], task)
                    if number:  # the first makes warm
                        costs[scenario, peer].append(cost)
            print(f"round {number} of {rounds}", flush=True)
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


def _printed_by(name: str) -> str:
    """What another benchmark prints; where it can't run, for want of an extra or a model, why."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *OTHERS[name]]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stdout if ended.returncode == 0 else ended.stderr.strip().splitlines()[-1]


@contextmanager
def _running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    module, *arguments = command
    line = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _ask(process: "subprocess.Popen[str]", task: Task) -> Cost:
    assert process.stdin
    process.stdin.write(json.dumps(asdict(task)) + "\n")
    process.stdin.flush()
    return Cost(**json.loads(_read(process)))


def _read(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.cpu_s for cost in costs),
        int(statistics.median(cost.peak_bytes for cost in costs)),
    )


if __name__ == "__main__":
    main()
