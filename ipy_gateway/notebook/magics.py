"""%transcribe, %%chat, %%analyze and %gateway: they parse a line, ask the core, and show what it answers."""

import dataclasses
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..core.config import GatewayConfig
from ..core.exceptions import InvalidRequestError
from ..core.messages import answer_text, is_cut_off, text_message
from ..core.operations import analyze_audio, chat_completion, transcribe_audio
from ..render.results import answer_bundle, config_bundle, transcript_bundle
from .display import Output, ShownValues
from .files import file_argument, read_recording


class TranscriptText(str):
    """A transcript: a string that also knows its recording and shows itself as a magic shows it.

    Attributes:
        source: name of the recording.
        server: base URL of who transcribed it.
    """

    source: str
    server: str

    def __new__(cls, text: str, *, source: str, server: str) -> "TranscriptText":
        """The text of a recording."""
        self = super().__new__(cls, text)
        self.source = source
        self.server = server
        return self

    def __getnewargs_ex__(self) -> Any:
        return (str(self),), {"source": self.source, "server": self.server}


@magics_class
class GatewayMagics(Magics):
    """The magics of ipy_gateway, with the configuration that they use."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.gateway_config = GatewayConfig.from_env()
        self._shown = ShownValues(shell)
        self._shown.add_type(TranscriptText, _bundle_of_transcript)
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
        text = output.wait_for(transcribe_audio(read_recording(path, config), config))
        transcript = TranscriptText(text, source=path.name, server=text.server)
        output.show(_bundle_of_transcript(transcript, seconds=output.seconds))
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
        bundle = answer_bundle(
            answer_text(completion),
            server=completion.server,
            model=str(completion.get("model") or ""),
            cut_off=is_cut_off(completion),
            seconds=output.seconds,
        )
        output.show(bundle)

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
        text = output.wait_for(analyze_audio(read_recording(path, config), instruction, config))
        output.show(answer_bundle(text, server=text.server, source=path.name, seconds=output.seconds))

    @line_magic
    def gateway(self, line: str) -> GatewayConfig:
        """Show what is configured, or set the server; returns the configuration.

        Usage::

            %gateway                          show the settings
            %gateway http://localhost:8080    ask this server from now on
            %gateway local://engine           ask the embedded engine
            %gateway http://a:80 http://b:80  ask two servers that do the same: whichever is free, and works
            config = %gateway                 a value for `await transcribe_audio(data, config)`
        """
        urls = line.replace(",", " ").split()
        if urls:
            servers = urls[0] if len(urls) == 1 else tuple(urls)
            self.gateway_config = dataclasses.replace(self.gateway_config, text_base_url=servers)
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


def _bundle_of_transcript(transcript: TranscriptText, seconds: float | None = None) -> Any:
    return transcript_bundle(
        str(transcript), source=transcript.source, server=transcript.server, seconds=seconds
    )
