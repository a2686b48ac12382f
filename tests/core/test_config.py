"""What a configuration holds, refuses, and keeps to itself."""

import asyncio
import copy
import dataclasses
import json
import logging
import pickle
import traceback
from types import TracebackType
from typing import Any

import pydantic
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.ultratb import VerboseTB

from ipy_gateway import ConfigurationError, GatewayConfig, UpstreamError, forward_models
from ipy_gateway.core.secret import ApiKey

from ..support.fault_server import answer, fault_server

SECRET = "sk-hush-4711"
HIDDEN_URL = "http://somebody:hush-4711@host"
DEFAULTS = {
    "text_base_url": "local://engine",
    "audio_base_url": None,
    "routing_mode": "single",
    "timeout_s": 300.0,
    "connect_timeout_s": 10.0,
    "audio_preprocess_enabled": "auto",
    "audio_max_upload_bytes": 20_000_000,
    "audio_target_sr": 16000,
    "audio_target_channels": 1,
    "audio_loudnorm": False,
    "audio_loudnorm_filter": "loudnorm=I=-16:TP=-1.5:LRA=11",
    "ffmpeg_bin": "ffmpeg",
    "analyze_system_prompt_prefix": "",
    "api_key": None,
    "text_model": None,
    "audio_model": None,
}


def error_of(**settings: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as raised:
        GatewayConfig(**settings)
    return raised.value


def test_the_defaults_are_those_of_the_specification() -> None:
    config = GatewayConfig()

    assert {name: getattr(config, name) for name in DEFAULTS} == DEFAULTS
    assert isinstance(config.transcribe_system_prompt, str)
    assert config.transcribe_system_prompt


def test_fields_have_the_order_of_the_specification_and_text_base_url_is_first() -> None:
    names = [setting.name for setting in dataclasses.fields(GatewayConfig) if not setting.kw_only]

    assert [name for name in names if name != "transcribe_system_prompt"] == list(DEFAULTS)
    assert names.index("transcribe_system_prompt") == names.index("analyze_system_prompt_prefix") - 1
    assert GatewayConfig("http://host").text_base_url == "http://host"


def test_a_configuration_is_frozen_and_compares_and_hashes_by_value() -> None:
    config = GatewayConfig("http://host", api_key=SECRET)

    with pytest.raises(dataclasses.FrozenInstanceError):
        config.timeout_s = 1  # type: ignore[misc]  # that is the point

    assert config == GatewayConfig("http://host", api_key=SECRET)
    assert config != GatewayConfig("http://host", api_key="another")
    assert len({config, GatewayConfig("http://host", api_key=SECRET)}) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("http://host/", "http://host"),
        ("https://host/v1/", "https://host/v1"),
        ("  http://host/v1\n", "http://host/v1"),
        ("HTTP://Host:8080", "http://Host:8080"),
        ("LOCAL://engine", "local://engine"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("http://my_host", "http://my_host"),
        ("https://müller.de", "https://müller.de"),
    ],
)
def test_a_base_url_is_tidied(given: str, kept: str) -> None:
    assert GatewayConfig(given).text_base_url == kept
    assert GatewayConfig(audio_base_url=given).audio_base_url == kept


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("text_base_url", "localhost:8080", "looks like http://localhost:8080"),
        ("text_base_url", "ftp://host", "looks like http://localhost:8080"),
        ("text_base_url", "http://", "looks like http://localhost:8080"),
        ("text_base_url", "", "looks like http://localhost:8080"),
        ("text_base_url", "http://[::1", "Invalid IPv6 URL"),
        ("text_base_url", "http://host:99999", "Port out of range"),
        ("text_base_url", "http://host:port", "Port could not be cast"),
        ("text_base_url", "http://ho st", "no blanks"),
        ("text_base_url", "http://ho\x00st", "no blanks or control characters"),
        ("text_base_url", "http://host/\u202ev1", "no blanks or control characters"),
        ("text_base_url", "http://a..b", "1 to 63 characters"),
        ("text_base_url", f"http://{'a' * 70}.org", "1 to 63 characters"),
        ("text_base_url", "http://host?", "no ?query"),
        ("text_base_url", "http://host/v1#models", "no #fragment"),
        ("text_base_url", None, "should be a valid string"),
        ("audio_base_url", "nowhere", "looks like http://localhost:8080"),
        ("audio_base_url", 5, "should be a valid string"),
        ("routing_mode", "both", "it should be 'single' or 'audio_text'"),
        ("timeout_s", 0, "it should be greater than 0"),
        ("timeout_s", float("nan"), "it should be greater than 0"),
        ("timeout_s", "soon", "it should be a valid number"),
        ("connect_timeout_s", -1, "it should be greater than 0"),
        ("audio_preprocess_enabled", "maybe", "it should be 'auto', or it should be a valid boolean"),
        ("audio_max_upload_bytes", 0, "it should be greater than 0"),
        ("audio_max_upload_bytes", 1.5, "it should be a valid integer"),
        ("audio_max_upload_bytes", 2**63 - 1, "it should be less than or equal to 1000000000000"),
        ("audio_max_upload_bytes", 10**30, "it should be less than or equal to 1000000000000"),
        ("audio_target_sr", 100, "it should be greater than or equal to 8000"),
        ("audio_target_channels", 9, "it should be less than or equal to 8"),
        ("audio_loudnorm", "perhaps", "it should be a valid boolean"),
        ("audio_loudnorm_filter", None, "it should be a valid string"),
        ("ffmpeg_bin", 3, "it should be a valid string"),
        ("transcribe_system_prompt", None, "it should be a valid string"),
        ("analyze_system_prompt_prefix", 3, "it should be a valid string"),
        ("text_model", 5, "it should be a valid string"),
        ("audio_model", b"\xff", "it should be a valid string"),
    ],
)
def test_a_value_that_is_not_valid_gets_one_sentence_that_names_the_setting(
    name: str, value: object, reason: str
) -> None:
    error = error_of(**{name: value})

    assert error.message.startswith(f"GatewayConfig: {name}=")
    assert reason in error.message
    assert error.message.endswith(".")
    assert "\n" not in error.message
    assert name in error.hint
    assert "pydantic" not in str(error)


