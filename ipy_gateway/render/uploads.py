"""What stays of an upload widget in a saved notebook, where the widget itself is gone."""

from .bundle import Bundle
from .html import block, element

NOTHING_YET = "Nothing has been transcribed here yet. Run the cell to choose or record something."


def saved_bundle(transcript: Bundle | None, key: str) -> Bundle:
    """The output beside a widget, which is hidden as long as the widget itself is there.

    Args:
        transcript: what the widget shows, or None as long as that is nothing.
        key: what the widget knows it by.
    """
    shown = transcript.html if transcript else element("p", NOTHING_YET, class_="ipg-facts")
    html = block(
        element("div", shown, class_=f"ipg-upload-saved ipg-saved-{key}"), styles=("upload_saved.css",)
    )
    return Bundle(
        transcript.text if transcript else NOTHING_YET, html, transcript.facts if transcript else {}
    )
