"""What servers, their models and a conversation look like."""

from collections.abc import Sequence
from dataclasses import fields

from ..core.config import GatewayConfig
from ..core.doctor.status import ModelStatus, ServerStatus
from .bundle import Bundle
from .html import Html, block, element
from .results import setting_text, settings_table
from .text import megabytes

SHOWN_MODELS = 8
EMBEDDED = "the embedded engine, on this computer"


def status_bundle(
    statuses: Sequence[ServerStatus], config: GatewayConfig, *, notes: Sequence[str] = ()
) -> Bundle:
    """How the servers are, what is configured other than by default, and sentences about the session."""
    changes = _changes(config)
    lines = [line for status in statuses for line in _server_lines(status, SHOWN_MODELS)]
    lines += [f"{name} = {value}" for name, value in changes]
    lines += notes
    settings = element("details", element("summary", "All settings"), settings_table(config))
    parts = [_server(status, SHOWN_MODELS) for status in statuses]
    if changes:
        text = ", ".join(f"{name} = {value}" for name, value in changes)
        parts.append(element("p", f"Changed: {text}", class_="ipg-facts"))
    parts += [element("p", note, class_="ipg-facts") for note in notes]
    return Bundle("\n".join(lines), block(*parts, settings))


def models_bundle(statuses: Sequence[ServerStatus]) -> Bundle:
    """All models of all servers."""
    lines = [line for status in statuses for line in _server_lines(status, None)]
    return Bundle("\n".join(lines), block(*(_server(status, None) for status in statuses)))


def _server_lines(status: ServerStatus, limit: int | None) -> list[str]:
    shown, rest = _shown(status, limit)
    models = [f"    {model.id}{_in_brackets(_model_facts(model))}" for model in shown]
    return [f"{status.url}: {_state(status)}", *models, *([f"    {rest}"] if rest else [])]


def _server(status: ServerStatus, limit: int | None) -> Html:
    shown, rest = _shown(status, limit)
    items = [
        element("li", element("code", model.id), element("span", _facts_of(model), class_="ipg-quiet"))
        for model in shown
    ]
    if rest:
        items.append(element("li", rest))
    mark = "●" if status.is_reachable and not status.problem else "○"
    heading = element(
        "p", f"{mark} ", element("strong", status.url), f": {_state(status)}", class_="ipg-line"
    )
    return element("div", heading, *([element("ul", *items)] if items else []), class_="ipg-server")


def _state(status: ServerStatus) -> str:
    if status.problem:
        return status.problem
    purposes = " and ".join(status.purposes)
    is_local = status.url.startswith("local://")
    return "; ".join(
        filter(
            None,
            [
                EMBEDDED if is_local else "answers",
                f"asked for {purposes}",
                "" if is_local else _audio(status),
                "" if status.models else "it keeps no list of models",
            ],
        )
    )


def _audio(status: ServerStatus) -> str:
    if status.audio_api:
        way = "in chat messages" if status.audio_api == "chat" else "at /v1/audio/transcriptions"
        return f"takes recordings {way}"
    match status.takes_audio:
        case True:
            return "takes recordings"
        case False:
            return "takes no recordings"
        case _:
            return "whether it takes recordings shows when it is asked"


def _shown(status: ServerStatus, limit: int | None) -> tuple[Sequence[ModelStatus], str]:
    """The models to show, and what is said of the others."""
    models = status.models
    if limit is None or len(models) <= limit:
        return models, ""
    return models[:limit], f"and {len(models) - limit} more: %gateway models"


def _facts_of(model: ModelStatus) -> str:
    facts = _model_facts(model)
    return f" {facts}" if facts else ""


def _in_brackets(facts: str) -> str:
    return f" ({facts})" if facts else ""


def _model_facts(model: ModelStatus) -> str:
    place = {True: "on this computer", False: "fetched when it is first asked", None: ""}[model.is_fetched]
    size = "" if model.size_bytes is None else megabytes(model.size_bytes)
    return ", ".join(filter(None, ["hears" if model.takes_audio else "", size, place]))


def _changes(config: GatewayConfig) -> list[tuple[str, str]]:
    """The settings that are not as they are by default, but for the servers, which are shown anyway."""
    default = GatewayConfig()
    return [
        (field.name, setting_text(config, field.name))
        for field in fields(config)
        if not field.name.endswith("_base_url")
        and getattr(config, field.name) != getattr(default, field.name)
    ]