def test_a_name_that_is_no_setting_is_named() -> None:
    assert error_of(apikey=SECRET).message == "GatewayConfig has no setting 'apikey'."


def test_audio_text_mode_needs_an_audio_server() -> None:
    message = error_of(routing_mode="audio_text").message

    assert message == "routing_mode='audio_text' needs audio_base_url, the server that takes audio."


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="text_base_url twice"):
        GatewayConfig("http://one", text_base_url="http://two")  # type: ignore[misc]  # that is the point


def test_too_many_settings_by_position_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="17 settings by position, not 30"):
        GatewayConfig(*["http://host"] * 30)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("key", [f"{SECRET}\nX-Evil: 1", f"{SECRET}ü", f"{SECRET}\x00"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    error = error_of(api_key=key)

    assert error.message == "api_key holds characters that no HTTP header can carry."
    assert "hush" not in str(error)


def test_a_key_of_another_type_is_refused() -> None:
    assert error_of(api_key=4711).message == "api_key is not a string but int."
    assert error_of(audio_api_key=b"x").message == "audio_api_key is not a string but bytes."


@pytest.mark.parametrize("blank", ["", "  ", None])
def test_a_blank_key_is_no_key(blank: str | None) -> None:
    assert GatewayConfig("http://host", api_key=blank).key_for("http://host") is None


def test_blanks_around_a_key_are_dropped() -> None:
    assert GatewayConfig("http://host", api_key=f" {SECRET}\n").key_for("http://host") == SECRET


# From the environment


def test_an_empty_environment_gives_the_defaults() -> None:
    assert GatewayConfig.from_env({}) == GatewayConfig()


def test_each_setting_has_a_variable() -> None:
    environ = {
        "IPY_GATEWAY_TEXT_BASE_URL": "http://text/v1/",
        "IPY_GATEWAY_AUDIO_BASE_URL": "http://audio",
        "IPY_GATEWAY_ROUTING_MODE": "audio_text",
        "IPY_GATEWAY_TIMEOUT_S": "12.5",
        "IPY_GATEWAY_AUDIO_PREPROCESS_ENABLED": "false",
        "IPY_GATEWAY_AUDIO_MAX_UPLOAD_BYTES": "1000",
        "IPY_GATEWAY_AUDIO_LOUDNORM": "1",
        "IPY_GATEWAY_TEXT_MODEL": "tiny",
        "IPY_GATEWAY_API_KEY": SECRET,
        "IPY_GATEWAY_AUDIO_API_KEY": "sk-audio",
        "IPY_GATEWAY_AUDIO_MODEL": "",
        "IPY_GATEWAY_MODELS": "/somewhere",
    }

    config = GatewayConfig.from_env(environ)

    assert config == GatewayConfig(
        "http://text/v1",
        audio_base_url="http://audio",
        routing_mode="audio_text",
        timeout_s=12.5,
        audio_preprocess_enabled=False,
        audio_max_upload_bytes=1000,
        audio_loudnorm=True,
        text_model="tiny",
        api_key=SECRET,
        audio_api_key="sk-audio",
    )


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPY_GATEWAY_TEXT_MODEL", "from the environment")

    assert GatewayConfig.from_env().text_model == "from the environment"


def test_openai_variables_configure_server_and_key() -> None:
    config = GatewayConfig.from_env({"OPENAI_BASE_URL": "http://host/v1", "OPENAI_API_KEY": f"{SECRET}\n"})

    assert config.text_base_url == "http://host/v1"
    assert config.key_for("http://host/v1/models") == SECRET


def test_our_variables_win_over_openais() -> None:
    environ = {
        "IPY_GATEWAY_TEXT_BASE_URL": "http://ours",
        "IPY_GATEWAY_API_KEY": SECRET,
        "OPENAI_BASE_URL": "http://theirs",
        "OPENAI_API_KEY": "sk-theirs",
    }

    config = GatewayConfig.from_env(environ)

    assert config.text_base_url == "http://ours"
    assert config.key_for("http://ours") == SECRET
    assert config.key_for("http://theirs") is None


def test_openais_key_does_not_go_to_our_server() -> None:
    environ = {"IPY_GATEWAY_TEXT_BASE_URL": "http://ours", "OPENAI_API_KEY": SECRET}

    config = GatewayConfig.from_env(environ)

    assert config.key_for("http://ours") is None
    assert config.key_for("https://api.openai.com/v1/models") == SECRET


def test_openais_key_alone_changes_no_server_and_is_there_when_openai_is_asked() -> None:
    config = GatewayConfig.from_env({"OPENAI_API_KEY": SECRET})

    moved = dataclasses.replace(config, text_base_url="https://api.openai.com/v1")

    assert config.text_base_url == "local://engine"
    assert config.key_for(config.text_base_url) is None
    assert moved.key_for("https://api.openai.com/v1") == SECRET


@pytest.mark.parametrize(
    "environ",
    [
        {"IPY_GATEWAY_TIMEOUT_S": "soon"},
        {"OPENAI_BASE_URL": "http://host:port", "OPENAI_API_KEY": SECRET},
        {"OPENAI_BASE_URL": "http://host", "OPENAI_API_KEY": f"{SECRET}\r\nX-Evil: 1"},
        {"OPENAI_BASE_URL": HIDDEN_URL},
        {"IPY_GATEWAY_API_KEY": f"{SECRET}ü"},
        {"IPY_GATEWAY_TEXT_BASE_URL": SECRET},
        {"IPY_GATEWAY_TEXT_BASE_URL": f"http://host, {SECRET}"},
        {"IPY_GATEWAY_MAX_RETRIES": SECRET},
        {"IPY_GATEWAY_MAX_RETRIES": "no-prefix-hush", "IPY_GATEWAY_API_KEY": "no-prefix-hush"},
    ],
)
def test_a_variable_that_is_not_valid_is_a_configuration_error_without_secrets(
    environ: dict[str, str],
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        GatewayConfig.from_env(environ)

    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"IPY_GATEWAY_TIMEOUT_S": "abc"}, "IPY_GATEWAY_TIMEOUT_S='abc' is not valid: "),
        ({"IPY_GATEWAY_TEXT_BASE_URL": "nowhere"}, "IPY_GATEWAY_TEXT_BASE_URL='nowhere' is not valid: "),
        ({"IPY_GATEWAY_TEXT_BASE_URL": "http://a, b"}, "IPY_GATEWAY_TEXT_BASE_URL=('http://a', 'b') is not"),
        ({"OPENAI_BASE_URL": "nowhere"}, "OPENAI_BASE_URL='nowhere' is not valid: "),
        ({"IPY_GATEWAY_API_KEY": f"{SECRET}ü"}, "IPY_GATEWAY_API_KEY holds characters"),
        (
            {"OPENAI_BASE_URL": "http://host", "OPENAI_API_KEY": f"{SECRET}ü"},
            "OPENAI_API_KEY holds characters",
        ),
        (
            {"IPY_GATEWAY_ROUTING_MODE": "audio_text"},
            "IPY_GATEWAY_ROUTING_MODE='audio_text' needs IPY_GATEWAY_AUDIO_BASE_URL, ",
        ),
    ],
)
def test_the_error_about_a_variable_names_it(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        GatewayConfig.from_env(environ)

    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    "unused",
    [
        {"OPENAI_BASE_URL": "http://host:port"},
        {"OPENAI_BASE_URL": "http://host:port", "OPENAI_API_KEY": SECRET},
        {"OPENAI_API_KEY": f"{SECRET}\r\nX-Evil: 1"},
        {"OPENAI_BASE_URL": "http://theirs", "OPENAI_API_KEY": f"{SECRET}ü"},
        {"OPENAI_BASE_URL": "  ", "OPENAI_API_KEY": "  "},
    ],
)
def test_a_variable_of_openai_that_is_not_used_does_no_harm(unused: dict[str, str]) -> None:
    config = GatewayConfig.from_env({"IPY_GATEWAY_TEXT_BASE_URL": "http://ours", **unused})

    assert config == GatewayConfig("http://ours")


