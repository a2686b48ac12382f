"""What a worker of a dask cluster does: transcribe a recording, with its own connections and its own key."""

import asyncio
import os
import pickle
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeAlias

from ..config import GatewayConfig
from ..config_errors import ENVIRONMENT_PREFIX
from ..exceptions import GatewayError
from ..recordings.recording_source import Source
from ..requests.budget import Budget, Spending, counted
from ..transcripts.transcript import Transcript
from ..waiting.progress import TranscriptionProgress

LOOK_S = 0.5  # how often a worker looks whether its work is still wanted: dask does not stop what runs
_VARIABLES_OF_KEYS = (
    *(
        f"{ENVIRONMENT_PREFIX}{name}"
        for name in ("API_KEY", "TEXT_BASE_URL", "AUDIO_API_KEY", "AUDIO_BASE_URL")
    ),
    *("OPENAI_API_KEY", "OPENAI_BASE_URL"),
)

# Each transcribes a recording and reports how far it is.
Work: TypeAlias = Callable[
    [Source, GatewayConfig, Callable[[TranscriptionProgress], None]], Awaitable[Transcript]
]


@dataclass(frozen=True, slots=True)
class Errand:
    """What a worker is sent.

    Attributes:
        name: of the task, unlike any other's.
        source: the recording, as the worker sees it.
        config: the servers; its keys stay behind when it is pickled.
        work: what to do.
        topic: the name under which the client listens for progress, or None where nobody does.
        budgets: what may be spent, and what has been up to now.
    """

    name: str
    source: Source
    config: GatewayConfig
    work: Work
    topic: str | None
    budgets: tuple[Budget, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker sends back.

    Attributes:
        transcript: what is said in the recording, or None.
        error: why there is none, or None.
        progress: how far it came, or None where not even a window was asked for.
        spent: what was sent, where there are budgets that count it.
    """

    transcript: Transcript | None = None
    error: Exception | None = None
    progress: TranscriptionProgress | None = None
    spent: Spending = field(default_factory=Spending)


async def run_errand(errand: Errand) -> Report:
    """Transcribe a recording, on the event loop of this worker, whose connections its tasks share.

    When the client cancels the task, or is gone, so are the requests under way, within `LOOK_S`.
    """
    from distributed import get_worker

    worker = get_worker()
    transcribing = asyncio.ensure_future(_report_on(errand, worker))
    watching = asyncio.ensure_future(_until_unwanted(errand.name, worker))
    try:
        await asyncio.wait((transcribing, watching), return_when=asyncio.FIRST_COMPLETED)
        if transcribing.done():
            return transcribing.result()
        watching.result()
        return Report()  # which nobody waits for
    finally:
        for task in (transcribing, watching):
            task.cancel()
        await asyncio.gather(transcribing, watching, return_exceptions=True)


def with_keys_from(environ: Mapping[str, str], config: GatewayConfig) -> GatewayConfig:
    """A configuration with the keys of this environment, where it has none of its own.

    They belong to the servers that the environment names, and where it names none, to those of `config`.

    Raises:
        ConfigurationError: a variable that is used has a value that is not valid; the message names it.
    """
    if config.api_key or config.audio_api_key:
        return config
    named = {name: value for name in _VARIABLES_OF_KEYS if (value := environ.get(name, "").strip())}
    if "OPENAI_BASE_URL" not in named:
        named.setdefault(f"{ENVIRONMENT_PREFIX}TEXT_BASE_URL", " ".join(config.text_urls))
    if config.audio_urls:
        named.setdefault(f"{ENVIRONMENT_PREFIX}AUDIO_BASE_URL", " ".join(config.audio_urls))
    found = GatewayConfig.from_env(named)
    return replace(config, api_key=found.api_key, audio_api_key=found.audio_api_key)


async def _report_on(errand: Errand, worker: Any) -> Report:
    last: TranscriptionProgress | None = None

    def note(progress: TranscriptionProgress) -> None:
        nonlocal last
        last = progress
        if errand.topic:
            worker.log_event(errand.topic, {"name": errand.name, "progress": asdict(progress)})

    with counted(errand.budgets) as spent:
        try:
            config = with_keys_from(os.environ, errand.config)
            transcript = await errand.work(errand.source, config, note)
            return Report(transcript, progress=last, spent=spent())
        except Exception as error:
            return Report(error=_fit_to_travel(error), progress=last, spent=spent())


async def _until_unwanted(name: str, worker: Any) -> None:
    while (task := worker.state.tasks.get(name)) and task.state != "cancelled":  # noqa: ASYNC110 - it sets no event
        await asyncio.sleep(LOOK_S)


def _fit_to_travel(error: Exception) -> Exception:
    """An error that the client can read: one that is not ours may not survive a pickle."""
    if isinstance(error, GatewayError):
        return error
    with suppress(Exception):
        if type(pickle.loads(pickle.dumps(error))) is type(error):  # noqa: S301 - we have just made it
            return error
    return RuntimeError(f"{type(error).__name__}: {error}")
