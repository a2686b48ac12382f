"""What %gateway's line changes in a configuration."""

import dataclasses
import getpass
import re
from collections.abc import Sequence
from typing import Any

from ..core.config import GatewayConfig
from ..core.exceptions import ConfigurationError, InvalidRequestError

SETTING = re.compile(r"(?P<name>[a-z_]+)=(?P<value>.*)", re.DOTALL)


def changed(config: GatewayConfig, line: str) -> GatewayConfig:
    """The configuration after `%gateway LINE`.

    Raises:
        ConfigurationError: a value is not valid.
        InvalidRequestError: the line is neither a server, nor settings, nor "key".
    """
    words = line.split()
    if words == ["key"]:
        return dataclasses.replace(config, api_key=_typed_key(config))
    _refuse_keys(words)
    if words[:1] == ["set"] or (words and SETTING.fullmatch(words[0])):
        return dataclasses.replace(config, **_settings(words[words[0] == "set" :], config))
    return _asking(config, line.replace(",", " ").split()) if words else config


def _asking(config: GatewayConfig, urls: Sequence[str]) -> GatewayConfig:
    """Text and audio go to these servers: who brings recordings home means all of them."""
    for url in urls:
        if "://" not in url:
            raise ConfigurationError(
                f"{url!r} is no address of a server.",
                f"Write %gateway http://{url}, or %gateway set NAME=VALUE for a setting.",
            )
    servers = urls[0] if len(urls) == 1 else tuple(urls)
    return dataclasses.replace(config, text_base_url=servers, audio_base_url=None, routing_mode="single")


def _settings(words: Sequence[str], config: GatewayConfig) -> dict[str, Any]:
    settings: dict[str, str] = {}
    last = ""
    for word in words:
        found = SETTING.fullmatch(word)
        if found and found["name"] in config.__dataclass_fields__:
            last = found["name"]
            settings[last] = found["value"]
        elif last:  # a value with blanks in it
            settings[last] = f"{settings[last]} {word}"
        else:
            raise ConfigurationError(
                f"There is no setting {word.partition('=')[0]!r}.",
                f"Settings are {', '.join(config.__dataclass_fields__)}.",
            )
    if not settings:
        raise InvalidRequestError("%gateway set needs a setting.", "Write %gateway set timeout_s=60.")
    return {name: _value(name, value) for name, value in settings.items()}


def _value(name: str, text: str) -> str | tuple[str, ...] | None:
    bare = text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text
    if name.endswith("_base_url") and len(urls := bare.replace(",", " ").split()) > 1:
        return tuple(urls)
    return None if bare == "None" else bare


def _refuse_keys(words: Sequence[str]) -> None:
    values = [word.partition("=")[2].lstrip("'\"") for word in words]
    if any(word.startswith(("api_key", "audio_api_key", "sk-")) for word in [*words, *values]):
        raise InvalidRequestError(
            "A key on this line would be saved with the notebook.",
            "Write %gateway key and type it in, or set IPY_GATEWAY_API_KEY before Jupyter starts.",
        )


def _typed_key(config: GatewayConfig) -> str:
    try:
        return getpass.getpass(f"Key for {', '.join(config.text_urls)}: ")
    except (EOFError, RuntimeError) as error:  # a notebook that runs without anybody to type
        raise InvalidRequestError(
            "There is nobody to type in a key.",
            "Set IPY_GATEWAY_API_KEY before Jupyter starts.",
        ) from error
