"""The magics as IPython sees them: names and help. What they do is imported when the first of them runs."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import (
    Magics,
    cell_magic,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)

from .gateway_magics import GatewayMagics
from .lines.analyze_options import ANALYZE_HELP
from .lines.options import CHAT_HELP
from .lines.transcribe_options import TRANSCRIBE_HELP
from .lines.upload_options import UPLOAD_HELP

if TYPE_CHECKING:
    from .chat_magics import Chats
    from .values.variables import Names


class _OurMagics(Magics):
    """Magics that share a configuration, a loop and outputs."""

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        super().__init__(shell)
        self._gateway = gateway

    @property
    def _ipython(self) -> InteractiveShell:
        assert self.shell
        return self.shell


@magics_class
class AudioMagics(_OurMagics):
    """What is done with recordings."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    def transcribe(self, line: str, local_ns: "Names | None" = None) -> Any:
        from .audio_magics import Transcribing

        return Transcribing(self._ipython, self._gateway).transcribe(line, local_ns)

    transcribe.__doc__ = TRANSCRIBE_HELP


@magics_class
class AnalyzeMagics(_OurMagics):
    """Questions about recordings."""

    @no_var_expand
    @needs_local_scope
    @cell_magic
    def analyze(self, line: str, cell: str, local_ns: "Names | None" = None) -> Any:
        from .analyze_magic import Analyzing

        return Analyzing(self._ipython, self._gateway).analyze(line, cell, local_ns)

    analyze.__doc__ = ANALYZE_HELP


@magics_class
class ChatMagics(_OurMagics):
    """Questions and conversations."""

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def chat(self, line: str, cell: str | None = None, local_ns: "Names | None" = None) -> Any:
        return self._chats.chat(line, cell, local_ns)

    chat.__doc__ = CHAT_HELP

    def close(self) -> None:
        """Stop what is being answered in the background."""
        if "_chats" in vars(self):
            self._chats.close()

    @cached_property
    def _chats(self) -> "Chats":
        from .chat_magics import Chats

        return Chats(self._ipython, self._gateway)


@magics_class
class UploadMagics(Magics):
    """What asks the page for recordings."""

    @no_var_expand
    @line_magic
    def upload(self, line: str) -> None:
        from .upload_magic import upload

        assert self.shell
        upload(line, self.shell)

    upload.__doc__ = UPLOAD_HELP
