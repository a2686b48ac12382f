"""What a dry run looks like: everything that a question would send, and nothing that is secret."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.requests.charges import part_seconds
from ..core.routing import is_audio_part
from .bundle import Bundle
from .html import Html, block, element
from .text import duration, file_size

SHOWN_CHARACTERS = 2000
NOTHING_SENT = "Dry run: nothing was sent."


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRun:
    """What would be sent.

    Attributes:
        servers: the base URLs that would be asked, in the order of preference.
        has_key: whether a key would go along, or None where that is not told.
        params: fields of the request other than the messages.
        messages: the messages, those of the conversation included.
        values: what each variable became, with its size.
        tokens: how many tokens the messages take, estimated.
        notices: sentences about what would be left out, cut or spent.
    """

    servers: Sequence[str]
    has_key: bool | None
    params: Mapping[str, Any]
    messages: Sequence[Mapping[str, Any]]
    values: Sequence[tuple[str, str]] = ()
    tokens: int
    notices: Sequence[str] = field(default=())


def dry_run_bundle(run: DryRun) -> Bundle:
    """All of it: settings, variables, messages."""
    rows = [*_settings(run), *run.values]
    messages = [(str(message.get("role")), _content(message.get("content"))) for message in run.messages]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    said = [f"{role}: {text}" for role, text in messages]
    notices = [f"[{notice}]" for notice in run.notices]
    html = block(
        element("p", NOTHING_SENT, class_="ipg-notice"),
        element("table", *(_row(name, value) for name, value in rows), class_="ipg-settings"),
        *(_message(role, text) for role, text in messages),
        *(element("p", notice, class_="ipg-notice") for notice in run.notices),
    )
    return Bundle("\n".join([NOTHING_SENT, *lines, "", *said, *notices]), html)


def _settings(run: DryRun) -> list[tuple[str, str]]:
    return [
        ("to", ", ".join(run.servers)),
        *([] if run.has_key is None else [("key", "goes along" if run.has_key else "none")]),
        *((name, _param(value)) for name, value in run.params.items()),
        ("tokens", f"about {run.tokens:,}, without the answer"),
    ]


def _param(value: Any) -> str:
    return _capped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=repr))


def _content(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(map(_part, content))
    return _capped(str(content or ""))


def _part(part: Any) -> str:
    if not isinstance(part, Mapping):
        return _capped(str(part))
    if is_audio_part(part):
        seconds, byte_count = part_seconds(part)
        return f"[recording, {duration(seconds)}, {file_size(byte_count)}]"
    if part.get("type") == "image_url":
        url = part.get("image_url")
        address = str(url.get("url") if isinstance(url, Mapping) else url)
        head, _, data = address.partition(",")
        kind = head.removeprefix("data:").partition(";")[0]
        return f"[picture, {kind}, {file_size(len(data) * 3 // 4)}]" if data else f"[picture, {address:.200}]"
    return _capped(str(part.get("text") or f"[{part.get('type')}]"))


def _capped(text: str) -> str:
    left_out = len(text) - SHOWN_CHARACTERS
    return text if left_out <= 0 else f"{text[:SHOWN_CHARACTERS]}\n[... {left_out:,} more characters]"


def _row(name: str, value: str) -> Html:
    return element("tr", element("th", name, scope="row"), element("td", value))


def _message(role: str, text: str) -> Html:
    shown = element("p", text, class_="ipg-transcript")
    return element("div", element("p", role, class_="ipg-facts"), shown, class_="ipg-message")
