"""What to change where a probe fails: settings and variables with the values that they need."""

import difflib
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from ..answers.answers import ABOUT_A_MODEL
from ..config import LOCAL_BASE_URL, GatewayConfig
from ..exceptions import GatewayError, UpstreamResponseError
from ..routing import audio_urls
from .findings import Fix

# Models that answer no chat, and those that hear, by what people call them.
NO_CHAT = re.compile(r"embed|whisper|tts|rerank|moderation|dall-e|transcribe|parakeet", re.IGNORECASE)
# Names become a part of a line to type, and a server may call its models anything.
PLAIN_NAME = re.compile(r"[\w./:@+-]{1,200}")
HEARS = re.compile(r"whisper|transcri|asr|parakeet|voxtral|canary|speech|audio", re.IGNORECASE)


def another_url(url: str, found: str, config: GatewayConfig, advice: str) -> Fix:
    """Ask another address in place of this one."""
    settings: dict[str, Any] = {}
    asked = {"text_base_url": config.text_urls, "audio_base_url": config.audio_urls}
    for name, urls in asked.items():
        if url in urls:
            replaced = tuple(found if one == url else one for one in urls)
            settings[name] = replaced[0] if len(replaced) == 1 else replaced
    return Fix(advice, settings)


def give_key(url: str, config: GatewayConfig) -> Fix:
    """Give the key for this server, or the right one."""
    was_sent = config.key_for(url) is not None
    advice = "Give the right key: this one is refused." if was_sent else "Give the key of this server."
    return Fix(advice, key="api_key" if url in config.text_urls else "audio_api_key")


def go_around_proxy(url: str, *, reaches_directly: bool) -> Fix:
    """Name the host among those that are asked without the proxy."""
    host = urlsplit(url).hostname or ""
    if not reaches_directly:
        return Fix(
            "Log in at the proxy in a browser, correct http_proxy, https_proxy or all_proxy, or ask "
            f"whoever runs the proxy to let {host} through: without it the server can't be reached."
        )
    name = "no_proxy" if os.environ.get("no_proxy") else "NO_PROXY"  # which counts where both are there
    before = os.environ.get(name, "")
    hosts = f"{before},{host}" if before else host
    return Fix(f"Ask {host} without the proxy.", variables={name: hosts})


def name_model(error: GatewayError, setting: str, config: GatewayConfig, models: Sequence[str]) -> Fix | None:
    """Name a model that the server has, where the error is about the model's name; otherwise None."""
    if not is_about_a_model(error):
        return None
    models = [model for model in models if PLAIN_NAME.fullmatch(model)]
    wanted = getattr(config, setting) or ""
    fitting = [model for model in models if _fits(model, setting)] or (models if len(models) == 1 else [])
    near = difflib.get_close_matches(wanted, fitting, n=1) or fitting[:1]
    if not near or near[0] == wanted:
        return None
    return Fix("Name a model that this server has.", {setting: near[0]})


def is_about_a_model(error: GatewayError) -> bool:
    """Whether a server does not know the model that a request names, or wants one to be named."""
    if not isinstance(error, UpstreamResponseError):
        return False
    words = error.message.lower().replace(error.upstream.lower(), "")
    is_refused = (error.status_code or 0) < 500 and "support" not in words
    return is_refused and bool(ABOUT_A_MODEL.search(words))


def hear_elsewhere(config: GatewayConfig, *, has_engine: bool) -> Fix:
    """Send recordings to another server, say the embedded engine."""
    if not has_engine:
        return Fix(
            "Start the server with a model that hears, or name one that does as audio_base_url, "
            'with routing_mode="audio_text".'
        )
    advice = "Let the embedded engine hear: recordings stay on this computer."
    return Fix(advice, {"audio_base_url": LOCAL_BASE_URL, "routing_mode": "audio_text"})


def chat_elsewhere(url: str, config: GatewayConfig, *, has_engine: bool) -> Fix:
    """Send text to another server, say the embedded engine, and recordings to this one alone."""
    audio = audio_urls(config)
    if not has_engine or config.text_urls != (url,) or audio != (url,):
        return Fix("Name a server that chats as text_base_url.")
    settings = {"text_base_url": LOCAL_BASE_URL, "audio_base_url": url, "routing_mode": "audio_text"}
    return Fix("Let the embedded engine chat, and this server hear.", settings)


def _fits(model: str, setting: str) -> bool:
    return bool(HEARS.search(model)) if setting == "audio_model" else not NO_CHAT.search(model)
