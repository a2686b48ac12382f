"""What %load_ext adds to a shell, and %unload_ext takes away: everything, and nothing of anybody else's."""

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_cell_magic, magics_class
from traitlets.config import Config

from ipy_gateway import GatewayConfig


@magics_class
class ChatMagics(Magics):
    """Somebody else's, with the name of our class."""

    @cell_magic
    def chat(self, line: str, cell: str) -> str:
        return f"theirs: {cell}"


@magics_class
class BothChats(Magics):
    @line_cell_magic
    def chat(self, line: str, cell: str | None = None) -> str:
        return f"theirs: {line}{cell or ''}"


@pytest.fixture
def bare_shell() -> Iterator[InteractiveShell]:
    """A shell without the extension."""
    InteractiveShell.clear_instance()
    yield InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    InteractiveShell.clear_instance()


def parts_of(shell: InteractiveShell) -> dict[str, Any]:
    """What extensions may add to a shell."""
    assert shell.display_formatter
    manager = shell.input_transformer_manager
    formatter = shell.display_formatter.ipython_display_formatter
    return {
        "magics": {kind: set(table) for kind, table in shell.magics_manager.magics.items()},
        "registry": set(shell.magics_manager.registry),
        "configurables": list(shell.configurables),
        "completers": list(shell.Completer.custom_matchers),
        "transformers": [
            *manager.token_transformers,
            *manager.line_transforms,
            *manager.cleanup_transforms,
        ],
        "formatters": {*formatter.type_printers, *formatter.deferred_printers},
        "callbacks": {name: list(found) for name, found in shell.events.callbacks.items()},
        "namespace": set(shell.user_ns),
    }


def owner_of(shell: InteractiveShell, magic: str, kind: str = "cell") -> str:
    return str(shell.magics_manager.magics[kind][magic].__module__)


@pytest.mark.parametrize("command", ["load_ext", "reload_ext"])
def test_unload_ext_leaves_the_shell_as_it_was(bare_shell: InteractiveShell, command: str) -> None:
    bare_shell.run_line_magic("load_ext", "storemagic")  # IPython's own magics load when they are first used
    before = parts_of(bare_shell)
    bare_shell.run_line_magic("load_ext", "ipy_gateway")
    bare_shell.run_line_magic(command, "ipy_gateway")
    during = parts_of(bare_shell)

    bare_shell.run_line_magic("unload_ext", "ipy_gateway")

    assert [name for name, part in during.items() if part == before[name]] == ["namespace"]
    assert parts_of(bare_shell) == before


def test_reloading_adds_nothing_twice(bare_shell: InteractiveShell) -> None:
    bare_shell.run_line_magic("load_ext", "ipy_gateway")
    once = {name: len(part) for name, part in parts_of(bare_shell).items()}

    for _ in range(3):
        bare_shell.run_line_magic("reload_ext", "ipy_gateway")

    again = {name: len(part) for name, part in parts_of(bare_shell).items()}
    assert again == once


@pytest.mark.parametrize("theirs", [ChatMagics, BothChats])
def test_a_chat_that_was_there_before_stays(bare_shell: InteractiveShell, theirs: type[Magics]) -> None:
    bare_shell.register_magics(theirs)

    with pytest.warns(UserWarning, match=r"%%chat belongs to .*test_extension already.* is %%gwchat"):
        bare_shell.run_line_magic("load_ext", "ipy_gateway")

    assert bare_shell.run_cell_magic("chat", "", "Hello\n") == "theirs: Hello\n"
    assert owner_of(bare_shell, "gwchat").startswith("ipy_gateway")
    assert owner_of(bare_shell, "gwchat", "line").startswith("ipy_gateway")


@pytest.mark.parametrize("theirs", [ChatMagics, BothChats])
def test_a_chat_that_comes_later_is_theirs_and_ours_has_its_own_name(
    bare_shell: InteractiveShell, theirs: type[Magics]
) -> None:
    bare_shell.run_line_magic("load_ext", "ipy_gateway")

    bare_shell.register_magics(theirs)

    assert bare_shell.run_cell_magic("chat", "", "Hello\n") == "theirs: Hello\n"
    assert owner_of(bare_shell, "gwchat").startswith("ipy_gateway")


@pytest.mark.parametrize("theirs", [ChatMagics, BothChats])
@pytest.mark.parametrize("comes_first", [True, False])
def test_unloading_leaves_theirs(
    bare_shell: InteractiveShell, theirs: type[Magics], comes_first: bool
) -> None:
    steps = [
        lambda: bare_shell.register_magics(theirs),
        lambda: bare_shell.run_line_magic("load_ext", "ipy_gateway"),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in steps if comes_first else reversed(steps):
            step()

    bare_shell.run_line_magic("unload_ext", "ipy_gateway")

    assert bare_shell.run_cell_magic("chat", "", "Hello\n") == "theirs: Hello\n"
    assert bare_shell.find_cell_magic("gwchat") is None
    assert not [one for one in bare_shell.configurables if type(one).__module__.startswith("ipy_gateway")]


def test_reloading_beside_a_chat_that_came_later_leaves_it(bare_shell: InteractiveShell) -> None:
    bare_shell.run_line_magic("load_ext", "ipy_gateway")
    bare_shell.register_magics(ChatMagics)

    with pytest.warns(UserWarning, match="is %%gwchat"):
        bare_shell.run_line_magic("reload_ext", "ipy_gateway")

    assert bare_shell.run_cell_magic("chat", "", "Hello\n") == "theirs: Hello\n"


@pytest.mark.filterwarnings("error")
def test_loading_alone_warns_of_nothing(bare_shell: InteractiveShell) -> None:
    bare_shell.run_line_magic("load_ext", "ipy_gateway")
    bare_shell.run_line_magic("reload_ext", "ipy_gateway")

    assert owner_of(bare_shell, "chat").startswith("ipy_gateway")


def test_reloading_keeps_what_was_changed_whatever_the_profile_says(bare_shell: InteractiveShell) -> None:
    bare_shell.config.GatewayMagics.text_base_url = "http://profile.example"
    bare_shell.run_line_magic("load_ext", "ipy_gateway")
    gateway: Any = bare_shell.magics_manager.registry["GatewayMagics"]
    assert gateway.gateway_config.text_base_url == "http://profile.example"
    bare_shell.run_line_magic("gateway", "local://engine")

    bare_shell.run_line_magic("reload_ext", "ipy_gateway")

    gateway = bare_shell.magics_manager.registry["GatewayMagics"]
    assert gateway.gateway_config == GatewayConfig()
    assert gateway.text_base_url == "local://engine"
