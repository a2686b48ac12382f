"""What --param sets: a field of the request, as JSON or text."""

import re
from typing import Any, Final

from ...core.exceptions import InvalidRequestError
from .option_line import Option, json_or_text

REFUSED_PARAMS: Final = {
    "stream": ("answers are always streamed", "Leave it out."),
    "messages": ("the conversation gives the messages", "Use --load FILE for others."),
    "config": ("it is not part of a request", "Use %gateway set NAME=VALUE for settings."),
    "api_key": ("it would be saved with the notebook", "Write %gateway key and type it in."),
}

_PARAM = re.compile(r"(?P<name>[^\s='\"]+)=(?P<value>.*)", re.DOTALL)


def param_of(option: Option, pair: str) -> tuple[str, str]:
    """The name of a field and what is written for it.

    Raises:
        InvalidRequestError: it is no pair of these, or not to be set this way.
    """
    found = _PARAM.fullmatch(pair)
    if not found:
        raise InvalidRequestError(
            f"{option} needs NAME=VALUE, not {pair!r:.80}.", f"Write {option} top_p=0.9."
        )
    name = found["name"]
    refused = REFUSED_PARAMS.get(name.replace("-", "_").lower())
    if refused:
        raise InvalidRequestError(f"{option} can't set {name!r:.80}: {refused[0]}.", refused[1])
    return name, found["value"]


def param_value(option: Option, name: str, text: str) -> Any:
    """What a field gets: JSON where the text is that, else the text.

    Raises:
        InvalidRequestError: there is none, or it looks like JSON and is not.
    """
    if not text:
        raise InvalidRequestError(
            f"{option} {name:.80} has no value.", f'Write {option} {name:.80}="" for an empty text.'
        )
    value = json_or_text(text)
    if value == text and text[:1] in ("{", "[") and "{{" not in text:  # what it says shows when it is filled
        raise InvalidRequestError(
            f"The value of {option} {name:.80} is no JSON: {text!r:.80}.",
            "Look for a missing bracket or quote.",
        )
    return value
