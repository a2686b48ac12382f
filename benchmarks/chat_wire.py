"""Bytes on the wire from kernel to notebook for a streamed answer: %%chat against chatlas, in turns.

Run `python -m benchmarks.chat_wire` in an environment with the extra `test`, chatlas and openai. An answer of
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

import zmq

from tests.support.kernel import Kernel, running_kernel
from tests.support.long_answers import mixed, one_fence, one_list, prose
from tests.support.loopback import streaming_server

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
    """What an answer cost: bytes and messages of outputs, and how long the cell took."""

    byte_count: int
    messages: int
    seconds: float


def main() -> None:
    """Measure, and print bytes and their ratios."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder, running_kernel(Path(folder)) as kernel:
        loaded = kernel.run("%load_ext ipy_gateway\nimport chatlas")
        assert loaded.status == "ok", loaded.traceback
        print(f"{'':16}{SHORT:>6} tokens {'messages':>9}{LONG:>9} tokens {'messages':>9}  ratio")
        for shape in options.shapes:
            costs = {
                name: [
                    _cost(kernel, name, shape, tokens, options.tokens_per_second) for tokens in (SHORT, LONG)
                ]
                for name in CELLS
            }
            for name, (short, long) in costs.items():
                print(
                    f"{shape:7} {name:8}{short.byte_count:>13,} {short.messages:>9}"
                    f"{long.byte_count:>16,} {long.messages:>9}  {long.byte_count / short.byte_count:.2f}"
                    f"  ({long.seconds:.0f} s)"
                )
            share = costs["%%chat"][1].byte_count / costs["chatlas"][1].byte_count
            print(f"{shape:7} %%chat sends {share:.2%} of what chatlas sends for {LONG} tokens", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tokens-per-second", type=float, default=100.0)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    return parser.parse_args()


def _cost(kernel: Kernel, name: str, shape: str, tokens: int, tokens_per_second: float) -> Cost:
    text = SHAPES[shape](tokens * CHARACTERS_PER_TOKEN)
    pieces = [text[at : at + CHARACTERS_PER_TOKEN] for at in range(0, len(text), CHARACTERS_PER_TOKEN)]
    with streaming_server(*pieces, pause_s=1 / tokens_per_second) as url, _frames_of(kernel) as frames:
        started = time.monotonic()
        sizes = list(_sizes(frames, kernel.start(CELLS[name].format(url=url))))
        return Cost(sum(sizes), len(sizes), time.monotonic() - started)


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
