"""What an installed wheel does, run by an interpreter that has it and what it requires, and nothing else.

Imports nothing of the tests. The arguments are a server that answers everything, and a recording.
"""

import importlib
import pkgutil
import sys

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

import ipy_gateway

NEEDS_AN_EXTRA = {"core.wire.fast_transport", "local.hub_download", "local.llama_server"}


def run(shell: InteractiveShell, cell: str) -> str:
    """What a cell prints and shows, as text and as HTML."""
    with capture_output() as captured:
        shell.run_cell(cell).raise_error()
    shown = (str(text) for output in captured.outputs for text in output.data.values())
    return "\n".join((captured.stdout, *shown))


def check_imports() -> None:
    """Every module but those of extras can be imported, and the package is the installed one."""
    assert "site-packages" in ipy_gateway.__file__, ipy_gateway.__file__
    names = {module.name for module in pkgutil.walk_packages(ipy_gateway.__path__, "ipy_gateway.")}
    for name in names - {f"ipy_gateway.{name}" for name in NEEDS_AN_EXTRA}:
        importlib.import_module(name)
    assert all(getattr(ipy_gateway, name).__doc__ for name in ipy_gateway.__all__)


def check_magics(shell: InteractiveShell, url: str, recording: str) -> None:
    """Answers are shown with what lies in files: styles, scripts, TeX commands, the page of the widget."""
    run(shell, f"_ = %gateway {url}")
    transcript = run(shell, f"%transcribe {recording}")
    assert "It works: " in transcript and "<style>" in transcript and "<script>" in transcript, transcript
    assert r"works: $\alpha$" in run(shell, "%chat Does it?"), "a command of the list is typeset"
    page = run(shell, "from ipy_gateway import AudioUpload\nw = AudioUpload()\nprint(w._esm, w._css)")
    assert "export default" in page and "border" in page, page


def check_error_without_engine(shell: InteractiveShell) -> None:
    """Who asks the embedded engine without its extra is told how to install it."""
    with capture_output():
        error = shell.run_cell("%chat --url local://engine Is anybody there?").error_in_exec
    assert isinstance(error, ipy_gateway.ConfigurationError) and "ipy-gateway[local]" in error.hint, repr(
        error
    )


check_imports()
terminal = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
terminal.run_line_magic("load_ext", "ipy_gateway")
check_magics(terminal, *sys.argv[1:])
check_error_without_engine(terminal)
print(
    f"ipy_gateway {ipy_gateway.__version__} works on Python {sys.version_info.major}.{sys.version_info.minor}"
)
