"""Tables and arrays in words: their columns or shape, and what they start with."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from ..libraries import is_a
from .parts import Filled

MAX_WHOLE_ROWS = 30  # a summary such as describe() loses its sense without its last row
HEAD_ROWS = 10  # of a longer table
MAX_COLUMNS = 40
MAX_CELL_CHARACTERS = 80
MAX_ARRAY_VALUES = 100  # of a larger array, the three at each end are written


def filled_with_table(table: Any, label: str) -> Filled:
    """A `pandas.DataFrame` or `Series`: shape, type and missing values of each column, the first rows."""
    is_series = is_a(table, "pandas", "Series")
    frame = table.to_frame() if is_series else table
    row_count, column_count = frame.shape
    shown = frame.iloc[: row_count if row_count <= MAX_WHOLE_ROWS else HEAD_ROWS, :MAX_COLUMNS]
    size = f"{row_count:,} rows" if is_series else f"{row_count:,} rows × {column_count:,} columns"
    rows = "All rows" if len(shown) == row_count else f"First {len(shown)} rows"
    sections = [
        f"{type(table).__name__} of {size}",
        _columns_text(frame),
        f"{rows}:\n{_rows_text(shown)}" if row_count else "It has no rows.",
    ]
    return Filled(("\n\n".join(sections),), _notices(frame.shape, shown.shape, label))


def array_text(array: Any) -> str:
    """A `numpy.ndarray`: its shape, type and range, and its values or the first and last of them."""
    import numpy as np  # whoever has an array has NumPy

    heading = f"{type(array).__name__} of shape {array.shape}, dtype {array.dtype}"
    if type(array) is np.ndarray and array.size and array.dtype.kind in "iuf":
        heading += f", {_range_text(array)}"
    values = np.array2string(array, threshold=MAX_ARRAY_VALUES, max_line_width=120)
    return f"{heading}\n{values}"


def _range_text(array: Any) -> str:
    import numpy as np

    known = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    missing = [f"{array.size - known.size:,} values are NaN"] if known.size < array.size else []
    if not known.size:
        return missing[0]
    with np.errstate(all="ignore"):  # the sum of large float16 is infinite, which may be said
        extent = f"minimum {known.min()}, maximum {known.max()}, mean {known.mean():.6g}"
    return ", ".join([extent, *missing])


def _columns_text(frame: Any) -> str:
    shown = range(min(frame.shape[1], MAX_COLUMNS))
    rows = [
        [
            _cell(frame.columns[place]),
            str(frame.dtypes.iloc[place]),
            str(int(frame.iloc[:, place].isna().sum())),
        ]
        for place in shown
    ]
    return _csv_text([["column", "dtype", "missing"], *rows])


def _rows_text(head: Any) -> str:
    """The rows as CSV, with what they are called first; what is missing stays empty."""
    missing = head.isna().to_numpy()
    names = [str(name) if name is not None else "index" for name in head.index.names]
    rows = [
        [
            *_index_cells(head.index[row]),
            *("" if missing[row][place] else _cell(head.iat[row, place]) for place in range(head.shape[1])),
        ]
        for row in range(len(head))
    ]
    return _csv_text([[*names, *map(_cell, head.columns)], *rows])


def _index_cells(key: Any) -> list[str]:
    return [_cell(part) for part in (key if isinstance(key, tuple) else (key,))]


def _cell(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_CELL_CHARACTERS else f"{text[:MAX_CELL_CHARACTERS]}…"


def _csv_text(rows: Sequence[Sequence[str]]) -> str:
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows(rows)
    return target.getvalue().rstrip("\n")


def _notices(size: tuple[int, int], shown: tuple[int, int], label: str) -> tuple[str, ...]:
    left_out = [
        f"{sent} of {count:,} {what}"
        for count, sent, what in zip(size, shown, ("rows", "columns"), strict=True)
        if count > sent
    ]
    if not left_out:
        return ()
    return (f"{label} is a table, of which {' and '.join(left_out)} are sent.",)
