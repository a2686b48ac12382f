"""GatewayConfig: where requests go and how, one frozen and validated value."""

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import field, fields
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator, ConfigDict, Field, PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from .exceptions import ConfigurationError
from .secret import ApiKey, origin_of

LOCAL_BASE_URL = "local://engine"
LOCAL_SPEECH_MODEL = "whisper-tiny.en"
LOCAL_CHAT_MODEL = "smollm2-135m-instruct"
OPENAI_BASE_URL = "https://api.openai.com/v1"
TRANSCRIBE_SYSTEM_PROMPT = (
    "Transcribe the recording word for word, in the language that is spoken. "
    "Answer with the transcript alone."
)
ENVIRONMENT_PREFIX = "IPY_GATEWAY_"

ConfigClass = TypeVar("ConfigClass", bound=type)


def _checked_base_url(url: str) -> str:
    """A base URL without its trailing slash, or ValueError with the reason why it is none."""
    url = url.strip()
    if "@" in url:  # before urlsplit, whose errors quote the password where it holds a slash
        raise ValueError("a base URL carries no user name or password: give the key as api_key")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "local") or not parts.hostname:
        raise ValueError("a base URL looks like http://localhost:8080, https://host/v1 or local://engine")
    if any(character.isspace() or not character.isprintable() for character in url):
        raise ValueError("a base URL has no blanks or control characters")
    if "?" in url or "#" in url:
        raise ValueError("a base URL has no ?query and no #fragment")
    _ = parts.port  # raises ValueError where it is no number
    try:
        parts.hostname.encode("idna")  # what the resolver does first
    except UnicodeError:
        raise ValueError("a host name is made of labels of 1 to 63 characters") from None
    return parts.scheme + url[len(parts.scheme) :].rstrip("/")


BaseUrl = Annotated[str, AfterValidator(_checked_base_url)]
BaseUrls = Annotated[tuple[BaseUrl, ...], Field(min_length=1)]


def _explain_invalid_values(cls: ConfigClass) -> ConfigClass:
    """Let the constructor raise our error, which shows no secret, in place of pydantic's."""
    generated_init = cls.__init__  # type: ignore[misc]  # this very class's, and no other's

    @functools.wraps(generated_init)
    def __init__(self: Any, *args: Any, **settings: Any) -> None:  # noqa: N807 - it becomes the constructor
        settings = _with_names(args, settings, cls)
        del args  # pydantic sees a key only in its wrapping, and so does whoever shows this frame's variables
        for name in ("api_key", "audio_api_key"):
            settings[name] = ApiKey.of(settings.get(name), setting=name)
        try:
            generated_init(self, **settings)
            return
        except pydantic.ValidationError as error:
            problem = _configuration_error(error)
        raise problem  # out here it does not carry pydantic's error along, which quotes the values

    cls.__init__ = __init__  # type: ignore[misc]  # as above
    return cls


def _with_names(args: tuple[Any, ...], settings: dict[str, Any], cls: Any) -> dict[str, Any]:
    names = [setting.name for setting in fields(cls) if not setting.kw_only]
    if len(args) > len(names):
        raise ConfigurationError(
            f"GatewayConfig takes {len(names)} settings by position, not {len(args)}.",
            "Give settings by name.",
        )
    named = dict(zip(names, args, strict=False))
    for name in named.keys() & settings:
        raise ConfigurationError(f"GatewayConfig was given {name} twice.", "Give each setting once.")
    return named | settings


def _configuration_error(error: pydantic.ValidationError) -> ConfigurationError:
    details = error.errors(include_url=False)
    first = details[0]
    name = ".".join(str(part) for part in first["loc"][:1])
    reason = ", or ".join(
        dict.fromkeys(_reason(detail["msg"]) for detail in details if detail["loc"][:1] == first["loc"][:1])
    )
    if first["type"] in ("unexpected_keyword_argument", "unexpected_positional_argument"):
        return ConfigurationError(f"GatewayConfig has no setting {name!r}.", "See help(GatewayConfig).")
    if not name:  # raised for the whole configuration: the reason names the settings itself
        return ConfigurationError(f"{reason}.", "See help(GatewayConfig) for every setting.")
    return ConfigurationError(
        f"GatewayConfig: {name}={_shown(name, first['input'])} is not valid: {reason}.",
        f"Give {name} a valid value; help(GatewayConfig) describes it.",
    )


def _reason(message: str) -> str:
    own_words = message.removeprefix("Value error, ").partition(", unable to")[0]
    return re.sub("^Input should", "it should", own_words)


def _shown(name: str, value: Any) -> str:
    """A value in an error message; a URL without what may be a password or a key in it."""
    if not name.endswith("_url") or not isinstance(value, str):
        return repr(value)[:100]
    public = re.sub(r"//.*@", "//…@", value, flags=re.DOTALL)
    return repr(re.sub(r"([?#]).*", r"\1…", public, flags=re.DOTALL))[:100]