def test_a_wrong_key_of_openai_matters_where_the_audio_server_is_openai() -> None:
    environ = {"IPY_GATEWAY_AUDIO_BASE_URL": "https://api.openai.com/v1", "OPENAI_API_KEY": f"{SECRET}ü"}

    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        GatewayConfig.from_env(environ)


# The key and its host


@pytest.mark.parametrize(
    ("url", "given"),
    [
        ("https://host/v1/models", True),
        ("https://HOST:443/other/path", True),
        ("http://host/v1", False),
        ("https://host:8443/v1", False),
        ("https://host.evil.org/v1", False),
        ("https://evil.org/https://host/v1", False),
        ("https://host@evil.org/", False),
    ],
)
def test_a_key_is_for_its_scheme_host_and_port_alone(url: str, given: bool) -> None:
    config = GatewayConfig("https://host/v1", api_key=SECRET)

    assert config.key_for(url) == (SECRET if given else None)


def test_a_key_follows_its_host_and_not_a_replaced_url() -> None:
    config = GatewayConfig("https://host/v1", api_key=SECRET)

    moved = dataclasses.replace(config, text_base_url="https://other/v1")
    back = dataclasses.replace(moved, text_base_url="https://host/v1")

    assert moved.key_for("https://other/v1") is None
    assert back.key_for("https://host/v1") == SECRET


