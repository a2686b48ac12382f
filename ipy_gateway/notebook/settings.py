"""What changes a configuration: %gateway's line, %config, and a profile."""

import dataclasses
import difflib
import getpass
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import traitlets
from traitlets.config import Configurable

from ..core.exceptions import ConfigurationError, InvalidRequestError

if TYPE_CHECKING:  # pydantic takes longer than all else that %load_ext loads
    from ..core.config import GatewayConfig

KEYS = ("api_key", "audio_api_key")  # not on a line that is saved with the notebook
# What %gateway knows.
WORDS = (
    *("status", "models", "settings", "set", "key", "journal"),
    *("record", "replay", "doctor", "budget", "loop"),
)
_UNREAD = object()
SETTING = re.compile(r"(?P<name>[a-z_]+)=(?P<value>.*)", re.DOTALL)


class _Setting(traitlets.Any):
    """A setting, with the value of the configuration where nobody has given one."""

    def default(self, obj: Any = None) -> Any:
        assert self.name
        return obj.value_of_setting(self.name) if isinstance(obj, SettingTraits) else None


def _trait(name: str) -> traitlets.Any:
    # Until it is read its value is no value of a setting: each that is given is a change.
    return _Setting(_UNREAD, help=f"{name} of GatewayConfig; see help(GatewayConfig)").tag(config=True)


class SettingTraits(Configurable):
    """The settings as traits, for %config and profiles."""

    text_base_url = _trait("text_base_url")
    audio_base_url = _trait("audio_base_url")
    routing_mode = _trait("routing_mode")
    timeout_s = _trait("timeout_s")
    connect_timeout_s = _trait("connect_timeout_s")
    audio_preprocess_enabled = _trait("audio_preprocess_enabled")
    audio_max_upload_bytes = _trait("audio_max_upload_bytes")
    audio_target_sr = _trait("audio_target_sr")
    audio_target_channels = _trait("audio_target_channels")
    audio_loudnorm = _trait("audio_loudnorm")
    audio_loudnorm_filter = _trait("audio_loudnorm_filter")
    ffmpeg_bin = _trait("ffmpeg_bin")
    transcribe_system_prompt = _trait("transcribe_system_prompt")
    analyze_system_prompt_prefix = _trait("analyze_system_prompt_prefix")
    text_model = _trait("text_model")
    audio_model = _trait("audio_model")
    audio_api = _trait("audio_api")
    allow_key_over_http = _trait("allow_key_over_http")
    max_retries = _trait("max_retries")
    loading_timeout_s = _trait("loading_timeout_s")
    first_token_timeout_s = _trait("first_token_timeout_s")
    between_tokens_timeout_s = _trait("between_tokens_timeout_s")
    server_order = _trait("server_order")
    history_tokens = _trait("history_tokens")
    window_s = _trait("window_s")
    max_requests = _trait("max_requests")
    journal = _trait("journal")

    @staticmethod
    def setting_names() -> list[str]:
        """The names of all settings but the keys."""
        return list(SettingTraits.class_own_traits())

    def given_settings(self) -> dict[str, Any]:
        """The settings that a profile gives, with their values."""
        return {name: getattr(self, name) for name in self.setting_names() if self.trait_has_value(name)}

    def value_of_setting(self, name: str) -> Any:
        """The value of a setting that nobody has given here."""
        raise NotImplementedError


def configured(config: "GatewayConfig", given: Mapping[str, Any]) -> "GatewayConfig":
    """The configuration with what a profile says, or without it, and a warning, where it makes no sense."""
    try:
        return dataclasses.replace(config, **given)
    except ConfigurationError as error:
        warnings.warn(f"What your IPython profile configures is left out: {error}", stacklevel=5)
        return config


def names_settings(environ: Mapping[str, str]) -> bool:
    """Whether the environment may say anything about the configuration."""
    ours = (f"IPY_GATEWAY_{name.upper()}" for name in (*SettingTraits.setting_names(), *KEYS))
    return not environ.keys().isdisjoint((*ours, "OPENAI_BASE_URL", "OPENAI_API_KEY"))


def loop_named(words: Sequence[str]) -> str:
    """Which loop `%gateway loop NAME` names.

    Raises:
        InvalidRequestError: none.
    """
    if len(words) == 1 and words[0] in ("own", "kernel"):
        return words[0]
    raise InvalidRequestError(
        f"There is no loop {' '.join(words)!r}." if words else "%gateway loop needs a name.",
        "Write %gateway loop own, or %gateway loop kernel.",
    )


def changed(config: "GatewayConfig", line: str) -> "GatewayConfig":
    """The configuration after `%gateway LINE`.

    Raises:
        ConfigurationError: a value is not valid.
        InvalidRequestError: the line is neither a server, nor settings, nor "key".
    """
    words = line.split()
    if words == ["key"]:
        return dataclasses.replace(config, api_key=_typed_key(config.text_urls))
    if words == ["key", "audio"]:
        return dataclasses.replace(config, audio_api_key=_typed_key(config.audio_urls))
    _refuse_keys(words)
    if words[:1] == ["set"] or (words and SETTING.fullmatch(words[0])):
        return dataclasses.replace(config, **_settings(words[words[0] == "set" :], config))
    if len(words) > 1 and words[0] in WORDS:
        raise InvalidRequestError(
            f"%gateway {words[0]} takes nothing behind it, not {words[1]!r:.80}.", "Leave it out."
        )
    return asking(config, line.replace(",", " ").split(), _meant_by) if words else config


def names_in(line: str) -> list[str]:
    """The settings that `%gateway LINE` names; a server alone is that of text."""
    found = map(SETTING.fullmatch, line.split())
    return [setting["name"] for setting in found if setting] or ["text_base_url"]


def asking(config: "GatewayConfig", urls: Sequence[str], hint: Callable[[str], str]) -> "GatewayConfig":
    """Text and audio go to these servers: who brings recordings home means all of them.

    Args:
        config: what is configured.
        urls: the servers.
        hint: what to do about a word that is none.
    """
    for url in urls:
        if "://" not in url:
            raise ConfigurationError(f"{url!r} is no address of a server.", hint(url))
    servers = urls[0] if len(urls) == 1 else tuple(urls)
    return dataclasses.replace(config, text_base_url=servers, audio_base_url=None, routing_mode="single")


def _meant_by(word: str) -> str:
    close = difflib.get_close_matches(word, WORDS, n=1)
    if close:
        return f"Did you mean %gateway {close[0]}?"
    return f"Write %gateway http://{word}, %gateway set NAME=VALUE, or one of {', '.join(WORDS)}."


def _settings(words: Sequence[str], config: "GatewayConfig") -> dict[str, Any]:
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
    is_secret = any(word.startswith(("api_key", "audio_api_key", "sk-")) for word in [*words, *values])
    if is_secret or words[:1] == ["key"]:
        raise InvalidRequestError(
            "A key on this line would be saved with the notebook.",
            "Write %gateway key and type it in, or set IPY_GATEWAY_API_KEY before Jupyter starts.",
        )


def _typed_key(urls: Sequence[str]) -> str:
    try:
        return getpass.getpass(f"Key for {', '.join(urls)}: ")
    except (EOFError, RuntimeError) as error:  # a notebook that runs without anybody to type
        raise InvalidRequestError(
            "There is nobody to type in a key.",
            "Set IPY_GATEWAY_API_KEY before Jupyter starts.",
        ) from error
