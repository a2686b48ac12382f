"""Transcripts as tables: a row for each segment and each gap."""

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from ..exceptions import ConfigurationError
from .timeline import timeline
from .transcription import Segment

if TYPE_CHECKING:
    import pandas

    from .transcript import Transcript

COLUMNS = ("start_s", "end_s", "speaker", "text", "gap")
# What a spreadsheet takes for a formula (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠]|[\t\r]")

Row = tuple[float | None, float | None, str | None, str, str | None]


def rows_of(transcript: "Transcript") -> list[Row]:
    """The rows, by time: start, end, speaker, text, and the reason where it is a gap."""
    rows: list[Row] = [
        (span.start_s, span.end_s, span.speaker, span.text, None)
        if isinstance(span, Segment)
        else (span.start_s, span.end_s, None, "", span.reason)
        for span in timeline(transcript)
    ]
    if transcript.text and not transcript.segments:
        rows.insert(0, (None, None, None, transcript.text, None))
    return rows


def table_of(transcript: "Transcript", *, delimiter: str) -> str:
    """The rows as lines of cells, below their names. An apostrophe keeps texts from being formulas."""
    table = io.StringIO()
    writer = csv.writer(table, delimiter=delimiter, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    writer.writerows(map(_cell, row) for row in rows_of(transcript))
    return table.getvalue()


def data_frame_of(transcript: "Transcript") -> "pandas.DataFrame":
    """What `Transcript.to_dataframe` gives."""
    try:
        import pandas
    except ImportError as error:
        raise ConfigurationError(
            "A DataFrame needs pandas, which is not installed.", "Install it: pip install pandas."
        ) from error
    frame = pandas.DataFrame(rows_of(transcript), columns=list(COLUMNS))
    return frame.astype({"start_s": "float64", "end_s": "float64"})


def _cell(value: Any) -> Any:
    is_formula = isinstance(value, str) and _FORMULA.match(value)
    return f"'{value}" if is_formula else value