def test_a_new_key_belongs_to_the_new_url() -> None:
    config = GatewayConfig("https://host/v1", api_key=SECRET)

    moved = dataclasses.replace(config, text_base_url="https://other", api_key="sk-other")

    assert moved.key_for("https://other") == "sk-other"
    assert moved.key_for("https://host") is None


def test_each_server_has_its_key() -> None:
    config = GatewayConfig(
        "http://text", audio_base_url="http://audio", api_key=SECRET, audio_api_key="sk-audio"
    )

    assert config.key_for("http://text/v1") == SECRET
    assert config.key_for("http://audio/v1") == "sk-audio"


# Hiding


def config_with_secrets() -> GatewayConfig:
    return GatewayConfig("http://host", audio_base_url="http://audio", api_key=SECRET, audio_api_key=SECRET)


def test_a_key_is_in_no_text_made_of_a_configuration() -> None:
    config = config_with_secrets()
    texts = [
        repr(config),
        str(config),
        f"{config}",
        repr(vars(config)),
        repr(dataclasses.asdict(config)),
        repr(dataclasses.astuple(config)),
        repr(copy.deepcopy(dataclasses.asdict(config))),
        json.dumps(dataclasses.asdict(config), default=repr),
        repr(pydantic.RootModel[GatewayConfig](config).model_dump()),
        repr([config.api_key, copy.copy(config.api_key)]),
    ]

    assert not [text for text in texts if "hush" in text]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_leaves_the_key_behind(protocol: int) -> None:
    pickled = pickle.dumps(config_with_secrets(), protocol)
    restored = pickle.loads(pickled)

    assert b"hush" not in pickled
    assert restored.text_base_url == "http://host"
    assert restored.api_key is None


