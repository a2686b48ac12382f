"""%transcribe, %%chat, %%analyze and %gateway: they parse a line, ask the core, and show what it answers."""

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..core.config import GatewayConfig
from ..core.exceptions import InvalidRequestError
from ..core.messages import TranscriptText, answer_text, is_cut_off, refusal_of, text_message
from ..core.operations import analysis_of, chat_completion, transcript_of
from ..render.answers import Answer, answer_bundle
from ..render.results import config_bundle, transcript_bundle
from .display import Output, ShownValues, is_headless
from .files import file_argument, naming, read_recording
from .settings import changed


@magics_class
class GatewayMagics(Magics):
    """The magics of ipy_gateway, with the configuration that they use."""

    def __init__(self, shell: InteractiveShell, config: GatewayConfig) -> None:
        super().__init__(shell)
        self.gateway_config = config
        self._shown = ShownValues(shell)
        self._shown.add_type(TranscriptText, transcript_bundle)
        self._shown.add_type(GatewayConfig, config_bundle)

    @line_magic
    def transcribe(self, line: str) -> TranscriptText:
        """Transcribe a recording, show the transcript, and return it.

        Usage::

            %transcribe interview.m4a
            text = %transcribe "my recording.wav"
        """
        path = file_argument(line, "%transcribe")
        config = self.gateway_config
        output = Output(self._ipython, f"Transcribing {path.name}")
        with naming(path):
            transcript = output.wait_for(transcript_of(read_recording(path, config), config))
        transcript.source = path.name
        output.show(transcript_bundle(transcript, seconds=output.seconds))
        self._shown.note(transcript)
        return transcript

    @cell_magic
    def chat(self, line: str, cell: str) -> None:
        """Ask the model what the cell says, and show its answer.

        Usage::

            %%chat
            What is a decibel?
        """
        if line.strip():
            raise InvalidRequestError(
                f"%%chat takes no options, not {line.strip()!r}.", "Write the question below it."
            )
        messages = [text_message("user", _text_of(cell, "%%chat"))]
        config = self.gateway_config
        output = Output(self._ipython, "Waiting for the answer")
        completion = output.wait_for(chat_completion(messages, config))
        answer = Answer(
            text=answer_text(completion) or refusal_of(completion),
            server=completion.server,
            model=str(completion.get("model") or ""),
            finish_reason="length" if is_cut_off(completion) else None,
            seconds=output.seconds,
            is_deterministic=is_headless(self._ipython),
        )
        output.show(answer_bundle(answer))

    @cell_magic
    def analyze(self, line: str, cell: str) -> None:
        """Do with a recording what the cell says, and show the answer.

        Usage::

            %%analyze interview.m4a
            Which places are mentioned?
        """
        path = file_argument(line, "%%analyze")
        instruction = _text_of(cell, "%%analyze")
        config = self.gateway_config
        output = Output(self._ipython, f"Analyzing {path.name}")
        with naming(path):
            text = output.wait_for(analysis_of(read_recording(path, config), instruction, config))
        answer = Answer(
            text=text,
            server=text.server,
            model=text.model,
            source=path.name,
            finish_reason="length" if text.cut_off else None,
            seconds=output.seconds,
            is_deterministic=is_headless(self._ipython),
        )
        output.show(answer_bundle(answer))

    @line_magic
    def gateway(self, line: str) -> GatewayConfig:
        """Show what is configured, or change it; returns the configuration.

        Usage::

            %gateway                          show the settings
            %gateway http://localhost:8080    ask this server from now on, for text and for audio
            %gateway local://engine           ask the embedded engine: nothing leaves this computer
            %gateway http://a:80 http://b:80  ask two servers that do the same: whichever is free, and works
            %gateway set timeout_s=60         change settings, see help(GatewayConfig)
            %gateway key                      type in the key of the server that is configured
            config = %gateway                 a value for `await transcribe_audio(data, config)`
        """
        self.gateway_config = changed(self.gateway_config, line)
        Output(self._ipython, "").show(config_bundle(self.gateway_config))
        self._shown.note(self.gateway_config)
        return self.gateway_config

    def close(self) -> None:
        """Take back what was added to the shell, other than the magics themselves."""
        self._shown.close()

    @property
    def _ipython(self) -> InteractiveShell:
        assert self.shell
        return self.shell


def _text_of(cell: str, magic: str) -> str:
    text = cell.strip()
    if not text:
        raise InvalidRequestError(f"The {magic} cell is empty.", "Write the question below its first line.")
    return text
