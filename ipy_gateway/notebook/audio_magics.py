"""%transcribe and %%analyze: they name a recording, ask the core, and show what it answers."""

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..core.exceptions import InvalidRequestError
from ..core.messages import TranscriptText
from ..core.operations import analysis_of, transcript_of
from ..render.answers import Answer, answer_bundle
from ..render.results import transcript_bundle
from .files import file_argument, naming, read_recording
from .gateway_magics import GatewayMagics


@magics_class
class AudioMagics(Magics):
    """What is done with recordings."""

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        super().__init__(shell)
        self._gateway = gateway

    @line_magic
    def transcribe(self, line: str) -> TranscriptText:
        """Transcribe a recording, show the transcript, and return it.

        Usage::

            %transcribe interview.m4a
            text = %transcribe "my recording.wav"
        """
        path = file_argument(line, "%transcribe")
        config = self._gateway.gateway_config
        output = self._gateway.output(f"Transcribing {path.name}")
        with naming(path):
            transcript = output.wait_for(transcript_of(read_recording(path, config), config))
        transcript.source = path.name
        output.show(transcript_bundle(transcript, seconds=output.seconds))
        self._gateway.shown.note(transcript)
        return transcript

    @cell_magic
    def analyze(self, line: str, cell: str) -> None:
        """Do with a recording what the cell says, and show the answer.

        Usage::

            %%analyze interview.m4a
            Which places are mentioned?
        """
        path = file_argument(line, "%%analyze")
        instruction = text_of_cell(cell, "%%analyze")
        config = self._gateway.gateway_config
        output = self._gateway.output(f"Analyzing {path.name}")
        with naming(path):
            text = output.wait_for(analysis_of(read_recording(path, config), instruction, config))
        answer = Answer(
            text=text,
            server=text.server,
            model=text.model,
            source=path.name,
            finish_reason="length" if text.cut_off else None,
            seconds=output.seconds,
            is_deterministic=self._gateway.is_headless,
        )
        output.show(answer_bundle(answer))


def text_of_cell(cell: str, magic: str) -> str:
    """What stands below the first line of a cell.

    Raises:
        InvalidRequestError: nothing.
    """
    text = cell.strip()
    if not text:
        raise InvalidRequestError(f"The {magic} cell is empty.", "Write the question below its first line.")
    return text
