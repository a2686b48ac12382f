"""%gateway doctor."""

import os
from pathlib import Path
from unittest import mock

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipy_gateway.core.requests.server_memory import VARIABLE

from ..support.kernel import Kernel
from ..support.strict_html import StrictReader
from ..support.well_server import WellServer, well_server
from .test_completion import completed

KEY = "sk-hush-0123456789abcdef"


def shown_by(shell: InteractiveShell, line: str) -> str:
    """The plain text of the only output of a line."""
    with capture_output() as captured:
        result = shell.run_cell(line)
    result.raise_error()
    (output,) = captured.outputs
    assert StrictReader(output.data["text/html"]).violations == []
    return str(output.data["text/plain"])


def lines_to_type(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.startswith("          ")]


def test_what_works_is_a_table(shell: InteractiveShell) -> None:
    with well_server() as server:
        shell.run_cell(f"_ = %gateway {server.url}")
        text = shown_by(shell, "%gateway doctor")

    assert text.startswith(f"{server.url}: all is well\n")
    assert "● transcriptions  works" in text


def test_the_line_that_is_named_makes_it_well(shell: InteractiveShell) -> None:
    with well_server() as server:
        shell.run_cell(f"_ = %gateway {server.url}/wrong")
        (line,) = lines_to_type(shown_by(shell, "%gateway doctor"))
        shell.run_cell(f"_ = {line}")
        text = shown_by(shell, "%gateway doctor")

    assert line == f"%gateway {server.url}"
    assert text.startswith(f"{server.url}: all is well")


def test_a_key_is_typed_in_where_the_doctor_says(shell: InteractiveShell) -> None:
    with well_server(WellServer(key=KEY)) as server, mock.patch("getpass.getpass", return_value=KEY):
        ill = shown_by(shell, f"%gateway doctor {server.url}")
        for line in lines_to_type(ill):
            shell.run_cell(f"_ = {line}")
        well = shown_by(shell, "%gateway doctor")

    assert lines_to_type(ill) == [f"%gateway {server.url}", "%gateway key"]
    assert well.startswith(f"{server.url}: all is well")
    assert KEY not in ill + well


def test_the_key_of_a_server_for_audio_is_typed_in_for_it(shell: InteractiveShell) -> None:
    with (
        well_server() as text_server,
        well_server(WellServer(key=KEY)) as ear,
        mock.patch("getpass.getpass", return_value=KEY),
    ):
        settings = f"text_base_url={text_server.url} audio_base_url={ear.url} routing_mode=audio_text"
        shell.run_cell(f"_ = %gateway set {settings}")
        (line,) = lines_to_type(shown_by(shell, "%gateway doctor"))
        shell.run_cell(f"_ = {line}")
        well = shown_by(shell, "%gateway doctor")

    assert line == "%gateway key audio"
    assert well.count("all is well") == 2


def test_a_server_that_is_not_configured_is_examined_and_not_asked_from_then_on(
    shell: InteractiveShell,
) -> None:
    with well_server() as server:
        text = shown_by(shell, f"%gateway doctor {server.url}")
        config = shell.run_cell("%gateway settings").result

    assert text.startswith(f"{server.url}: all is well")
    assert config.text_urls == ("local://engine",)


@pytest.mark.parametrize("word", ["key", "localhost:80", "set"])
def test_what_is_no_server_is_an_error(shell: InteractiveShell, word: str) -> None:
    with capture_output():
        result = shell.run_cell(f"%gateway doctor {word}")

    assert f"{word!r} is no address of a server. Write %gateway doctor http://" in str(result.error_in_exec)


def test_headless_it_is_the_same_each_time(chat_kernel: Kernel, tmp_path: Path) -> None:
    chat_kernel.run(f"import os; os.environ[{VARIABLE!r}] = {os.fspath(tmp_path / 'servers.json')!r}")
    with well_server() as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        first, second = (chat_kernel.run("%gateway doctor", allow_stdin=False) for _ in range(2))
    chat_kernel.run(f"del os.environ[{VARIABLE!r}]")

    assert first.status == second.status == "ok", first.traceback
    assert [output["data"] for output in first.outputs] == [output["data"] for output in second.outputs]
    assert first.display_updates == second.display_updates == 0
    assert "speed" in first.outputs[0]["metadata"]["ipy_gateway"]


def test_it_is_completed(chat_kernel: Kernel) -> None:
    assert completed(chat_kernel, "%gateway do") == ["%gateway doctor"]
    assert "%gateway models" in completed(chat_kernel, "%gateway ")
