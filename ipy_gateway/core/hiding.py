"""The key hidden in what others write: words of servers, errors and log lines of the HTTP libraries."""

import logging
from contextvars import ContextVar

from .config import GatewayConfig
from .exceptions import GatewayError
from .secret import HIDDEN, ApiKey

# What logs the head of an answer at DEBUG, or an error that quotes it: servers may repeat the key there.
LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks")

_asking: ContextVar[tuple[str, GatewayConfig] | None] = ContextVar("ipy_gateway_asking", default=None)


def without_key(text: str, base_url: str, config: GatewayConfig) -> str:
    """A text without the key that was sent to `base_url`."""
    key = config.key_for(base_url)
    return text.replace(key, HIDDEN) if key else text


def hide_key_in(error: BaseException, base_url: str, config: GatewayConfig) -> None:
    """Take the key out of the words of somebody else's error: it may quote what the server sent."""

    def hidden(word: object) -> object:
        return without_key(word, base_url, config) if isinstance(word, str) else word

    error.args = tuple(map(hidden, error.args))
    if not isinstance(error, GatewayError):  # ours is public: it names the server, whatever the key is
        vars(error).update({name: hidden(word) for name, word in vars(error).items()})


class key_hidden_in_logs:  # noqa: N801 - used like a function
    """A context in which what httpx and httpcore log about a request to `base_url` hides the key for it.

    A class, because a generator's context manager gives a passing error its frames back.
    """

    def __init__(self, base_url: str, config: GatewayConfig) -> None:
        self._asked = base_url, config

    def __enter__(self) -> None:
        self._token = _asking.set(self._asked)

    def __exit__(self, *_: object) -> None:
        _asking.reset(self._token)


def keys_in_use() -> tuple[str, ...]:
    """The secrets of the configuration that this request is made with, for all of its hosts."""
    asked = _asking.get()
    keys = (asked[1].api_key, asked[1].audio_api_key) if asked else ()
    return tuple(key.reveal() for key in keys if isinstance(key, ApiKey))


def _hide_key(record: logging.LogRecord) -> bool:
    asked = _asking.get()
    if asked:
        record.msg, record.args = without_key(record.getMessage(), *asked), ()
    return True


for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_hide_key)
