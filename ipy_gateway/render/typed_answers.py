"""What a typed answer looks like: its values in a table, or its JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .answers import Answer, answer_facts, answer_footer, answer_notices
from .bundle import Bundle
from .html import Html, block, element

SHOWN_ROWS = 100
SHOWN_COLUMNS = 30


def typed_bundle(value: Any, answer: Answer) -> Bundle:
    """A value as JSON has it, with who gave it."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    notices = answer_notices(answer)
    html = block(
        _shown(value),
        *(element("p", notice, class_="ipg-notice") for notice in notices),
        element("p", answer_footer(answer), class_="ipg-facts"),
    )
    return Bundle("\n".join([text, *(f"[{notice}]" for notice in notices)]), html, answer_facts(answer))


def not_typed_bundle(text: str, label: str) -> Bundle:
    """An answer that is not what was asked for, so that it is not lost."""
    said = f"The answer is no {label}:"
    shown = element("p", text, class_="ipg-transcript")
    return Bundle(f"{said}\n{text}", block(element("p", said, class_="ipg-notice"), shown))


def _shown(value: Any) -> Html:
    if isinstance(value, Mapping) and value:
        return element("table", *(_field(name, one) for name, one in value.items()), class_="ipg-settings")
    if isinstance(value, list) and value and all(isinstance(row, Mapping) for row in value):
        return _table(value)
    return element("p", _cell(value), class_="ipg-transcript")


def _field(name: str, value: Any) -> Html:
    return element("tr", element("th", name, scope="row"), element("td", _cell(value)))


def _table(rows: Sequence[Mapping[str, Any]]) -> Html:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    shown = columns[:SHOWN_COLUMNS]
    head = element("tr", *(element("th", name, scope="col") for name in shown))
    lines = [
        element("tr", *(element("td", _cell(row[name]) if name in row else "") for name in shown))
        for row in rows[:SHOWN_ROWS]
    ]
    table = element("table", head, *lines, class_="ipg-recordings")
    left_out = [
        f"and {count:,} more {what}"
        for count, what in ((len(rows) - SHOWN_ROWS, "rows"), (len(columns) - SHOWN_COLUMNS, "columns"))
        if count > 0
    ]
    return element("div", table, *(element("p", one, class_="ipg-notice") for one in left_out))


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
