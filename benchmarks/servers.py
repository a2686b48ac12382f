"""The bare server and the peers as processes of their own."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from .peer_process import Cost, Task

Process = subprocess.Popen[str]


@contextmanager
def running_server() -> Iterator[str]:
    """The base URL of a bare server."""
    with running("bare_server") as process:
        yield f"http://127.0.0.1:{line_of(process)}"


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Process]:
    """A module of this package."""
    line = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def cost_of(process: Process, task: Task) -> Cost:
    """Have a peer do something."""
    assert process.stdin
    process.stdin.write(json.dumps(asdict(task)) + "\n")
    process.stdin.flush()
    return Cost(**json.loads(line_of(process)))


def line_of(process: Process) -> str:
    """The next line that it prints."""
    assert process.stdout
    return process.stdout.readline().strip()
