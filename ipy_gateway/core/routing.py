"""Which server answers a request, and at which address."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .config import GatewayConfig
from .requests.servers import board

AUDIO_PART_TYPES = ("input_audio", "audio")
# "/v1" of OpenAI's own path, also "/v4", "/v1beta/openai": such a URL names its version and is taken as is.
VERSION_SEGMENT = re.compile(r"/v\d+[a-z0-9]*(/|$)")


def select_upstream_url(request_body: Mapping[str, Any], config: GatewayConfig) -> str:
    """The base URL of the server which answers `request_body`: of several, the one to ask now.

    Args:
        request_body: body of a chat completion request, with its `messages`.
        config: `routing_mode` "single" sends all to `text_base_url`; "audio_text" sends messages
            with audio to `audio_base_url`.
    """
    return board.pick(upstream_urls(request_body, config), in_order=config.server_order == "as_given")


def upstream_urls(request_body: Mapping[str, Any], config: GatewayConfig) -> tuple[str, ...]:
    """The base URLs of all servers that may answer `request_body`, in the order of preference."""
    return audio_urls(config) if has_audio_content(request_body.get("messages") or ()) else config.text_urls


def audio_urls(config: GatewayConfig) -> tuple[str, ...]:
    """The base URLs of all servers that may be asked about a recording, in the order of preference."""
    return (
        config.audio_urls if config.routing_mode == "audio_text" and config.audio_urls else config.text_urls
    )


def has_audio_content(messages: Iterable[Any]) -> bool:
    """Whether any message has a content part of type `input_audio` or `audio`.

    Args:
        messages: OpenAI chat messages.
    """
    return any(is_audio_part(part) for message in messages for part in content_parts(message))


def is_local(base_url: str) -> bool:
    """Whether a base URL is that of the embedded engine."""
    return base_url.startswith("local://")


def is_audio_part(part: Any) -> bool:
    """Whether a content part of a message is audio: of type `input_audio` or `audio`."""
    return isinstance(part, Mapping) and part.get("type") in AUDIO_PART_TYPES


def endpoint_url(base_url: str, path: str) -> str:
    """The address of an endpoint, e.g. "/chat/completions", for a base URL with or without its `/v1`.

    Without a path it is the base URL as it stands.
    """
    if not path:
        return base_url
    base = base_url.rstrip("/")
    host_and_path = base.partition("://")[2]
    return base + path if VERSION_SEGMENT.search(host_and_path) else f"{base}/v1{path}"


def content_parts(message: Any) -> Iterable[Any]:
    """The parts of a message's content; none where it is a text."""
    content = message.get("content") if isinstance(message, Mapping) else None
    return content if isinstance(content, list | tuple) else ()