def test_a_copy_in_the_same_process_keeps_the_key() -> None:
    config = config_with_secrets()

    assert copy.copy(config).key_for("http://host") == SECRET
    assert copy.deepcopy(config).key_for("http://host") == SECRET


def test_a_configuration_inside_a_pydantic_model_hides_its_key_too() -> None:
    adapter = pydantic.TypeAdapter(GatewayConfig)

    config = adapter.validate_python({"text_base_url": "http://host", "api_key": SECRET})

    assert isinstance(config.api_key, ApiKey)
    assert "hush" not in repr(dataclasses.asdict(config))
    assert config.key_for("http://host") == SECRET


@pytest.mark.parametrize(
    "settings",
    [
        {"timeout_s": -1, "api_key": SECRET},
        {"routing_mode": "audio_text", "api_key": SECRET},
        {"nonsense": SECRET, "api_key": SECRET},
        {"api_key": f"{SECRET}\n\n{SECRET}"},
        {"text_base_url": HIDDEN_URL},
        {"text_base_url": "http://somebody:hush/4711@host"},
        {"text_base_url": "http://somebody:47/hush@host"},
        {"audio_base_url": "http://hush-4711@host"},
        {"text_base_url": "http://host/v1?key=hush-4711"},
        {"text_base_url": "http://host/v1#hush-4711"},
        {"text_base_url": " http://some body:hush-4711@host"},
        {"text_base_url": "http://some:hush 4711@host"},
        {"text_base_url": "some:hush-4711@host"},
        {"text_base_url": "http://localhost:8080 api_key=sk-hush-4711"},
        {"text_base_url": ["http://host", "http://somebody:hush-4711@host"]},
        {"text_base_url": SECRET},
        {"text_base_url": ["http://host", SECRET]},
        {"text_base_url": f"http://host:{SECRET}"},
        {"text_base_url": f"http://[{SECRET}]"},
        {"timeout_s": SECRET},
        {"timeout_s": f"Bearer {SECRET}"},
        {"timeout_s": [0, {"key": SECRET}]},
        {"routing_mode": "gsk_hush4711"},
        {"max_retries": f"{'x ' * 46}{SECRET}"},  # the cut of a long value leaves no half of a key
        {"timeout_s": "no-prefix-hush", "api_key": "no-prefix-hush"},
        {"timeout_s": "no-prefix-hush", "audio_api_key": "no-prefix-hush"},
        {"audio_base_url": "no-prefix-hush", "api_key": "no-prefix-hush"},
        {"text_base_url": "http://host:no-prefix-hush", "api_key": "no-prefix-hush"},
    ],
)
def test_no_error_about_a_configuration_shows_a_secret(settings: dict[str, Any]) -> None:
    error = error_of(**settings)

    assert "hush" not in "".join(traceback.format_exception(error)).partition("ConfigurationError: ")[2]
    assert "hush" not in repr(error)
    assert error.__cause__ is None
    assert error.__context__ is None


def test_a_key_in_place_of_another_setting_is_said_to_be_none_of_its_values() -> None:
    assert error_of(timeout_s=SECRET).message.startswith("GatewayConfig: timeout_s='**********' is not valid")
    assert error_of(timeout_s="task-1").message.startswith("GatewayConfig: timeout_s='task-1' is not valid")


