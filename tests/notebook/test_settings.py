"""What %gateway's line changes."""

import os
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway import ConfigurationError, GatewayConfig, InvalidRequestError
from ipy_gateway.notebook.settings import changed

SECRET = "sk-not-for-the-notebook"


def test_a_server_takes_text_and_audio() -> None:
    before = GatewayConfig("http://a", audio_base_url="http://b", routing_mode="audio_text")

    after = changed(before, "local://engine")

    assert (after.text_base_url, after.audio_base_url, after.routing_mode) == (
        "local://engine",
        None,
        "single",
    )


def test_several_servers_share_the_work() -> None:
    assert changed(GatewayConfig(), "http://a, http://b").text_urls == ("http://a", "http://b")


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("set timeout_s=60", "timeout_s", 60.0),
        ("timeout_s=60", "timeout_s", 60.0),
        ("set audio_loudnorm=true", "audio_loudnorm", True),
        ("set audio_preprocess_enabled=auto", "audio_preprocess_enabled", "auto"),
        ("set text_model=None", "text_model", None),
        ("set text_model='my model.gguf'", "text_model", "my model.gguf"),
        (
            "set transcribe_system_prompt=Write down what is said.",
            "transcribe_system_prompt",
            "Write down what is said.",
        ),
        ("set text_base_url=http://a,http://b", "text_base_url", ("http://a", "http://b")),
        ("", "timeout_s", 300.0),
    ],
)
def test_settings_are_set_by_name(line: str, name: str, expected: object) -> None:
    assert getattr(changed(GatewayConfig(text_model="x"), line), name) == expected


def test_settings_that_belong_together_are_set_together() -> None:
    line = "set routing_mode=audio_text audio_base_url=http://b"

    assert changed(GatewayConfig(), line).audio_urls == ("http://b",)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "localhost:8080",
            "'localhost:8080' is no address of a server. Write %gateway http://localhost:8080",
        ),
        ("set", "%gateway set needs a setting."),
        ("set volume=11", "There is no setting 'volume'. Settings are text_base_url, "),
        ("set timeout_s=soon", "GatewayConfig: timeout_s='soon' is not valid"),
        (f"api_key={SECRET}", "A key on this line would be saved with the notebook."),
        (f"http://a api_key={SECRET}", "A key on this line would be saved with the notebook."),
        (SECRET, "A key on this line would be saved with the notebook."),
        (f"set timeout_s='{SECRET}'", "A key on this line would be saved with the notebook."),
    ],
)
def test_what_makes_no_sense_is_one_sentence(line: str, sentence: str) -> None:
    with pytest.raises((ConfigurationError, InvalidRequestError)) as raised:
        changed(GatewayConfig(), line)

    assert str(raised.value).startswith(sentence)
    assert SECRET not in str(raised.value)


def test_a_typed_key_belongs_to_the_server_that_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getpass", lambda prompt: SECRET)  # a keyboard

    config = changed(GatewayConfig("https://a.example"), "key")

    assert config.key_for("https://a.example/v1/models") == SECRET
    assert config.key_for("https://b.example") is None


@pytest.fixture
def junk_in_the_environment() -> Iterator[None]:
    os.environ["IPY_GATEWAY_TIMEOUT_S"] = "abc"
    yield
    del os.environ["IPY_GATEWAY_TIMEOUT_S"]


@pytest.mark.usefixtures("junk_in_the_environment")
def test_junk_in_the_environment_is_told_of_and_nothing_is_sent_anywhere() -> None:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()

    with pytest.warns(UserWarning, match="timeout_s|TIMEOUT_S"):
        shell.run_line_magic("load_ext", "ipy_gateway")
    config = shell.run_line_magic("gateway", "")

    assert config == GatewayConfig()
    shell.run_line_magic("unload_ext", "ipy_gateway")
    InteractiveShell.clear_instance()


def test_reloading_the_extension_keeps_the_server(shell: InteractiveShell) -> None:
    shell.run_line_magic("gateway", "http://localhost:1234")

    shell.run_line_magic("reload_ext", "ipy_gateway")

    assert shell.run_line_magic("gateway", "").text_base_url == "http://localhost:1234"
