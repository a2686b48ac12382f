"""Values of ours at the end of a cell: as rich outputs, and never twice.

How they look is imported with the first that is shown.
"""

from typing import Any, Final

from IPython.core.interactiveshell import InteractiveShell

TYPES: Final = tuple(
    f"ipy_gateway.{name}"
    for name in (
        "core.config.GatewayConfig",
        "core.messages.TranscriptText",
        "core.answers.replies.Reply",
        "core.transcripts.transcript.Transcript",
        "core.transcripts.transcripts.Transcripts",
        "notebook.chat.background.BackgroundAnswer",
        "notebook.chat.compare.Comparison",
    )
)


class ShownValues:
    """Rich outputs for values of ours, without showing twice what a magic has shown already.

    `%transcribe talk.wav` at the end of a cell shows its transcript and returns it, and IPython shows what is
    returned: for the value that was shown last in the running cell this does nothing.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._last: object = None
        self._hook = shell.display_trap.hook
        shell.display_trap.hook = self._display_without_repeating
        shell.events.register("post_execute", self._forget)
        for name in TYPES:
            self._formatter().for_type(name, self._display)

    def note(self, value: object) -> None:
        """This value has just been shown."""
        self._last = value

    def close(self) -> None:
        """Leave the shell as it was."""
        self._shell.events.unregister("post_execute", self._forget)
        if self._shell.display_trap.hook == self._display_without_repeating:
            self._shell.display_trap.hook = self._hook
        for name in TYPES:
            self._formatter().pop(name, None)

    def _display(self, value: object) -> None:
        if value is not self._last:
            from .display import publish
            from .shown_bundles import bundle_of

            publish(self._shell, bundle_of(value))

    def _display_without_repeating(self, value: object = None) -> None:
        """IPython's display hook, without an "Out[1]:" that nothing follows; `_` and `Out` have the value."""
        if value is None or value is not self._last:
            self._hook(value)
            return
        self._shell.displayhook.update_user_ns(value)
        self._shell.displayhook.fill_exec_result(value)

    def _forget(self) -> None:
        """The cell has ended: in the next one the value may be shown again."""
        self._last = None

    def _formatter(self) -> Any:
        assert self._shell.display_formatter
        return self._shell.display_formatter.ipython_display_formatter