@_explain_invalid_values
@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True, extra="forbid"))
class GatewayConfig:
    """Where requests go, and how. Frozen: make a changed copy with `dataclasses.replace(config, ...)`.

    Attributes:
        text_base_url: the server for chat, and in `single` mode for audio too, or several servers that do the
            same. `local://engine` is the embedded engine. With or without a trailing slash or `/v1`.
        audio_base_url: the server, or servers, for messages with audio, in `audio_text` mode.
        routing_mode: "single" sends everything to `text_base_url`; "audio_text" sends messages with audio
            to `audio_base_url` and the others to `text_base_url`.
        timeout_s: seconds that a request may take in all, and that ffmpeg may take for a recording.
        connect_timeout_s: seconds that connecting may take.
        audio_preprocess_enabled: True normalizes every recording with ffmpeg, False none,
            "auto" what is neither 16-bit PCM WAV nor MP3.
        audio_max_upload_bytes: largest recording that is accepted and sent, in bytes.
        audio_target_sr: sample rate after normalization, in Hz.
        audio_target_channels: channels after normalization.
        audio_loudnorm: whether normalization also evens out loudness (23 times slower).
        audio_loudnorm_filter: the ffmpeg filter which does that.
        ffmpeg_bin: name or path of ffmpeg; where it isn't found, the imageio-ffmpeg package is used.
        transcribe_system_prompt: system prompt of `transcribe_audio`.
        analyze_system_prompt_prefix: what `analyze_audio` puts before the instruction.
        api_key: secret for the host of `text_base_url` as given here; it is sent to no other host.
        text_model: model name for chat; left out of requests when None.
        audio_model: model name for audio; left out of requests when None.
        audio_api_key: secret for the host of `audio_base_url` as given here, where it is another one.
        max_retries: how often a failed request is sent again, when all servers have failed.
        loading_timeout_s: seconds that a server which says that it is loading its model is waited for.
        server_order: of several servers, "least_load" asks the one with the fewest requests under way,
            "as_given" the first that works.

    Raises:
        ConfigurationError: a value is not valid; the message names the setting.
    """

    text_base_url: BaseUrl | BaseUrls = LOCAL_BASE_URL
    audio_base_url: BaseUrl | BaseUrls | None = None
    routing_mode: Literal["single", "audio_text"] = "single"
    timeout_s: PositiveFloat = 300.0
    connect_timeout_s: PositiveFloat = 10.0
    audio_preprocess_enabled: Literal["auto"] | bool = "auto"
    audio_max_upload_bytes: PositiveInt = 20_000_000
    audio_target_sr: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000
    audio_target_channels: Annotated[int, Field(ge=1, le=8)] = 1
    audio_loudnorm: bool = False
    audio_loudnorm_filter: str = "loudnorm=I=-16:TP=-1.5:LRA=11"
    ffmpeg_bin: str = "ffmpeg"
    transcribe_system_prompt: str = TRANSCRIBE_SYSTEM_PROMPT
    analyze_system_prompt_prefix: str = ""
    api_key: str | ApiKey | None = field(default=None, repr=False)
    text_model: str | None = None
    audio_model: str | None = None
    audio_api_key: str | ApiKey | None = field(default=None, repr=False, kw_only=True)
    max_retries: Annotated[int, Field(ge=0)] = field(default=2, kw_only=True)
    loading_timeout_s: PositiveFloat = field(default=120.0, kw_only=True)
    server_order: Literal["least_load", "as_given"] = field(default="least_load", kw_only=True)

    @pydantic.model_validator(mode="after")
    def _check_routing(self) -> "GatewayConfig":
        if self.routing_mode == "audio_text" and self.audio_base_url is None:
            raise ValueError("routing_mode='audio_text' needs audio_base_url, the server that takes audio")
        return self

    def __post_init__(self) -> None:
        """Tie each key to the host that it was given for."""
        for name, urls in (("api_key", self.text_urls), ("audio_api_key", self.audio_urls)):
            # It is still a string where pydantic builds us, as a field of another model.
            key = ApiKey.of(getattr(self, name), setting=name)
            object.__setattr__(self, name, key.bound_to(urls) if key and urls and not key.origins else key)

    @property
    def text_urls(self) -> tuple[str, ...]:
        """`text_base_url` as a tuple, also where it is one."""
        return _as_tuple(self.text_base_url)

    @property
    def audio_urls(self) -> tuple[str, ...]:
        """`audio_base_url` as a tuple; empty where there is none."""
        return _as_tuple(self.audio_base_url or ())

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "GatewayConfig":
        """The configuration that the environment describes.

        `IPY_GATEWAY_TEXT_BASE_URL`, `IPY_GATEWAY_TIMEOUT_S` and so on set the field of that name; several
        servers are separated by commas or blanks.
        `OPENAI_BASE_URL` is used where `IPY_GATEWAY_TEXT_BASE_URL` is absent. `OPENAI_API_KEY` belongs to the
        host of `OPENAI_BASE_URL` (by default api.openai.com) and is sent nowhere else.

        Args:
            environ: the variables; `os.environ` by default.

        Raises:
            ConfigurationError: a variable has a value that is not valid.
        """
        variables = os.environ if environ is None else environ
        settings: dict[str, Any] = {
            name: variables[ENVIRONMENT_PREFIX + name.upper()]
            for name in cls.__dataclass_fields__
            if variables.get(ENVIRONMENT_PREFIX + name.upper())
        }
        for name in ("text_base_url", "audio_base_url"):
            if len(urls := str(settings.get(name, "")).replace(",", " ").split()) > 1:
                settings[name] = urls
        if variables.get("OPENAI_BASE_URL"):
            settings.setdefault("text_base_url", variables["OPENAI_BASE_URL"])
        if "api_key" not in settings and variables.get("OPENAI_API_KEY"):
            # A configuration of its own: it checks the URL and the key, and ties the one to the other.
            openai_url = variables.get("OPENAI_BASE_URL") or OPENAI_BASE_URL
            settings["api_key"] = cls(openai_url, api_key=variables["OPENAI_API_KEY"]).api_key
        return cls(**settings)

    def key_for(self, url: str) -> str | None:
        """The secret to send to `url`, or None: a key goes only to the host that it was configured with."""
        for key in (self.api_key, self.audio_api_key):
            if isinstance(key, ApiKey) and origin_of(url) in key.origins:
                return key.reveal()
        return None


def _as_tuple(urls: str | tuple[str, ...]) -> tuple[str, ...]:
    return (urls,) if isinstance(urls, str) else urls
