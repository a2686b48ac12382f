"""What is said of a setting that is not valid: its name, or that of its variable, and no secret."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import pydantic

from .exceptions import ConfigurationError
from .secret import ApiKey, public_url, without_keys

ENVIRONMENT_PREFIX = "IPY_GATEWAY_"
VARIABLES = "variables of the settings"  # no name that anybody could give to a setting by keyword

ConfigClass = TypeVar("ConfigClass", bound=type)


def explain_invalid_values(cls: ConfigClass) -> ConfigClass:
    """Let the constructor raise our error, which shows no secret, in place of pydantic's."""
    generated_init = cls.__init__  # type: ignore[misc]  # this very class's, and no other's

    @functools.wraps(generated_init)
    def __init__(self: Any, *args: Any, **settings: Any) -> None:  # noqa: N807 - it becomes the constructor
        variables = settings.pop(VARIABLES, {})
        try:
            named = _with_names(args, settings, cls)
            for name in ("api_key", "audio_api_key"):
                named[name] = ApiKey.of(named.get(name), setting=variables.get(name, name))
            _initialize(generated_init, self, named, variables)
            return
        except ConfigurationError as error:
            problem = error.with_traceback(None)
        args, settings, named = (), {}, {}  # whoever shows the variables of this frame sees no key
        raise problem

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


def _initialize(
    generated_init: Callable[..., None], config: Any, settings: dict[str, Any], variables: Mapping[str, str]
) -> None:
    try:
        generated_init(config, **settings)
        return
    except pydantic.ValidationError as error:
        keys = [settings["api_key"], settings["audio_api_key"]]
        problem = _configuration_error(error, variables, keys)
    raise problem  # out here it does not carry pydantic's error along, which quotes the values


def _configuration_error(
    error: pydantic.ValidationError, variables: Mapping[str, str], keys: Sequence[ApiKey | None]
) -> ConfigurationError:
    details = error.errors(include_url=False)
    first = details[0]
    name = ".".join(str(part) for part in first["loc"][:1])
    reasons = [_reason(detail["msg"]) for detail in details if detail["loc"][:1] == first["loc"][:1]]
    reason = without_keys(", or ".join(dict.fromkeys(reasons)), keys)
    if first["type"] in ("unexpected_keyword_argument", "unexpected_positional_argument"):
        return ConfigurationError(f"GatewayConfig has no setting {name!r}.", "See help(GatewayConfig).")
    if not name:  # raised for the whole configuration: the reason names the settings itself
        if variables:
            reason = re.sub(r"routing_mode|audio_base_url", lambda found: variable_of(found[0]), reason)
        return ConfigurationError(f"{reason}.", "See help(GatewayConfig) for every setting.")
    shown_name = variables.get(name) or f"GatewayConfig: {name}"
    return ConfigurationError(
        f"{shown_name}={_shown(name, first['input'], keys)} is not valid: {reason}.",
        f"Give {variables.get(name, name)} a valid value; help(GatewayConfig) describes {name}.",
    )


def variable_of(setting: str) -> str:
    """The environment variable of a setting."""
    return ENVIRONMENT_PREFIX + setting.upper()


def _reason(message: str) -> str:
    own_words = message.removeprefix("Value error, ").partition(", unable to")[0]
    return re.sub("^Input should", "it should", own_words)


def _shown(name: str, value: Any, keys: Sequence[ApiKey | None]) -> str:
    """A value in an error message, without a key that went astray; a URL without what may be a password."""
    if name.endswith("_url") and isinstance(value, list | tuple):
        return f"({', '.join(_shown(name, one, keys) for one in value)})"[:100]
    is_url = name.endswith("_url") and isinstance(value, str)
    return (public_url(value, keys) if is_url else without_keys(repr(value), keys))[:100]
