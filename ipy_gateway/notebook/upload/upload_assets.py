"""The page's side of the upload widget: one module and one style sheet, from their files."""

from importlib import resources
from typing import Final

_SCRIPTS = (
    *("upload_transfer.js", "upload_sound.js", "upload_recorder.js", "upload_session.js"),
    *("upload_list.js", "upload_panels.js", "upload.js"),
)


def _text(name: str) -> str:
    return resources.files(__package__).joinpath("static", name).read_text("utf-8")


# A module that comes as text can import no other: its parts are put together here.
MODULE: Final = "\n".join(map(_text, _SCRIPTS))
STYLE: Final = _text("upload.css")
