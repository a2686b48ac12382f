"""Recordings on their way to transcripts, one or many, with what is shown meanwhile."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.config import GatewayConfig
from ..core.exceptions import GatewayError
from ..core.files.temporary_files import temporary_folder
from ..core.recordings.preview import LARGE_PREVIEW, SMALL_PREVIEW, Preview, preview_of
from ..core.recordings.recording_url import fetch_recording
from ..core.transcribing.long_transcription import transcribe_many
from ..core.transcribing.outcomes import Outcome
from ..core.transcripts.transcript import Transcript
from ..core.transcripts.transcripts import Transcripts
from ..core.waiting.progress import TranscriptionProgress
from ..render.recordings import RecordingState
from .lines.transcribe_options import TranscribeOptions
from .sources import Source


@dataclass
class Batch:
    """Recordings that are transcribed together, and how far each has come.

    Attributes:
        sources: the recordings.
        options: how they are wanted.
        config: servers, key and limits.
        has_preview: whether a preview is made, of the one recording.
        preview: it, once it is made.
        states: how far each is, by its place among the sources; changed on the loop, read by who paints.
        outcomes: what has become of those that have ended, by their place.
        known: of each whether it was in the journal: "known already", "known in part", or "".
    """

    sources: Sequence[Source]
    options: TranscribeOptions
    config: GatewayConfig
    has_preview: bool = False
    preview: Preview | None = None
    states: list[RecordingState] = field(default_factory=list)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = [RecordingState(source.name) for source in self.sources]
        self._given: list[int] = []  # those that were handed on: an address that fails is not
        self.known = [""] * len(self.sources)

    @property
    def result(self) -> Transcripts:
        """What has come of those that have ended, in the order of the sources."""
        ended = [(self.sources[number].name, outcome) for number, outcome in sorted(self.outcomes.items())]
        return Transcripts(
            {name: replace(one.transcript, source=name) for name, one in ended if one.transcript},
            {name: one.error for name, one in ended if one.error},
        )

    async def run_one(self) -> Transcript:
        """Transcribe the only recording.

        Raises:
            GatewayError: why there is no transcript.
        """
        await self.run()
        return self.result[self.sources[0].name]

    async def run(self) -> None:
        """Transcribe all; what fails is an outcome like any other.

        Raises:
            InvalidRequestError: an option has a wrong value; nothing was sent.
        """
        options = self.options
        with temporary_folder() as folder:
            outcomes = transcribe_many(
                self._fetched(folder),
                _config_for(options, self.config),
                concurrency=options.jobs or 4,
                language=options.language,
                prompt=options.prompt,
                words=options.words,
                on_progress=self._note,
                again=options.again,
            )
            async with aclosing(outcomes):
                async for outcome in outcomes:
                    self._end(self._given[outcome.position], outcome)  # first: the rest may be stopped
                    if self.has_preview and outcome.transcript:
                        limits = LARGE_PREVIEW if options.player else SMALL_PREVIEW
                        self.preview = await preview_of(outcome.source, self.config, limits=limits)
                    if isinstance(outcome.source, Path) and outcome.source.parent == folder:
                        _remove(outcome.source)  # together, fetched recordings may fill the disk

    async def _fetched(self, folder: Path) -> AsyncGenerator[Path | bytes, None]:
        """The recordings, those from addresses fetched one by one when there is room for them."""
        for number, source in enumerate(self.sources):
            self._change(number, state="under way")
            place = source.place
            if isinstance(place, str):
                path = folder / str(number)
                try:
                    await fetch_recording(place, path, self.config, name=source.name)
                except GatewayError as error:
                    _remove(path)  # what has come of it
                    self._end(number, Outcome(place, error=error))
                    continue
                place = path
            self._given.append(number)
            yield place

    def stop(self) -> None:
        """Note that what has not ended by now was stopped."""
        for number, state in enumerate(self.states):
            if state.state in ("waiting", "under way"):
                self._change(number, state="stopped")

    def _note(self, progress: TranscriptionProgress) -> None:
        number = self._given[progress.position]
        self._change(number, length_s=progress.total_s, done_s=progress.done_s)
        if progress.from_journal:
            self.known[number] = "known already" if progress.is_known else "known in part"

    def _end(self, number: int, outcome: Outcome) -> None:
        self.outcomes[number] = outcome
        transcript = outcome.transcript
        if transcript is None:
            error = outcome.error
            problem = error.message if isinstance(error, GatewayError) else f"{type(error).__name__}: {error}"
            self._change(number, state="failed", problem=problem)
            return
        self._change(
            number,
            state="known already" if self.known[number] == "known already" else "done",
            length_s=transcript.duration_s,
            seconds=None if self.known[number] else transcript.seconds,  # it tells nothing of speed
            problem=problems_of(transcript),
        )

    def _change(self, number: int, **changes: Any) -> None:
        self.states[number] = replace(self.states[number], **changes)


def problems_of(transcript: Transcript) -> str:
    """What is missing of a transcript, and what else is to be known of it, or ""."""
    return "; ".join([*map(str, transcript.gaps), *transcript.notices])


def _remove(path: Path) -> None:
    with suppress(OSError):  # on Windows, whoever looks at a file keeps it
        path.unlink()


def _config_for(options: TranscribeOptions, config: GatewayConfig) -> GatewayConfig:
    return replace(config, audio_model=options.model) if options.model else config
