"""Bytes on the wire from kernel to notebook for a streamed answer, and CPU: %%chat against chatlas, in turns.

Run `python -m benchmarks.chat_wire` in an environment with the extra `bench`. An answer of
10,000 tokens takes 100 seconds at 100 tokens a second. With `--tokens-per-second 1000` the table is there ten
times as fast; what chatlas sends is the same, as it paints for each token, while %%chat paints by the clock.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zmq

from tests.support.kernel import Kernel, running_kernel
from tests.support.long_answers import mixed, one_fence, one_list, prose
from tests.support.loopback import streaming_server

from .figures import Figure, cpu_s_of, hand_over

CHARACTERS_PER_TOKEN = 4
SHORT, LONG = 5_000, 10_000  # tokens
SHAPES = {"prose": prose, "code": one_fence, "list": one_list, "mixed": mixed}
CELLS = {
    "%%chat": "%%chat --new --url {url}\nGo on.",
    "chatlas": (
        "chat = chatlas.ChatOpenAICompletions(base_url='{url}/v1', api_key='none', model='scripted')\n"
        "_ = chat.chat('Go on.')"
    ),
}
OUTPUTS = ("display_data", "update_display_data", "stream", "execute_result", "clear_output")


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer cost: bytes and messages of outputs, and CPU of the kernel."""

    byte_count: int
    messages: int
    cpu_s: float


def main() -> None:
    """Measure, print bytes, CPU and their ratios, and hand the figures over."""
    options = _options()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder, running_kernel(Path(folder)) as kernel:
        loaded = kernel.run("%load_ext ipy_gateway\nimport chatlas")
        assert loaded.status == "ok", loaded.traceback
        for name in CELLS:  # to be warm
            _cost(kernel, name, "prose", 50, options.tokens_per_second)
        columns = "".join(f"{tokens:>9} tokens {'messages':>9} {'CPU':>8}" for tokens in (SHORT, LONG))
        print(f"{'':16}{columns}  ratio of bytes")
        for shape in options.shapes:
            costs = {name: _costs(kernel, name, shape, options.tokens_per_second) for name in CELLS}
            for name, pair in costs.items():
                print(f"{shape:7} {name:8}{''.join(map(_columns, pair))}  {_ratio(pair):.2f}", flush=True)
            figures += _figures(shape, costs)
    hand_over(figures)


def _costs(kernel: Kernel, name: str, shape: str, tokens_per_second: float) -> tuple[Cost, Cost]:
    short, long = (_cost(kernel, name, shape, tokens, tokens_per_second) for tokens in (SHORT, LONG))
    return short, long


def _columns(cost: Cost) -> str:
    return f"{cost.byte_count:>16,} {cost.messages:>9} {cost.cpu_s:>6.1f} s"


def _ratio(costs: tuple[Cost, Cost]) -> float:
    return costs[1].byte_count / costs[0].byte_count


def _figures(shape: str, costs: dict[str, tuple[Cost, Cost]]) -> Iterator[Figure]:
    ours, theirs = costs["%%chat"][1], costs["chatlas"][1]
    what = f"{LONG:,} tokens of {shape} in a notebook"
    yield Figure(f"{what}: bytes of %%chat / chatlas", ours.byte_count / theirs.byte_count)
    yield Figure(f"{what}: CPU of the kernel, %%chat / chatlas", ours.cpu_s / theirs.cpu_s)
    yield Figure(f"{what}: bytes of %%chat / those of {SHORT:,} tokens", _ratio(costs["%%chat"]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tokens-per-second", type=float, default=100.0)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    return parser.parse_args()


def _cost(kernel: Kernel, name: str, shape: str, tokens: int, tokens_per_second: float) -> Cost:
    text = SHAPES[shape](tokens * CHARACTERS_PER_TOKEN)
    pieces = [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]
    with streaming_server(*pieces, pause_s=1 / tokens_per_second) as url, _frames_of(kernel) as frames:
        before_s = _cpu_s(kernel)
        sizes = list(_sizes(frames, kernel.start(CELLS[name].format(url=url))))
        return Cost(sum(sizes), len(sizes), _cpu_s(kernel) - before_s)


def _cpu_s(kernel: Kernel) -> float:
    provisioner: Any = kernel.manager.provisioner
    return cpu_s_of(provisioner.pid)


@contextmanager
def _frames_of(kernel: Kernel) -> Iterator["zmq.Socket[bytes]"]:
    """A second front end, which sees the frames as they are sent."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.set_hwm(0)  # losing messages would flatter whoever sends many
        socket.subscribe(b"")
        socket.connect(kernel.client.iopub_channel.socket.get(zmq.LAST_ENDPOINT).decode())
        time.sleep(0.5)  # a subscription takes effect a moment later
        yield socket


def _sizes(frames: "zmq.Socket[bytes]", cell: str) -> Iterator[int]:
    """The size of each output message of a cell, with headers and signature, until the cell ends."""
    while True:
        parts = frames.recv_multipart()
        header, parent, _, content = map(json.loads, parts[parts.index(b"<IDS|MSG>") + 2 :][:4])
        if parent.get("msg_id") != cell:
            continue
        if header["msg_type"] in OUTPUTS:
            yield sum(map(len, parts))
        elif content.get("execution_state") == "idle":
            return
        elif header["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))


if __name__ == "__main__":
    main()
