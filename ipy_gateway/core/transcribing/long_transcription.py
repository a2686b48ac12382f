"""Recordings of any length written down: one, or many of them, each as soon as it is done."""

import asyncio
import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..config import GatewayConfig
from ..exceptions import IncompleteAnswerWarning, InvalidRequestError
from ..files.random_access import FileBytes
from ..recordings.recording_kinds import recognize
from ..recordings.recording_source import OpenSource, Source, open_source
from ..recordings.sound_stream import Stated, stated_by
from ..transcripts.transcript import Transcript
from ..waiting.as_they_end import as_they_end
from ..waiting.progress import TranscriptionProgress
from ..waiting.signals import waking_for_signals
from .cluster import Cluster
from .joining import end_that_is_missing, put_together
from .journal import Journal
from .kept_answers import KeptAnswers
from .outcomes import Outcome
from .recording_windows import recording_windows
from .window_lengths import windows_at_once
from .window_requests import Wish
from .window_run import WindowRun

if TYPE_CHECKING:
    from distributed import Client

_AT_ONCE = 4
OnProgress = Callable[[TranscriptionProgress], None]


async def transcribe(
    source: Source,
    config: GatewayConfig,
    *,
    language: str | None = None,
    prompt: str | None = None,
    words: bool = False,
    on_progress: OnProgress | None = None,
    again: bool = False,
) -> Transcript:
    """What is said in a recording, however long it is.

        transcript = await transcribe("conference.m4a", config, on_progress=print)

    The recording is decoded piece by piece and sent in windows, which are cut at pauses; several are under
    way at once. What was heard in each is kept in a journal: a call that was interrupted, or some of whose
    windows failed, asks only for what is missing when it is made again.

    Args:
        source: the path of the recording, its bytes, or a binary file object, which is read to its end; or
            its URL, such as s3://bucket/talk.wav, which fsspec opens where that is installed.
        config: where to send it; `window_s`, `max_requests` and `journal` say how.
        language: ISO 639-1 code of what is spoken, where that is known.
        prompt: words that may occur, such as names.
        words: whether the times of single words are wanted; not every server gives them.
        on_progress: called after each window, on the thread of the event loop.
        again: ask for everything anew, whatever the journal holds.

    Returns:
        Text and segments with times from the start of the recording. A window that failed, even when it was
        tried again, is one of its `gaps`, and so is the end of a file that states to be longer than its
        sound is; a warning tells of them, too. Where the server gives no times, a segment is a sentence,
        and its times are a guess.

    Raises:
        AudioProcessingError: the recording can't be used, or is longer than a day; its error_type says why.
        InvalidRequestError: an argument is wrong; nothing was sent.
        UpstreamError: no window could be transcribed; what was said of the first.
        ConfigurationError: the embedded engine is asked and not installed.
    """
    wish = Wish(language, prompt, words)
    transcript = await _transcript_alone(source, config, on_progress, wish=wish, again=again)
    _warn_of_problems(transcript)
    return transcript