def test_a_placeholder_for_a_key_is_not_hidden_in_other_words() -> None:
    error = error_of(text_base_url="ftp://ollama", api_key="ollama")

    assert error.message.startswith("GatewayConfig: text_base_url='ftp://ollama' is not valid")


def test_ipython_shows_message_and_hint_in_place_of_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    shell = InteractiveShell.instance()
    shell.run_line_magic("xmode", "Verbose")
    shell.user_ns["settings"] = {"api_key": f"{SECRET}\n\n{SECRET}"}
    capsys.readouterr()

    result = shell.run_cell("from ipy_gateway import GatewayConfig\nGatewayConfig(**settings)")
    shown = capsys.readouterr()
    InteractiveShell.clear_instance()

    assert isinstance(result.error_in_exec, ConfigurationError)
    assert "ConfigurationError: api_key holds characters" in shown.out
    assert "Hint: Copy the key again." in shown.out
    assert "Traceback" not in shown.out
    assert "hush" not in shown.out + shown.err


def verbose_traceback(error: BaseException, since: TracebackType | None = None) -> str:
    """What `%xmode Verbose` shows, with the variables of every frame below the test's own."""
    frames = VerboseTB(theme_name="nocolor", include_vars=True)
    return str(frames.text(type(error), error, since or error.__traceback__, context=9))


async def test_a_verbose_traceback_through_a_failed_request_shows_no_key() -> None:
    with fault_server(answer(delay_s=5)) as server:
        config = GatewayConfig(server.url, api_key=SECRET, timeout_s=0.2)

        with pytest.raises(UpstreamError) as raised:
            await forward_models(server.url, config)

    assert server.request.headers["authorization"] == f"Bearer {SECRET}"
    assert raised.value._render_traceback_()[0].startswith("UpstreamTimeoutError")
    shown = verbose_traceback(raised.value, raised.tb.tb_next)
    assert "TimeoutError" in shown
    assert "in forward_models(" in shown
    assert "hush" not in shown


async def test_an_interrupted_request_leaves_no_frame_that_holds_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault_server(answer(delay_s=5)) as server:
        monkeypatch.setenv("http_proxy", server.url)  # httpcore keeps the headers in a variable there
        config = GatewayConfig("http://some.host", api_key=SECRET, allow_key_over_http=True)
        asking = asyncio.ensure_future(forward_models("http://some.host", config))
        await asyncio.to_thread(server.wait_for_requests, 1)
        asking.cancel()

        with pytest.raises(asyncio.CancelledError) as raised:
            await asking

    assert server.request.headers["authorization"] == f"Bearer {SECRET}"
    frames = [frame for frame, _ in traceback.walk_tb(raised.tb.tb_next)]
    assert "forward_models" in {frame.f_code.co_name for frame in frames}
    assert "hush" not in repr([frame.f_locals for frame in frames])


def test_a_verbose_traceback_of_a_wrong_setting_shows_no_key() -> None:
    settings = {"api_key": SECRET, "timeout_s": -1}

    with pytest.raises(ConfigurationError) as raised:
        GatewayConfig(**settings)  # type: ignore[arg-type]  # that is the point

    assert raised.tb.tb_next is not None
    assert "hush" not in verbose_traceback(raised.value, raised.tb.tb_next)


