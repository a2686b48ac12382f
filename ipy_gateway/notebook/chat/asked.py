"""What a cell asks: its text, its options with their values, and the configuration that they make."""

import dataclasses
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ...core.config import GatewayConfig
from ...core.conversations.conversation import Conversation
from ...core.exceptions import InvalidRequestError
from ..lines.option_line import json_or_text
from ..lines.options import ChatOptions, request_params
from ..values.parts import Filled
from ..values.variables import Names, fill_option
from .conversations import Question


def text_of_cell(cell: str, magic: str) -> str:
    """What stands below the first line of a cell.

    Raises:
        InvalidRequestError: nothing.
    """
    text = cell.strip()
    if not text:
        raise InvalidRequestError(f"The {magic} cell is empty.", "Write the question below its first line.")
    return text


def filled_options(
    options: ChatOptions, shell: InteractiveShell, local_ns: Names | None
) -> tuple[ChatOptions, tuple[str, ...]]:
    """The options with the values of their placeholders, and notices; the question may hold pictures, too."""
    told: list[str] = []

    def filled(values: Names) -> dict[str, Any]:
        texts = {name: value for name, value in values.items() if isinstance(value, str)}
        for name, text in texts.items():
            texts[name], notices = fill_option(text, shell, local_ns)
            told.extend(notices)
        return {**values, **texts}

    named = filled(
        {name: getattr(options, name) for name in ("model", "system", "url", "name", "file", "compare")}
    )
    params = {
        name: value if value == options.params[name] else json_or_text(value)
        for name, value in filled(options.params).items()
    }
    return dataclasses.replace(options, **named, params=params), tuple(told)


def question_of(
    filled: Filled, options: ChatOptions, conversation: Conversation, config: GatewayConfig
) -> Question:
    """What a cell with these options asks in a conversation."""
    return Question(
        filled,
        conversation,
        config_for(options, config),
        system=options.system,
        params=request_params(options),
        timeout_s=options.timeout_s,
    )


def config_for(options: ChatOptions, config: GatewayConfig) -> GatewayConfig:
    """The configuration for one question."""
    if options.url is not None:  # what the other server calls its models says nothing there
        config = dataclasses.replace(
            config,
            text_base_url=options.url,
            audio_base_url=None,
            routing_mode="single",
            text_model=None,
            audio_model=None,
        )
    if options.timeout_s is not None:
        config = dataclasses.replace(
            config, timeout_s=options.timeout_s, first_token_timeout_s=options.timeout_s
        )
    return config
