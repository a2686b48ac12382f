"""%config and profiles: other ways to the same settings."""

import dataclasses
from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipy_gateway import GatewayConfig
from ipy_gateway.notebook.gateway_magics import GatewayMagics
from ipy_gateway.notebook.settings import KEYS, SettingTraits, names_settings

from ..support.kernel import Kernel, running_kernel

SECRET = "sk-not-for-the-notebook"


def settings_of(shell: InteractiveShell) -> GatewayConfig:
    gateway = shell.magics_manager.registry["GatewayMagics"]
    assert isinstance(gateway, GatewayMagics)
    return gateway.gateway_config


def test_every_setting_but_the_keys_is_a_trait() -> None:
    names = {setting.name for setting in dataclasses.fields(GatewayConfig)}

    assert set(SettingTraits.class_own_traits()) == names - {*KEYS}


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("timeout_s = 60", "timeout_s", 60.0),
        ("text_model = 'tiny'", "text_model", "tiny"),
        ("text_base_url = ('http://a', 'http://b')", "text_base_url", ("http://a", "http://b")),
        ("history_tokens = 100", "history_tokens", 100),
        ("audio_loudnorm = True", "audio_loudnorm", True),
    ],
)
def test_config_changes_a_setting(shell: InteractiveShell, line: str, name: str, expected: object) -> None:
    shell.run_line_magic("config", f"GatewayMagics.{line}")

    assert getattr(settings_of(shell), name) == expected
    assert shell.run_line_magic("config", f"GatewayMagics.{name}") == expected


def test_config_shows_what_gateway_has_set(shell: InteractiveShell) -> None:
    shell.run_line_magic("gateway", "set timeout_s=45")

    assert shell.run_line_magic("config", "GatewayMagics.timeout_s") == 45.0


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("timeout_s = 'soon'", "timeout_s='soon' is not valid"),
        ("timeout_s = -1", "timeout_s=-1 is not valid"),
        ("text_base_url = 'ftp://a'", "'ftp://a'"),
        ("history_tokens = None", "history_tokens=None is not valid"),
    ],
)
def test_config_leaves_a_setting_where_the_value_is_wrong(
    shell: InteractiveShell, caplog: pytest.LogCaptureFixture, line: str, reason: str
) -> None:
    before = settings_of(shell)

    shell.run_line_magic("config", f"GatewayMagics.{line}")

    assert reason in caplog.text  # %config logs errors
    assert settings_of(shell) == before
    name = line.partition(" ")[0]
    assert shell.run_line_magic("config", f"GatewayMagics.{name}") == getattr(before, name)


def test_a_wrong_value_does_not_come_back_with_the_next_one(shell: InteractiveShell) -> None:
    shell.run_line_magic("config", "GatewayMagics.timeout_s = -1")

    shell.run_line_magic("config", "GatewayMagics.max_retries = 1")

    assert (settings_of(shell).timeout_s, settings_of(shell).max_retries) == (300.0, 1)


@pytest.mark.filterwarnings("ignore:Config option `.*api_key` not recognized")
@pytest.mark.parametrize("name", KEYS)
def test_config_takes_no_key(shell: InteractiveShell, name: str) -> None:
    shell.run_line_magic("config", f"GatewayMagics.{name} = {SECRET!r}")

    assert settings_of(shell) == GatewayConfig()


def test_config_shows_no_key(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    gateway = shell.magics_manager.registry["GatewayMagics"]
    assert isinstance(gateway, GatewayMagics)
    gateway.gateway_config = GatewayConfig("https://a.example", api_key=SECRET)

    shell.run_line_magic("config", "GatewayMagics")

    shown = "".join(capsys.readouterr())
    assert "https://a.example" in shown
    assert "api_key" not in shown
    assert SECRET not in shown
    assert "object at 0x" not in shown


# A profile


@pytest.fixture(scope="module")
def profile_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel with settings in its profile, and others in files of its folder."""
    profile = tmp_path_factory.mktemp("ipython") / "profile_default"
    profile.mkdir()
    (profile / "ipython_config.py").write_text(
        "c.GatewayMagics.timeout_s = 60\nc.GatewayMagics.text_model = 'tiny'\n"
    )
    folder = tmp_path_factory.mktemp("downloaded")
    hostile = "c.GatewayMagics.text_base_url = 'http://hostile.example'\n"
    for name in ("ipython_config.py", "ipython_kernel_config.py", "ipy_gateway_config.py"):
        (folder / name).write_text(hostile)
    (folder / ".env").write_text("IPY_GATEWAY_TEXT_BASE_URL=http://hostile.example\n")
    with running_kernel(folder, IPYTHONDIR=str(profile.parent)) as kernel:
        assert kernel.run("%load_ext ipy_gateway").status == "ok"
        yield kernel


def test_a_profile_sets_defaults_and_the_folder_of_the_notebook_nothing(profile_kernel: Kernel) -> None:
    run = profile_kernel.run(
        "config = %gateway settings\nprint(f'{config.timeout_s} {config.text_model} {config.text_base_url}')"
    )

    assert run.outputs[-1]["text"] == "60.0 tiny local://engine\n"


def test_config_says_in_the_cell_what_is_wrong(profile_kernel: Kernel) -> None:
    run = profile_kernel.run("%config GatewayMagics.timeout_s = 'soon'")

    assert "timeout_s='soon' is not valid: it should be a valid number." in run.text


def test_a_profile_that_makes_no_sense_is_told_of_and_left_out() -> None:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.config.GatewayMagics.timeout_s = "soon"

    with pytest.warns(UserWarning, match=r"profile configures is left out: .*timeout_s='soon'"):
        shell.run_line_magic("load_ext", "ipy_gateway")

    assert settings_of(shell) == GatewayConfig()
    shell.run_line_magic("unload_ext", "ipy_gateway")
    InteractiveShell.clear_instance()


# The environment


@pytest.mark.parametrize("name", [*(setting.name for setting in dataclasses.fields(GatewayConfig))])
def test_every_setting_in_the_environment_is_seen_when_the_extension_is_loaded(name: str) -> None:
    assert names_settings({f"IPY_GATEWAY_{name.upper()}": "something"})


@pytest.mark.parametrize(
    "environ", [{}, {"IPY_GATEWAY_FAST": "0"}, {"OPENAI_ORGANIZATION": "org"}], ids=["none", "fast", "other"]
)
def test_what_is_no_setting_waits_for_the_first_magic(environ: dict[str, str]) -> None:
    assert not names_settings(environ)


def test_config_before_any_magic_changes_a_setting_and_shows_the_others(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("config", "GatewayMagics.timeout_s = 60")

    shell.run_line_magic("config", "GatewayMagics")

    assert settings_of(shell) == GatewayConfig(timeout_s=60)
    assert "Current: 60" in (shown := capsys.readouterr().out)
    assert "Current: 'local://engine'" in shown
