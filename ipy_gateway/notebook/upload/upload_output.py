"""The output beside an upload widget, which shows its transcript where the widget itself is gone."""

import uuid

from IPython.display import publish_display_data

from ...render.bundle import Bundle
from ...render.uploads import saved_bundle


class SavedOutput:
    """An ordinary output for each place where the widget is shown, hidden as long as the widget is there.

    A front end saves what an output shows, and of a widget only a name that nobody knows later.

    Attributes:
        key: what the widget knows it by.
        bundle: what is shown.
    """

    def __init__(self) -> None:
        self.key = uuid.uuid4().hex
        self._display_ids: list[str] = []
        self.bundle = saved_bundle(None, self.key)

    def show(self) -> None:
        """Add an output to the running cell."""
        display_id = uuid.uuid4().hex
        self._display_ids.append(display_id)
        self._publish(display_id, is_new=True)

    def change(self, transcript: Bundle | None) -> None:
        """Show this transcript, or none, in all of them from now on."""
        self.bundle = saved_bundle(transcript, self.key)
        for display_id in self._display_ids:
            self._publish(display_id, is_new=False)

    def _publish(self, display_id: str, *, is_new: bool) -> None:
        publish_display_data(
            self.bundle.data,
            self.bundle.metadata,
            transient={"display_id": display_id},
            **({} if is_new else {"update": True}),
        )
