"""The output of recordings while they are transcribed: one with its progress, or a table of many."""

from IPython.core.interactiveshell import InteractiveShell

from ..render.bundle import Bundle
from ..render.recordings import RecordingState, one_progress_bundle, progress_bundle
from .display import Output
from .loop import Bridge
from .recordings import Batch


class BatchOutput(Output):
    """The output of `%transcribe`: how far the recordings have come, then what has become of them."""

    def __init__(
        self, shell: InteractiveShell, what: str, batch: Batch, bridge: Bridge | None = None
    ) -> None:
        super().__init__(shell, what, bridge)
        self._batch = batch

    def _repaint(self) -> None:
        states = list(self._batch.states)
        is_told = len(states) > 1 or states[0].done_s
        if self._progress or not is_told:  # a model is fetched, or nothing is known yet
            super()._repaint()
        elif self._is_time():
            self._replace(self._progress_of(states))

    def _progress_of(self, states: list[RecordingState]) -> Bundle:
        if len(states) == 1:
            return one_progress_bundle(self._what, states[0], seconds=self.seconds)
        return progress_bundle(states, seconds=self.seconds)
