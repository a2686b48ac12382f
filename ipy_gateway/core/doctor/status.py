"""What the servers of a configuration are like now: whether they answer, with which models, and who hears."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..answers.answers import parse_object
from ..client import forward_models
from ..config import GatewayConfig
from ..exceptions import ConfigurationError, ReplayError, UpstreamError, UpstreamResponseError
from ..requests.servers import board
from ..routing import audio_urls

STATUS_TIMEOUT_S = 3.0  # somebody waits for a glance, and one that is silent for longer is not well


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model that a server offers.

    Attributes:
        id: its name in requests.
        takes_audio: whether it understands recordings, or None where the server does not say.
        is_fetched: whether its weights are on this machine, or None where that is the server's affair.
        size_bytes: size of the weights, or None where the server does not say.
    """

    id: str
    takes_audio: bool | None = None
    is_fetched: bool | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """A server, as it answered just now.

    Attributes:
        url: its base URL.
        purposes: what it is asked for: "text", "audio" or both.
        is_reachable: whether it answered at all.
        problem: what is wrong with it in one sentence, or "".
        models: what it offers, in its order; () also where it keeps no list.
        audio_api: how it was found to take recordings, "chat" or "transcriptions", or None.
    """

    url: str
    purposes: tuple[str, ...]
    is_reachable: bool = True
    problem: str = ""
    models: tuple[ModelStatus, ...] = ()
    audio_api: str | None = None

    @property
    def takes_audio(self) -> bool | None:
        """Whether recordings may be sent to it; None where nobody knows before they try."""
        known = {model.takes_audio for model in self.models}
        if self.audio_api or True in known:
            return True
        return False if known == {False} else None


async def server_statuses(config: GatewayConfig) -> tuple[ServerStatus, ...]:
    """How all servers of a configuration are, asked at the same time, within a few seconds.

    What is wrong with a server is told as its `problem`; nothing is raised.
    """
    hurried = replace(config, timeout_s=min(config.timeout_s, STATUS_TIMEOUT_S))
    urls = dict.fromkeys([*config.text_urls, *audio_urls(config)])
    return tuple(await asyncio.gather(*(_status_of(url, hurried) for url in urls)))


async def _status_of(url: str, config: GatewayConfig) -> ServerStatus:
    purposes = ("text",) * (url in config.text_urls) + ("audio",) * (url in audio_urls(config))
    status = ServerStatus(url, purposes, audio_api=board.audio_api(url))
    try:
        listed = parse_object(await forward_models(url, config), url, config)
    except UpstreamResponseError as error:
        keeps_no_list = error.status_code == 404  # whisper.cpp, faster-whisper-server
        return replace(status, problem="" if keeps_no_list else error.message)
    except (UpstreamError, ConfigurationError, ReplayError) as error:
        return replace(status, is_reachable=False, problem=error.message)
    return replace(status, models=tuple(models_in(listed)))


def models_in(listed: Mapping[str, Any]) -> Iterator[ModelStatus]:
    """The models in what /v1/models answers; what makes no sense in it is left out."""
    data = listed.get("data")
    for item in data if isinstance(data, list) else []:
        if isinstance(item, Mapping) and isinstance(item.get("id"), str):
            yield ModelStatus(
                item["id"],
                takes_audio=_takes_audio(item),
                is_fetched=item.get("is_fetched") if isinstance(item.get("is_fetched"), bool) else None,
                size_bytes=_size_bytes(item),
            )


def _takes_audio(item: Mapping[str, Any]) -> bool | None:
    if item.get("mode") in ("audio_transcription", "transcription"):  # LiteLLM
        return True
    architecture = item.get("architecture")  # llama.cpp, OpenRouter
    modalities = architecture.get("input_modalities") if isinstance(architecture, Mapping) else None
    return "audio" in modalities if isinstance(modalities, list) else None


def _size_bytes(item: Mapping[str, Any]) -> int | None:
    meta = item.get("meta")  # llama.cpp
    size = meta.get("size") if isinstance(meta, Mapping) else None
    return size if isinstance(size, int) and not isinstance(size, bool) else None
