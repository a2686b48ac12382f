"""What %transcribe does: it names recordings, has the core transcribe them, and shows what is said."""

from IPython.core.interactiveshell import InteractiveShell

from ..core.exceptions import GatewayError, InvalidRequestError
from ..core.transcripts.transcript import Transcript
from ..core.transcripts.transcripts import Transcripts, folder_for_files, save_as
from ..render.recordings import summary_bundle
from ..render.results import note_bundle
from ..render.transcript_view import transcript_bundle
from .batch_output import BatchOutput
from .files import naming
from .gateway_magics import GatewayMagics
from .lines.transcribe_options import TranscribeOptions, parse_transcribe_line
from .recordings import Batch
from .sources import Source, expanded, sources_named
from .values.variables import Names


class Transcribing:
    """Recordings and their transcripts."""

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        self._ipython = shell
        self._gateway = gateway

    def transcribe(self, line: str, local_ns: Names | None) -> Transcript | Transcripts:
        """What a line of %transcribe gives."""
        names = {**self._ipython.user_ns, **(local_ns or {})}
        options = parse_transcribe_line(expanded(line, names))
        sources = sources_named(options.sources, self._ipython, local_ns)
        if options.player and not sources.is_one:
            raise InvalidRequestError("--player is for one recording.", "Name one, or leave it out.")
        if options.save:
            folder_for_files(options.save)  # before hours of work
        return (self._one if sources.is_one else self._many)(sources.items, options)

    def _one(self, sources: tuple[Source, ...], options: TranscribeOptions) -> Transcript:
        (source,) = sources
        batch = Batch(sources, options, self._gateway.gateway_config, has_preview=not options.no_audio)
        output = self._gateway.batch_output(f"Transcribing {source.name}", batch)
        try:
            with naming(source.name):
                transcript = output.wait_for(batch.run_one())
        except KeyboardInterrupt:
            for transcript in batch.result:  # it is there, and its player alone is missing
                self._keep_one(transcript, output, batch)
            if not batch.result:
                output.show(note_bundle(f"Stopped. {_how_to_go_on(batch)}"))
            raise
        self._keep_one(transcript, output, batch)
        return transcript

    def _keep_one(self, transcript: Transcript, output: BatchOutput, batch: Batch) -> None:
        bundle = transcript_bundle(
            transcript,
            preview=batch.preview,
            known=batch.known[0],
            is_deterministic=self._gateway.is_headless,
        )
        output.show(bundle)
        self._hand_over(transcript, batch.options)
        if batch.options.save:
            save_as(transcript, transcript.source, batch.options.save, batch.options.formats)

    def _many(self, sources: tuple[Source, ...], options: TranscribeOptions) -> Transcripts:
        batch = Batch(sources, options, self._gateway.gateway_config)
        output = self._gateway.batch_output(f"Transcribing {len(sources)} recordings", batch)
        try:
            output.wait_for(batch.run())
        except KeyboardInterrupt:
            batch.stop()
            output.show(summary_bundle(batch.states, note=f"Stopped. {_how_to_go_on(batch)}"))
            self._keep(batch.result, options)
            raise
        output.show(summary_bundle(batch.states, is_deterministic=self._gateway.is_headless))
        result = batch.result  # the one that was shown is the one that is returned
        self._keep(result, options)
        if result.errors:
            raise _failed(result, batch)
        return result

    def _keep(self, result: Transcripts, options: TranscribeOptions) -> None:
        self._hand_over(result, options)
        if options.save:
            result.save(options.save, options.formats)

    def _hand_over(self, result: Transcript | Transcripts, options: TranscribeOptions) -> None:
        """What was shown is the user's before anything else is tried with it, such as saving it."""
        if options.output:
            self._ipython.user_ns[options.output] = result
        self._gateway.shown.note(result)


def _how_to_go_on(batch: Batch) -> str:
    """What to do when not all of it is transcribed."""
    if not batch.config.journal:
        return "Run the cell again; it begins anew, because the journal is off."
    cell = "the cell without --again" if batch.options.again else "the cell again"
    return f"Run {cell} to go on: what is done is not asked again."


def _failed(result: Transcripts, batch: Batch) -> GatewayError:
    """The error of several recordings: the cell fails, and what is there is not lost."""
    name, error = next(iter(result.errors.items()))
    count = len(result.errors)
    what = repr(name) if count == 1 else f"{count} recordings, {name!r} for one,"
    reason, hint = (error.message, error.hint) if isinstance(error, GatewayError) else (str(error), "")
    hints = [hint, _how_to_go_on(batch)]
    if result.transcripts:
        hints.append(_where_the_others_are(batch.options))
    return GatewayError(f"{what} could not be transcribed: {reason}", " ".join(filter(None, hints)))


def _where_the_others_are(options: TranscribeOptions) -> str:
    places = [options.output, repr(options.save) if options.save else None]
    named = " and ".join(filter(None, places))
    return f"The others are in {named}." if named else "With -o NAME the others are in a variable."