async def transcribe_many(
    sources: Iterable[Source] | AsyncIterable[Source],
    config: GatewayConfig,
    *,
    concurrency: int | None = None,
    language: str | None = None,
    prompt: str | None = None,
    words: bool = False,
    on_progress: OnProgress | None = None,
    again: bool = False,
    executor: "Client | None" = None,
) -> AsyncGenerator[Outcome, None]:
    """What is said in many recordings, each as soon as it is done.

        async for outcome in transcribe_many(Path("talks").glob("*.mp3"), config):
            print(outcome.source, outcome.transcript or outcome.error)

    One that fails has its error as its outcome, and the others go on. All of them together have as many
    windows under way as `transcribe` has for one. No source is taken before there is room for it: who is slow
    to take the outcomes is waited for.

    With an `executor`, the workers of a dask cluster do the work: each opens the paths and URLs as it sees
    them, has its own connections, and keeps its own journal, in the data folder of its user. No key leaves
    this process: a worker takes its own from its environment, as `GatewayConfig.from_env` does. What a worker
    had when it was lost is done again by another, and where there is none, it waits for one. There, each
    recording has as many windows under way as `transcribe` has. Closing the generator takes back all that is
    on the cluster, and the workers stop asking within a second.

        async for outcome in transcribe_many(urls, config, executor=Client("tcp://scheduler:8786")):
            ...

    Args:
        sources: recordings as `transcribe` takes them, in any iterable; for a cluster, no file objects.
        config: where to send them.
        concurrency: how many recordings are open at once: 4 by default, and on a cluster twice as many as its
            workers have threads, which is also the most.
        language: as in `transcribe`, for all of them.
        prompt: as in `transcribe`.
        words: as in `transcribe`.
        on_progress: as in `transcribe`; its `position` says which recording it is about.
        again: as in `transcribe`.
        executor: a `dask.distributed.Client`, with or without `asynchronous=True`.

    Yields:
        An outcome for each source, in the order in which they are done.

    Raises:
        InvalidRequestError: an argument is wrong; nothing was sent.
    """
    if concurrency is not None and (not isinstance(concurrency, int) or concurrency < 1):
        raise InvalidRequestError(f"concurrency is {concurrency!r:.40}.", "Give a number of at least 1.")
    wish = Wish(language, prompt, words)
    shared = _Shared.of(config, wish, on_progress=on_progress, again=again)
    work = partial(_transcript_alone, wish=wish, again=again)
    cluster = Cluster(executor, config, work, on_progress) if executor is not None else None
    outcome_of = cluster.outcome_of if cluster else partial(_outcome_of, shared=shared)

    async def room() -> int:
        return await cluster.room(concurrency) if cluster else concurrency or _AT_ONCE

    outcomes = as_they_end(outcome_of, _one_by_one(sources), room)
    try:
        async with aclosing(outcomes):
            async for outcome in outcomes:
                yield outcome
    finally:
        if cluster:
            cluster.close()
        await shared.journal.close()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the recordings of one call have in common."""

    config: GatewayConfig
    wish: Wish
    on_progress: OnProgress | None
    again: bool
    slots: asyncio.Semaphore
    journal: Journal

    @classmethod
    def of(
        cls, config: GatewayConfig, wish: Wish, *, on_progress: OnProgress | None, again: bool
    ) -> "_Shared":
        for name in ("language", "prompt"):
            value = getattr(wish, name)
            if value is not None and not isinstance(value, str):
                raise InvalidRequestError(
                    f"{name} is not a string but {type(value).__name__}.",
                    f"Leave out {name}, or give a string.",
                )
        slots = asyncio.Semaphore(windows_at_once(config))
        return cls(config, wish, on_progress, again, slots, Journal(is_on=config.journal))


async def _outcome_of(source: Source, position: int, *, shared: _Shared) -> Outcome:
    try:
        transcript = await _transcript_of(source, shared, position)
        return Outcome(source, transcript, position=position)
    except Exception as error:
        return Outcome(source, error=error, position=position)


async def _one_by_one(
    sources: Iterable[Source] | AsyncIterable[Source],
) -> AsyncGenerator[Source, None]:
    if isinstance(sources, AsyncIterable):
        async for source in sources:
            yield source
    else:
        for source in sources:
            yield source


async def _transcript_alone(
    source: Source, config: GatewayConfig, on_progress: OnProgress | None, *, wish: Wish, again: bool
) -> Transcript:
    shared = _Shared.of(config, wish, on_progress=on_progress, again=again)
    try:
        return await _transcript_of(source, shared)
    finally:
        await shared.journal.close()


async def _transcript_of(source: Source, shared: _Shared, position: int = 0) -> Transcript:
    started_s = time.monotonic()
    config = shared.config
    with waking_for_signals():
        async with open_source(source) as opened:
            accepts_truncated = config.audio_preprocess_enabled is True
            recording = await asyncio.to_thread(recognize, opened.content, accept_truncated=accepts_truncated)
            stated = Stated(recording.duration_s)
            if stated.duration_s is None:
                stated = await stated_by(opened.content, recording, config)
            run = WindowRun(
                KeptAnswers(shared.journal, config, shared.wish, opened.name),
                position=position,
                slots=shared.slots,
                again=shared.again,
                on_progress=shared.on_progress,
                total_s=stated.duration_s,
            )
            windows = recording_windows(opened.content, recording, config, run.window_s)
            async with aclosing(windows):
                await run.hear(windows)
            notices = list(_notices(opened, stated))
    whole, gaps = put_together(run.heard)
    if not stated.is_estimate:
        gaps += end_that_is_missing(run.end_s, stated.duration_s)
    server, model = run.server_and_model
    return Transcript.from_transcription(
        whole,
        source=opened.name,
        model=model,
        server=server,
        seconds=time.monotonic() - started_s,
        gaps=gaps,
        notices=notices,
    )


def _notices(opened: OpenSource, stated: Stated) -> Iterator[str]:
    if isinstance(opened.content, FileBytes) and opened.content.has_changed:
        yield "The recording was written to while it was transcribed: do it again once it is complete."
    if stated.sound_tracks > 1:
        yield f"The recording has {stated.sound_tracks} sound tracks, and the first of them was transcribed."


def _warn_of_problems(transcript: Transcript) -> None:
    missing = ""
    if transcript.gaps:
        count = len(transcript.gaps)
        parts = "1 part" if count == 1 else f"{count} parts"
        missing = f"{parts} of the recording could not be transcribed: {transcript.gaps[0]}"
    elif transcript.cut_off:
        missing = "A part of the answer was cut off at the server's length limit: what follows is missing."
    for message in filter(None, [*transcript.notices, missing]):
        warnings.warn(message, IncompleteAnswerWarning, stacklevel=3)
