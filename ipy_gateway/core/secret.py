"""An API key that knows its host, and shows itself to nobody else."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from .exceptions import ConfigurationError

DEFAULT_PORTS = {"http": 80, "https": 443}
HIDDEN = "**********"
MIN_KEY_CHARACTERS = 8  # "x", "none", "ollama": what is shorter is no secret, and part of other words
# OpenAI's and most others', Groq's, xAI's, Hugging Face's, Google's.
KEY_SHAPE = re.compile(r"(?<![A-Za-z0-9])(?:sk-|gsk_|xai-|hf_|AIza)[\w-]+", re.ASCII)


@lru_cache
def origin_of(url: str) -> str:
    """Scheme, host and port of a URL: what a key is tied to."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or DEFAULT_PORTS.get(parts.scheme, 0)}"


def public_url(url: str, keys: Iterable["ApiKey | None"] = ()) -> str:
    """A URL that may be wrong, quoted for an error, without what may be a password or a key in it."""
    without_password = re.sub(r"^(.*?//)?.*@", r"\1…@", without_keys(url, keys).strip(), flags=re.DOTALL)
    return repr(
        re.sub(r"([?#]|\s).*", lambda found: found[1].strip() + "…", without_password, flags=re.DOTALL)
    )[:100]


def without_keys(text: str, keys: Iterable["ApiKey | None"] = ()) -> str:
    """A text of a user, quoted for an error, without these keys and without what looks like one."""
    for key in filter(None, keys):
        if len(key.reveal()) >= MIN_KEY_CHARACTERS:
            text = text.replace(key.reveal(), HIDDEN)
    return KEY_SHAPE.sub(HIDDEN, text)


class ApiKey:
    """A secret tied to its hosts. Its repr hides it, and a pickle carries None in its place.

    Args:
        secret: the key itself.
        origins: `origin_of` the URLs that it may be sent to; empty as long as they are not known.
    """

    __slots__ = ("_secret", "origins")

    def __init__(self, secret: str, *, origins: tuple[str, ...] = ()) -> None:
        self._secret = secret
        self.origins = origins

    @classmethod
    def of(cls, value: Any, *, setting: str) -> "ApiKey | None":
        """A key of what a user gave: a string, a key, or None.

        Raises:
            ConfigurationError: it is something else, or can't be sent in a header.
        """
        if value is None or isinstance(value, ApiKey):
            return value
        type_name = type(value).__name__
        value = cls(value.strip()) if isinstance(value, str) else None  # a debugger may show our variables
        if value is None:
            raise ConfigurationError(
                f"{setting} is not a string but {type_name}.", "Give the key as a string."
            )
        if not value._secret.isascii() or not value._secret.isprintable():
            raise ConfigurationError(
                f"{setting} holds characters that no HTTP header can carry.", "Copy the key again."
            )
        return value if value._secret else None

    def bound_to(self, urls: Iterable[str]) -> "ApiKey":
        """The same key, tied to the origins of `urls`."""
        return ApiKey(self._secret, origins=tuple(dict.fromkeys(map(origin_of, urls))))

    def reveal(self) -> str:
        """The secret itself."""
        return self._secret

    def __repr__(self) -> str:
        return "ApiKey('**********')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ApiKey) and (other._secret, other.origins) == (self._secret, self.origins)

    def __hash__(self) -> int:
        return hash((self._secret, self.origins))

    def __copy__(self) -> "ApiKey":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "ApiKey":
        return self

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()
