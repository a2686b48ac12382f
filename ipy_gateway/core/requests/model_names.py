"""Which model a request names, and what the embedded engine is told besides."""

from collections.abc import Callable

from ..config import LOCAL_CHAT_MODEL, GatewayConfig
from ..routing import is_local

ModelFields = Callable[[str, GatewayConfig], dict[str, str | None]]


def named(model: ModelFields, base_url: str, config: GatewayConfig) -> dict[str, str]:
    """The fields of a request to a server which name its model; none where none is configured."""
    return {name: value for name, value in model(base_url, config).items() if value}


def text_model(base_url: str, config: GatewayConfig) -> dict[str, str | None]:
    """For a chat without recordings."""
    return {"model": config.text_model}


def audio_model(base_url: str, config: GatewayConfig) -> dict[str, str | None]:
    """For a recording. A server that takes everything may have one model for everything."""
    one_model = config.routing_mode == "single" and not is_local(base_url)
    return {"model": config.audio_model or (config.text_model if one_model else None)}


def analysis_model(base_url: str, config: GatewayConfig) -> dict[str, str | None]:
    """For a question about a recording.

    Embedded, a speech model can only write down what is said: the chat model answers with its help.
    """
    if is_local(base_url):
        # Where text goes to another server, the name of its model says nothing here.
        chat_model = config.text_model if all(map(is_local, config.text_urls)) else None
        fields = {"model": chat_model or LOCAL_CHAT_MODEL, "audio_model": config.audio_model}
        return {**fields, "task": "analyze"}
    return audio_model(base_url, config)
