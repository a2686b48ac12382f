"""What a transcript, a configuration and a waiting look like."""

from collections.abc import Collection, Sequence
from dataclasses import fields

from ..core.config import GatewayConfig
from ..core.messages import TranscriptText
from ..core.waiting.progress import Progress
from .answers import CUT_OFF
from .bundle import Bundle
from .html import Html, block, element, fragment
from .text import duration, megabytes

KEYS = ("api_key", "audio_api_key")
NO_SPEECH = "(no speech)"


def transcript_bundle(transcript: TranscriptText, *, seconds: float | None = None) -> Bundle:
    """A transcript with the name of its recording and of who wrote it down."""
    shown = str(transcript) or NO_SPEECH
    by = f"transcribed by {transcript.server}" if transcript.server else ""
    notice = CUT_OFF if transcript.cut_off else ""
    footer = " · ".join(filter(None, [transcript.source, by, notice]))
    html = block(element("p", shown, class_="ipg-transcript"), element("p", footer, class_="ipg-facts"))
    facts = {
        "source": transcript.source,
        "server": transcript.server,
        "model": transcript.model,
        "cut_off": transcript.cut_off,
        "seconds": seconds,
    }
    return Bundle(f"{shown}\n[{notice}]" if notice else shown, html, facts)


def config_bundle(config: GatewayConfig, *, shows_keys: bool = True) -> Bundle:
    """The settings of a configuration; of keys only whether there are any, and for which host."""
    rows = _rows(config, shows_keys=shows_keys)
    return Bundle(_lines(rows), block(_table(rows)))


def changes_bundle(
    before: GatewayConfig, after: GatewayConfig, *, named: Collection[str] | None = None
) -> Bundle:
    """The settings that are others now; or those that are named, without keys, whatever they were before."""
    rows = [
        (name, text)
        for name, text in _rows(after, shows_keys=named is None)
        if (getattr(before, name) != getattr(after, name) if named is None else name in named)
    ]
    rows = rows or [("text_base_url", setting_text(after, "text_base_url"))]
    return Bundle(_lines(rows), block(_table(rows)))


def settings_table(config: GatewayConfig, *, shows_keys: bool = True) -> Html:
    """The settings, a row each."""
    return _table(_rows(config, shows_keys=shows_keys))


def setting_text(config: GatewayConfig, name: str) -> str:
    """A setting in words."""
    value = getattr(config, name)
    if name in KEYS:
        return f"set, for {', '.join(value.origins)}" if value else "not set"
    if name == "audio_max_upload_bytes":
        return f"{value} ({megabytes(value)})"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "not set" if value is None else str(value)


def waiting_bundle(what: str, *, seconds: float, progress: Progress | None) -> Bundle:
    """What is going on, for how long, and how far it has come."""
    if progress is None or progress.done_bytes is None:
        text = f"{progress.what if progress else what} … {duration(seconds)}"
        return Bundle(text, block(element("span", text, class_="ipg-facts")))
    figures = megabytes(progress.done_bytes)
    bar = Html("")
    if progress.total_bytes:
        figures = f"{figures} of {megabytes(progress.total_bytes)}"
        bar = element("progress", value=str(progress.done_bytes), max=str(progress.total_bytes))
    text = f"Fetching {progress.what}: {figures}"
    return Bundle(
        text,
        block(element("span", fragment(f"Fetching {progress.what}", bar, f" {figures}"), class_="ipg-facts")),
    )


def note_bundle(text: str) -> Bundle:
    """A sentence about what has been done."""
    return Bundle(text, block(element("span", text, class_="ipg-facts")))


def failure_bundle(sentence: str) -> Bundle:
    """What is shown of an error in place of a result."""
    return Bundle(sentence, block(element("p", sentence, class_="ipg-notice")))


def stopped_bundle(what: str, *, seconds: float) -> Bundle:
    """What went on when it was stopped, by the user or by an error."""
    return note_bundle(f"{what}: stopped after {duration(seconds)}.")


def _rows(config: GatewayConfig, *, shows_keys: bool) -> list[tuple[str, str]]:
    names = [field.name for field in fields(config) if shows_keys or field.name not in KEYS]
    return [(name, setting_text(config, name)) for name in names]


def _lines(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _table(rows: Sequence[tuple[str, str]]) -> Html:
    return element("table", *(_row(name, value) for name, value in rows), class_="ipg-settings")


def _row(name: str, value: str) -> Html:
    return element("tr", element("th", name, scope="row"), element("td", value))