@pytest.mark.parametrize(
    ("args", "settings"),
    [
        (["http://one"], {"text_base_url": "http://two", "api_key": SECRET}),
        (["http://one", *[None] * 30], {"api_key": SECRET}),
        (["http://one"], {"api_key": f"{SECRET}ü"}),
        (["http://one"], {"api_key": [SECRET]}),
        (["http://one"], {"api_key": SECRET, "nonsense": 1}),
        (["http://one"], {"audio_api_key": SECRET, "timeout_s": -1}),
        (["http://one"], {"api_key": SECRET, "routing_mode": "audio_text"}),
    ],
)
def test_no_frame_of_a_wrong_configuration_holds_the_key(args: list[Any], settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as raised:
        GatewayConfig(*args, **settings)

    assert "hush" not in variables_of_our_frames(raised.value)


@pytest.mark.parametrize(
    "environ",
    [
        {"IPY_GATEWAY_API_KEY": SECRET, "IPY_GATEWAY_TIMEOUT_S": "abc"},
        {"OPENAI_API_KEY": SECRET, "IPY_GATEWAY_TIMEOUT_S": "abc"},
        {"OPENAI_API_KEY": f"{SECRET}ü", "OPENAI_BASE_URL": "http://host"},
        {"IPY_GATEWAY_API_KEY": f"{SECRET}ü"},
    ],
)
@pytest.mark.parametrize("is_of_the_process", [False, True])
def test_no_frame_of_a_wrong_environment_holds_the_key(
    environ: dict[str, str], is_of_the_process: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError) as raised:
        GatewayConfig.from_env(None if is_of_the_process else environ)

    assert "hush" not in variables_of_our_frames(raised.value)


def test_no_frame_of_a_wrong_key_in_a_pydantic_model_holds_it() -> None:
    adapter = pydantic.TypeAdapter(GatewayConfig)

    with pytest.raises(ConfigurationError) as raised:
        adapter.validate_python({"text_base_url": "http://host", "api_key": f"{SECRET}ü"})

    assert "hush" not in variables_of_our_frames(raised.value)


def variables_of_our_frames(error: BaseException) -> str:
    """What pytest -l, %xmode Verbose and logging libraries would show of the frames below the test's own."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [frame for frame in frames if "ipy_gateway" in frame.f_globals["__name__"].split(".")[0]]
    assert ours
    return repr([frame.f_locals for frame in ours])


async def test_no_log_shows_a_key(caplog: pytest.LogCaptureFixture) -> None:
    with fault_server(answer()) as server, caplog.at_level(logging.DEBUG):
        await forward_models(server.url, GatewayConfig(server.url, api_key=SECRET))

    assert "send_request_headers" in caplog.text
    assert "hush" not in caplog.text


def test_errors_survive_a_pickle() -> None:
    error = pickle.loads(pickle.dumps(UpstreamError("It failed.", "Try again.", upstream="http://host")))

    assert isinstance(error, UpstreamError)
    assert (error.message, error.hint, error.upstream) == ("It failed.", "Try again.", "http://host")
    assert str(error) == "It failed. Try again."


# Several servers


def test_several_servers_are_a_tuple_however_they_are_given() -> None:
    config = GatewayConfig(["http://a/", "http://b/v1"], audio_base_url=("http://c",))  # type: ignore[arg-type]  # a list

    assert config.text_base_url == ("http://a", "http://b/v1")
    assert config.text_urls == ("http://a", "http://b/v1")
    assert config.audio_urls == ("http://c",)


def test_a_key_goes_to_each_of_several_text_servers_and_to_no_other() -> None:
    config = GatewayConfig(("http://a", "https://b"), audio_base_url="http://c", api_key=SECRET)

    assert config.key_for("http://a/v1/models") == config.key_for("https://b") == SECRET
    assert config.key_for("http://b") is config.key_for("http://c") is None


def test_several_servers_come_from_the_environment() -> None:
    config = GatewayConfig.from_env({"IPY_GATEWAY_TEXT_BASE_URL": "http://a, http://b"})

    assert config.text_urls == ("http://a", "http://b")


def test_no_server_at_all_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="text_base_url"):
        GatewayConfig(())


# Plain http


@pytest.mark.parametrize("url", ["http://gpu-box:8080", "http://192.168.1.7:8080/v1"])
async def test_a_key_travels_unencrypted_only_with_consent(url: str) -> None:
    with pytest.raises(ConfigurationError, match="would travel unencrypted") as raised:
        await forward_models(url, GatewayConfig(url, api_key=SECRET))

    assert "allow_key_over_http" in raised.value.hint
    assert SECRET not in str(raised.value)


async def test_to_this_machine_a_key_may_go_by_plain_http() -> None:
    with fault_server() as server:
        await forward_models(server.url, GatewayConfig(server.url, api_key=SECRET))

    assert server.request.headers["authorization"] == f"Bearer {SECRET}"
