"""The player of a recording: its preview, its waveform, and what the page's script has to know."""

from base64 import b64encode

from ..core.recordings.preview import Preview
from .html import Html, element
from .waveform import HEIGHT_PIXELS, waveform_png

SCRIPTS = ("transcript_files.js", "transcript_search.js", "transcript.js")
STYLE = "transcript.css"

# Where a notebook is not trusted, style sheets and scripts are taken out, and only styles like these stay.
_STRIP_STYLE = "position:relative"
_WAVEFORM_STYLE = f"display:block;height:{HEIGHT_PIXELS}px;width:100%"
_PLAYER_STYLE = "display:block;width:100%"


def player_alone(preview: Preview, *, source: str) -> Html:
    """A player without a transcript.

    Args:
        preview: what it plays.
        source: name of the recording, by which links to its moments find it.
    """
    data = player_data(preview, source=source, duration_s=preview.duration_s)
    return element("div", *player_html(preview), *map(_notice, part_notice(preview)), **data)


def player_html(preview: Preview) -> list[Html]:
    """The waveform, where there is one, and what plays."""
    sound = f"data:audio/webm;base64,{b64encode(preview.data).decode()}"
    player = element("audio", controls="", src=sound, style=_PLAYER_STYLE)
    if not preview.peaks:
        return [player]
    picture = f"data:image/png;base64,{b64encode(waveform_png(preview.peaks)).decode()}"
    waveform = element("img", alt="Waveform", class_="ipg-waveform", src=picture, style=_WAVEFORM_STYLE)
    return [element("div", waveform, class_="ipg-strip", style=_STRIP_STYLE), player]


def player_data(
    preview: Preview | None, *, source: str, duration_s: float | None, times: str = ""
) -> dict[str, str]:
    """The attributes by which the script knows a recording: its name, the times of its lines, its length."""
    data = {
        "data_source": source,
        "data_times": times,
        "data_duration": f"{duration_s or 0:.3f}",
        "data_covered": f"{preview.covered_s if preview else 0:.3f}",
    }
    return {**{name: value for name, value in data.items() if value}, "class_": "ipg-recording"}


def part_notice(preview: Preview) -> list[str]:
    """Where the player has the beginning alone, a sentence that says so."""
    if preview.is_whole:
        return []
    return [f"The player has a preview of the first {_whole_length(preview.covered_s)}."]


def _notice(text: str) -> Html:
    return element("p", text, class_="ipg-notice")


def _whole_length(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
