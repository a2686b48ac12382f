"""Uploads on their way to transcripts, one after the other, on the gateway's loop."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from ...core.config import GatewayConfig
from ...core.exceptions import InvalidRequestError
from ...core.recordings.preview import Preview, preview_of
from ...core.transcribing.long_transcription import transcribe_many
from ...core.transcribing.outcomes import Outcome
from ...core.transcripts.transcript import Transcript
from ...core.waiting.progress import Progress, TranscriptionProgress, progress_to
from ...render.bundle import Bundle
from ...render.text import duration, megabytes
from ...render.transcript_view import transcript_bundle
from ..gateway_magics import notebook_config
from ..loop import Job, gateway_loop
from .upload_spool import Upload


@dataclass(frozen=True, slots=True)
class Wish:
    """How recordings are to be transcribed, as `%transcribe` has it.

    Attributes:
        config: gives servers, key and limits when a transcription begins.
        language: language code, or None.
        prompt: words that may occur, or None.
        words: whether to ask for the times of words.
        again: whether to transcribe anew what is known.
        model: name of the model, or None.
    """

    config: Callable[[], GatewayConfig]
    language: str | None = None
    prompt: str | None = None
    words: bool = False
    again: bool = False
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording that has been transcribed.

    Attributes:
        upload: the recording.
        transcript: what is said in it.
        preview: what a player plays, or None.
        is_known: whether all of it was heard before, so that nobody was asked.
    """

    upload: Upload
    transcript: Transcript
    preview: Preview | None
    is_known: bool

    @property
    def bundle(self) -> Bundle:
        """What shows it; how fast it was says nothing where nobody was asked."""
        known = "known already" if self.is_known else ""
        return transcript_bundle(self.transcript, preview=self.preview, known=known)


@dataclass(frozen=True, slots=True)
class Step:
    """How far a transcription has come.

    Attributes:
        upload: the recording.
        share: how much of it is through, from 0 to 1.
        text: the same in words.
    """

    upload: Upload
    share: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """A recording that has no transcript.

    Attributes:
        upload: the recording.
        error: why.
    """

    upload: Upload
    error: Exception


class UploadQueue:
    """Recordings that wait for their turn. Its methods may be called on any thread.

    Args:
        wish: how they are to be transcribed.
        tell: called on the thread of the gateway's loop with every `Step`, and with what became of each.
    """

    def __init__(self, wish: Wish, tell: Callable[[Step | Heard | Failed], None]) -> None:
        self._wish = wish
        self._tell = tell
        self._jobs: dict[str, Job[None]] = {}
        self._lock = threading.Lock()
        self._turn = asyncio.Lock()

    def add(self, upload: Upload) -> None:
        """Transcribe a recording when those before it have ended."""
        with self._lock:
            self._jobs[upload.id] = gateway_loop().submit(
                self._work(upload), at_end=lambda job: self._forget(upload.id, job)
            )

    def cancel(self, upload_id: str) -> None:
        """Stop a transcription, here and at its server, and tell no more of it."""
        with self._lock:
            job = self._jobs.pop(upload_id, None)
        if job:
            job.cancel()

    def close(self) -> None:
        """Stop all."""
        for upload_id in list(self._jobs):
            self.cancel(upload_id)

    def _forget(self, upload_id: str, job: Job[None]) -> None:
        with self._lock:
            if self._jobs.get(upload_id) is job:
                del self._jobs[upload_id]

    async def _work(self, upload: Upload) -> None:
        async with self._turn:
            self._tell(Step(upload))
            try:
                ended: Heard | Failed = await self._heard(upload)
            except Exception as error:
                ended = Failed(upload, error)
            self._tell(ended)

    async def _heard(self, upload: Upload) -> Heard:
        config = self._wish.config()
        if self._wish.model:
            config = replace(config, audio_model=self._wish.model)
        last = TranscriptionProgress()

        def tell(progress: TranscriptionProgress) -> None:
            nonlocal last
            last = progress
            self._tell(_step(upload, progress))

        with progress_to(self._tell_of_model(upload)):
            async with aclosing(self._outcomes(upload, config, tell)) as outcomes:
                outcome = await anext(outcomes)
        if outcome.transcript is None:
            raise outcome.error or RuntimeError("The transcription ended without a result.")
        preview = await preview_of(upload.path, config)
        return Heard(upload, replace(outcome.transcript, source=upload.name), preview, last.is_known)

    def _outcomes(
        self, upload: Upload, config: GatewayConfig, tell: Callable[[TranscriptionProgress], None]
    ) -> AsyncGenerator[Outcome, None]:
        wish = self._wish
        return transcribe_many(
            [upload.path],
            config,
            language=wish.language,
            prompt=wish.prompt,
            words=wish.words,
            again=wish.again,
            on_progress=tell,
        )

    def _tell_of_model(self, upload: Upload) -> Callable[[Progress], None]:
        loop = asyncio.get_running_loop()

        def tell(progress: Progress) -> None:  # on whichever thread fetches it
            loop.call_soon_threadsafe(self._tell, _fetching(upload, progress))

        return tell


def configuration(config: GatewayConfig | None) -> Callable[[], GatewayConfig]:
    """What gives the configuration of a transcription: this one, or else the notebook's at that time.

    Raises:
        InvalidRequestError: it is none.
    """
    if config is None:
        return notebook_config
    if not isinstance(config, GatewayConfig):
        raise InvalidRequestError(
            f"config is no GatewayConfig but {type(config).__name__}.", "Give one, or leave it out."
        )
    return lambda: config


def _step(upload: Upload, progress: TranscriptionProgress) -> Step:
    if not progress.total_s:
        return Step(upload, text=duration(progress.done_s))
    share = min(progress.done_s / progress.total_s, 1.0)
    return Step(upload, share, f"{duration(progress.done_s)} of {duration(progress.total_s)}")


def _fetching(upload: Upload, progress: Progress) -> Step:
    """What has to be there before the first window: a model is fetched."""
    if not progress.total_bytes or progress.done_bytes is None:
        return Step(upload, text=progress.what)
    of = f"{megabytes(progress.done_bytes)} of {megabytes(progress.total_bytes)}"
    return Step(upload, text=f"Fetching {progress.what}: {of}")
