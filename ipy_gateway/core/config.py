"""GatewayConfig: where requests go and how, one frozen and validated value."""

import os
from collections.abc import Mapping
from dataclasses import field, fields, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import pydantic
from pydantic import AfterValidator, ConfigDict, Field, PositiveFloat
from pydantic.dataclasses import dataclass

from .config_errors import VARIABLES, explain_invalid_values, variable_of
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
DEFAULT_FFMPEG_BIN = "ffmpeg"


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


@explain_invalid_values
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
        audio_api: how a recording is sent to be transcribed: "chat" as part of a chat message,
            "transcriptions" to /v1/audio/transcriptions, "auto" whichever of them the server takes.
        allow_key_over_http: whether a key may travel unencrypted, by http:// to another machine.
        max_retries: how often a failed request is sent again, when all servers have failed.
        loading_timeout_s: seconds that a server which says that it is loading its model is waited for.
        first_token_timeout_s: seconds that a streamed answer may take to begin.
        between_tokens_timeout_s: seconds of silence in a streamed answer after which it is given up.
        server_order: of several servers, "least_load" asks the one with the fewest requests under way,
            "as_given" the first that works.
        history_tokens: how much of a conversation is sent with the next question, in tokens; what is older is
            left out.
        window_s: longest piece of a recording that `transcribe` sends at once, in seconds; None for 30 in a
            chat message, 60 to a transcriptions endpoint and 300 to the embedded engine.
        max_requests: how many such pieces are under way at once, at each server.
        journal: whether `transcribe` keeps what was heard in each piece in a file of this user, so that it is
            not asked for again; `journal_entries()` shows what is in it.

    Raises:
        ConfigurationError: a value is not valid; the message names the setting.
    """

    text_base_url: BaseUrl | BaseUrls = LOCAL_BASE_URL
    audio_base_url: BaseUrl | BaseUrls | None = None
    routing_mode: Literal["single", "audio_text"] = "single"
    timeout_s: PositiveFloat = 300.0
    connect_timeout_s: PositiveFloat = 10.0
    audio_preprocess_enabled: Literal["auto"] | bool = "auto"
    audio_max_upload_bytes: Annotated[int, Field(gt=0, le=10**12)] = 20_000_000  # ffmpeg counts in 64 bits
    audio_target_sr: Annotated[int, Field(ge=8_000, le=192_000)] = 16_000
    audio_target_channels: Annotated[int, Field(ge=1, le=8)] = 1
    audio_loudnorm: bool = False
    audio_loudnorm_filter: str = "loudnorm=I=-16:TP=-1.5:LRA=11"
    ffmpeg_bin: str = DEFAULT_FFMPEG_BIN
    transcribe_system_prompt: str = TRANSCRIBE_SYSTEM_PROMPT
    analyze_system_prompt_prefix: str = ""
    api_key: str | ApiKey | None = field(default=None, repr=False)
    text_model: str | None = None
    audio_model: str | None = None
    audio_api_key: str | ApiKey | None = field(default=None, repr=False, kw_only=True)
    audio_api: Literal["auto", "chat", "transcriptions"] = field(default="auto", kw_only=True)
    allow_key_over_http: bool = field(default=False, kw_only=True)
    max_retries: Annotated[int, Field(ge=0)] = field(default=2, kw_only=True)
    loading_timeout_s: PositiveFloat = field(default=120.0, kw_only=True)
    first_token_timeout_s: PositiveFloat = field(default=300.0, kw_only=True)
    between_tokens_timeout_s: PositiveFloat = field(default=60.0, kw_only=True)
    server_order: Literal["least_load", "as_given"] = field(default="least_load", kw_only=True)
    history_tokens: Annotated[int, Field(gt=0)] = field(default=8_000, kw_only=True)
    window_s: Annotated[float, Field(ge=10, le=3600)] | None = field(default=None, kw_only=True)
    max_requests: Annotated[int, Field(ge=1)] = field(default=4, kw_only=True)
    journal: bool = field(default=True, kw_only=True)

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
        servers are separated by commas or blanks. A variable with nothing but blanks counts as absent.
        `OPENAI_BASE_URL` is used where `IPY_GATEWAY_TEXT_BASE_URL` is absent. `OPENAI_API_KEY` belongs to the
        host of `OPENAI_BASE_URL` (by default api.openai.com) and is sent nowhere else.

        Args:
            environ: the variables; `os.environ` by default.

        Raises:
            ConfigurationError: a variable that is used has a value that is not valid; the message names it.
        """
        try:
            return _from_variables(cls, os.environ if environ is None else environ)
        except ConfigurationError as error:
            problem = error.with_traceback(None)
        environ = None  # whoever shows the variables of this frame sees no key
        raise problem

    def key_for(self, url: str) -> str | None:
        """The secret to send to `url`, or None: a key goes only to the host that it was configured with.

        Args:
            url: the base URL of a server, or any other address there.
        """
        for key in (self.api_key, self.audio_api_key):
            if isinstance(key, ApiKey) and origin_of(url) in key.origins:
                return key.reveal()
        return None


def _as_tuple(urls: str | tuple[str, ...]) -> tuple[str, ...]:
    return (urls,) if isinstance(urls, str) else urls


def _from_variables(cls: type[GatewayConfig], environ: Mapping[str, str]) -> GatewayConfig:
    variables = _variables_of_settings(environ)
    settings: dict[str, Any] = {name: environ[variable] for name, variable in variables.items()}
    for name in ("text_base_url", "audio_base_url"):
        if len(urls := settings.get(name, "").replace(",", " ").split()) > 1:
            settings[name] = urls
    config = cls(**{**settings, VARIABLES: variables})
    key = None if config.api_key else _openai_key(environ, asked_urls=config.text_urls + config.audio_urls)
    return replace(config, api_key=key) if key else config


def _variables_of_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """The variable that each setting comes from; a blank one counts as absent."""
    ours = {setting.name: variable_of(setting.name) for setting in fields(GatewayConfig)}
    variables = {name: variable for name, variable in ours.items() if environ.get(variable, "").strip()}
    if environ.get("OPENAI_BASE_URL", "").strip():
        variables.setdefault("text_base_url", "OPENAI_BASE_URL")
    return variables


def _openai_key(environ: Mapping[str, str], *, asked_urls: tuple[str, ...]) -> ApiKey | None:
    """`OPENAI_API_KEY`, tied to the host of `OPENAI_BASE_URL`; where that is not asked, it may be bad."""
    try:
        url = _checked_base_url(environ.get("OPENAI_BASE_URL", "").strip() or OPENAI_BASE_URL)
    except ValueError:  # our own variable names the server, or this would have been refused before
        return None
    try:
        key = ApiKey.of(environ.get("OPENAI_API_KEY"), setting="OPENAI_API_KEY")
    except ConfigurationError:
        if origin_of(url) in map(origin_of, asked_urls):
            raise
        return None
    return key.bound_to([url]) if key else None
