"""What is measured, and what has to come of it."""

from dataclasses import dataclass

from .peer_process import Task

OURS, OURS_FAST = "ipy_gateway", "ipy_gateway[fast]"


@dataclass(frozen=True, slots=True)
class Bound:
    """What we may cost, as a share of what a peer costs in the same run.

    Attributes:
        ours: with or without the extra.
        peer: who is compared.
        at_most: the largest ratio.
        of: "cpu_s" or "peak_bytes".
    """

    ours: str
    peer: str
    at_most: float
    of: str = "cpu_s"


def _for_chat(httpx: float, openai: float, fast_httpx: float, fast_openai: float) -> tuple[Bound, ...]:
    return (
        Bound(OURS, "httpx", httpx),
        Bound(OURS, "openai-python", openai),
        Bound(OURS_FAST, "httpx", fast_httpx),
        Bound(OURS_FAST, "openai-python", fast_openai),
    )


def _for_tokens() -> tuple[Bound, ...]:
    return Bound(OURS, "httpx", 1.3), Bound(OURS_FAST, "httpx", 1.3)


def _for_audio(cpu: float, memory: float | None = None) -> tuple[Bound, ...]:
    bounds = [Bound(ours, "httpx", cpu) for ours in (OURS, OURS_FAST)]
    if memory:
        bounds += [Bound(ours, "httpx", memory, "peak_bytes") for ours in (OURS, OURS_FAST)]
    return tuple(bounds)


TASKS: dict[str, tuple[Task, tuple[Bound, ...]]] = {
    "chat, one at a time": (Task("chat", times=200), _for_chat(1.1, 0.5, 0.65, 0.3)),
    "chat, 32 under way": (Task("chat", under_way=32, times=320), _for_chat(0.5, 0.3, 0.3, 0.18)),
    "chat, 256 under way": (Task("chat", under_way=256, times=512), _for_chat(0.3, 0.25, 0.25, 0.18)),
    "stream of 100 tokens": (Task("stream", 100, times=20), ()),
    "stream of 1,000 tokens": (Task("stream", 1_000, times=5), _for_tokens()),
    "stream of 1,000 tokens, 32 under way": (Task("stream", 1_000, 32, 32), _for_tokens()),
    "stream of 10,000 tokens": (Task("stream", 10_000, times=1), ()),
    "audio of 1 MB": (Task("audio", 1_000_000, times=5), _for_audio(0.6)),
    "audio of 20 MB": (Task("audio", 20_000_000, times=1), _for_audio(0.45, 0.25)),
}

# What takes LiteLLM half a minute each time.
LEFT_OUT = {("stream of 1,000 tokens, 32 under way", "LiteLLM"), ("stream of 10,000 tokens", "LiteLLM")}

# (scenario, scenario, how much larger the second is): the cost of one has to stay the same.
FLAT = (
    ("chat, one at a time", "chat, 256 under way", 1),
    ("stream of 100 tokens", "stream of 10,000 tokens", 100),
)
FLAT_WITHIN = 1.2

LOADED = ("ipy_gateway", "jupyter_ai_magics", "openai", "litellm")
LOADING_MAX_S, LOADING_MAX_BYTES, LOADING_SHARE = 0.25, 25_000_000, 0.1
