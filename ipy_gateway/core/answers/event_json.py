"""The JSON of events: read leniently, with what the extra `fast` brings where it is installed."""

import importlib
import json
from collections.abc import Callable
from functools import cache
from json.scanner import make_scanner
from typing import Any, Final

# Without what json.loads does around it, which takes as long again for an event of a token.
_SCAN: Final = make_scanner(json.JSONDecoder())  # type: ignore[arg-type]  # it is no scanner, but makes one


def json_of(data: str) -> Any:
    """The JSON of an event without white space around it, or None where it is none.

    Raises:
        RecursionError: it is nested too deeply.
    """
    fast = _fast_json()
    if fast:
        try:
            return fast.loads(data)
        except ValueError:  # NaN, large numbers, halves of characters: what it is too strict for
            pass
    try:
        body, end = _SCAN(data, 0)
    except (ValueError, StopIteration):
        return None
    if end < len(data):
        return None
    return _without_lone_surrogates(body) if _may_have_lone_surrogates(data) else body


def json_reader() -> Callable[[str], Any]:
    """What reads nearly all JSON fast, and raises some error of the rest: `json_of` says what it is."""
    fast = _fast_json()
    reader: Callable[[str], Any] = fast.loads if fast else _plain_json
    return reader


def _plain_json(data: str) -> Any:
    body, end = _SCAN(data, 0)
    if end < len(data) or _may_have_lone_surrogates(data):
        raise ValueError
    return body


def _may_have_lone_surrogates(data: str) -> bool:
    return "\\" in data and ("\\ud" in data or "\\uD" in data)


def _without_lone_surrogates(body: Any) -> Any:
    """Half of a character, escaped in JSON, would break whoever encodes the text later."""
    text = json.dumps(body, ensure_ascii=False)
    return json.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


@cache
def _fast_json() -> Any:
    """What the extra `fast` brings, where it is installed."""
    try:
        return importlib.import_module("orjson")
    except ImportError:
        return None
