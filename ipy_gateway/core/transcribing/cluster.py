"""Recordings transcribed by the workers of a dask cluster, seen from the client."""

import asyncio
import os
import pickle
import sys
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, TypeVar

from ..config import GatewayConfig
from ..exceptions import AudioProcessingError, ConfigurationError, InvalidRequestError
from ..recordings.recording_source import Source, name_of
from ..requests.budget import applied_budgets
from ..waiting.progress import TranscriptionProgress
from ..waiting.signals import waking_for_signals
from .cluster_worker import Errand, Report, Work
from .outcomes import Outcome

if TYPE_CHECKING:
    from distributed import Client, Future

Result = TypeVar("Result")

# One waits for each that runs: no worker is idle in between, and an adaptive cluster sees a reason to grow.
_FOR_EACH_THREAD = 2


class Cluster:
    """The workers of a cluster, on behalf of one call.

    Args:
        executor: a `dask.distributed.Client`, of whatever loop.
        config: the servers that the workers ask.
        work: what they do with a recording.
        on_progress: called on the running loop after each window.

    Raises:
        InvalidRequestError: the executor is something else.
    """

    def __init__(
        self,
        executor: "Client",
        config: GatewayConfig,
        work: Work,
        on_progress: Callable[[TranscriptionProgress], None] | None,
    ) -> None:
        distributed = sys.modules.get("distributed")  # it is there when somebody has a client of it
        if distributed is None or not isinstance(executor, distributed.Client):
            raise InvalidRequestError(
                f"executor is no dask.distributed.Client but {type(executor).__name__}.",
                "Give a Client of the cluster, or leave it out.",
            )
        self._client = executor
        self._config = config
        self._work = work
        self._on_progress = on_progress
        self._loop = asyncio.get_running_loop()
        self._call = f"ipy_gateway-{uuid.uuid4().hex}"
        self._told: dict[str, TranscriptionProgress] = {}
        if on_progress:
            self._client.subscribe_topic(self._call, self._hear)

    def close(self) -> None:
        """Listen no more."""
        if self._on_progress:
            with suppress(Exception):  # the cluster may be gone
                self._client.unsubscribe_topic(self._call)

    async def room(self, concurrency: int | None) -> int:
        """How many recordings may be there at once: few more than the workers have threads for."""
        try:
            threads = sum((await self._there(self._threads())).values())
        except Exception:  # the next task fails for the same reason, and says it
            threads = 0
        return max(1, min(concurrency or sys.maxsize, _FOR_EACH_THREAD * threads))

    async def outcome_of(self, source: Source, position: int) -> Outcome:
        """What became of a recording; when this is cancelled, so is the work on the cluster."""
        name = f"{self._call}-{position}"
        self._told[name] = TranscriptionProgress(position=position)
        try:
            report = await self._report_on(source, name)
            if report.progress:
                self._tell(name, report.progress)
            return Outcome(source, report.transcript, report.error, position)
        except Exception as error:
            return Outcome(source, error=error, position=position)
        finally:
            del self._told[name]

    async def _report_on(self, source: Source, name: str) -> Report:
        topic, budgets = self._call if self._on_progress else None, applied_budgets()
        errand = Errand(name, _fit_to_travel(source), self._config, self._work, topic, budgets)
        try:
            report = await self._ran(errand)
        except Exception as error:
            raise _explained(error, name_of(source)) from error
        for budget in budgets:
            budget.add(report.spent)
        return report

    async def _ran(self, errand: Errand) -> Report:
        future: Future[Report] = self._client.submit(
            _runner(), pickle.dumps(errand), key=errand.name, pure=False
        )
        try:
            with waking_for_signals():
                return await self._there(self._gathered(future))
        except asyncio.CancelledError:
            with suppress(Exception):  # the cluster may be gone, and the work with it
                await self._there(self._cancelled(future))
            raise
        finally:
            future.release()

    # On the client's loop its methods are coroutines, also where the client is one for threads.

    async def _threads(self) -> dict[str, int]:
        threads: dict[str, int] = await self._client.nthreads()
        return threads

    async def _gathered(self, future: "Future[Report]") -> Report:
        report: Report = await future
        return report

    async def _cancelled(self, future: "Future[Report]") -> None:
        await self._client.cancel([future])

    async def _there(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Await on the loop of the client, wherever it runs.

        Where we are cancelled, that goes on there: results that are fetched together share one task of dask,
        and who cancels the fetching of one makes all later ones of the client fail.
        """
        loop: asyncio.AbstractEventLoop = self._client.loop.asyncio_loop
        return await asyncio.shield(asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop)))

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        """Take an event of the cluster, on the client's loop."""
        _, message = event
        progress = TranscriptionProgress(**message["progress"])
        with suppress(RuntimeError):  # our loop has ended: nobody wants to know
            self._loop.call_soon_threadsafe(self._tell, message["name"], progress)

    def _tell(self, name: str, progress: TranscriptionProgress) -> None:
        if not self._on_progress or name not in self._told:
            return
        progress = replace(progress, position=self._told[name].position)  # a worker sees one recording
        if progress != self._told[name]:
            self._told[name] = progress
            self._on_progress(progress)


def _runner() -> Callable[[bytes], Awaitable[Any]]:
    """What a worker calls with a pickled errand.

    It is a function in a function, which travels by value, and the errand is bytes: dask ends a worker that
    can't unpickle its task, and all of them one by one where they lack this package or have an older one.
    """

    async def run(errand: bytes) -> Any:
        import importlib
        import pickle

        worker = importlib.import_module("ipy_gateway.core.transcribing.cluster_worker")
        return await worker.run_errand(pickle.loads(errand))  # noqa: S301 - of our own client

    return run


def _fit_to_travel(source: Source) -> Source:
    """A recording as it is sent.

    Raises:
        InvalidRequestError: it can't be.
    """
    if isinstance(source, bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | bytes | PurePath):
        return source
    if isinstance(source, os.PathLike):
        return os.fspath(source)
    raise InvalidRequestError(
        f"A recording for a cluster is a path, a URL or bytes, not {type(source).__name__}.",
        "Give its path as the workers see it.",
    )


def _explained(error: Exception, name: str) -> Exception:
    """What dask says of a task, in our words."""
    from distributed import KilledWorker

    shown = repr(name) if name else "The recording"
    if isinstance(error, KilledWorker):
        return AudioProcessingError(
            f"{shown} was given up: each worker of the cluster that had it ended.",
            "Transcribe it by itself, and see the workers' logs: they may lack memory.",
        )
    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("ipy_gateway"):
        return ConfigurationError("The workers of the cluster have no ipy_gateway.", "Install it there, too.")
    reason = str(error).rstrip(".") or type(error).__name__
    return ConfigurationError(
        f"{shown} did not come back from the cluster: {reason}.",
        "Check that its scheduler and its workers run, and start again.",
    )
