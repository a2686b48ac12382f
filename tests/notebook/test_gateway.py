"""%gateway: how the servers are, and what is configured."""

import socket
from collections.abc import Iterator

import pytest

from ..support.fault_server import FaultServer, answer, fault_server
from ..support.kernel import CellRun, Kernel
from ..support.strict_html import StrictReader

SECRET = "sk-not-for-the-notebook"
MODELS = {"data": [{"id": f"model-{number}"} for number in range(20)]}


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    with fault_server(answer(body=MODELS)) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        yield server


def data_of(run: CellRun) -> dict[str, str]:
    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    data: dict[str, str] = output["data"]
    return data


@pytest.mark.parametrize("line", ["%gateway", "%gateway status"])
def test_a_server_that_answers_is_shown_with_its_models(
    chat_kernel: Kernel, server: FaultServer, line: str
) -> None:
    data = data_of(chat_kernel.run(line))

    assert data["text/plain"].startswith(f"{server.url}: answers; asked for text and audio; ")
    assert "model-0" in data["text/plain"]
    assert "and 12 more: %gateway models" in data["text/plain"]
    assert StrictReader(data["text/html"]).violations == []


def test_models_are_all_of_them(chat_kernel: Kernel, server: FaultServer) -> None:
    data = data_of(chat_kernel.run("%gateway models"))

    assert data["text/plain"].count("model-") == 20


def test_a_server_that_does_not_answer_is_shown_as_such(chat_kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    chat_kernel.run(f"_ = %gateway {url}")

    data = data_of(chat_kernel.run("%gateway"))

    assert data["text/plain"].startswith(f"{url}: No server answers at {url} (")


def test_a_real_server_says_what_it_takes(chat_kernel: Kernel, text_server: str) -> None:
    chat_kernel.run(f"_ = %gateway {text_server}")

    data = data_of(chat_kernel.run("%gateway"))

    assert data["text/plain"].startswith(
        f"{text_server}: answers; asked for text and audio; takes no recordings"
    )
    assert "smollm2" in data["text/plain"]


def test_the_engine_says_which_models_are_here(chat_kernel: Kernel) -> None:
    data = data_of(chat_kernel.run("%gateway"))

    assert data["text/plain"].startswith("local://engine: the embedded engine, on this computer;")
    assert "whisper-tiny.en (hears" in data["text/plain"]


def test_headless_nobody_is_asked(chat_kernel: Kernel, server: FaultServer) -> None:
    first, second = (chat_kernel.run("%gateway", allow_stdin=False) for _ in range(2))

    assert server.requests == []
    assert server.url in data_of(first)["text/plain"]
    assert data_of(first) == data_of(second)


@pytest.mark.parametrize("line", ["%gateway status", "%gateway models"])
def test_headless_who_asks_for_it_gets_it(chat_kernel: Kernel, server: FaultServer, line: str) -> None:
    run = chat_kernel.run(line, allow_stdin=False)

    assert "model-0" in data_of(run)["text/plain"]
    assert run.display_updates == 0


def test_settings_ask_nobody(chat_kernel: Kernel, server: FaultServer) -> None:
    data = data_of(chat_kernel.run("%gateway settings"))

    assert server.requests == []
    assert "history_tokens" in data["text/plain"]


def test_what_has_changed_is_shown_and_nothing_else(chat_kernel: Kernel, server: FaultServer) -> None:
    changed = data_of(chat_kernel.run("%gateway set max_retries=7 timeout_s=77"))["text/plain"]
    again = data_of(chat_kernel.run("%gateway set max_retries=7"))["text/plain"]
    chat_kernel.run("_ = %gateway set max_retries=2 timeout_s=300")

    assert changed.split() == ["timeout_s", "77.0", "max_retries", "7"]
    assert again == f"text_base_url  {server.url}"


def test_a_setting_is_shown_as_it_is_from_now_on(chat_kernel: Kernel, server: FaultServer) -> None:
    changed = data_of(chat_kernel.run("%gateway set history_tokens=7777"))["text/plain"]
    glance = data_of(chat_kernel.run("%gateway"))["text/plain"]
    chat_kernel.run("_ = %gateway set history_tokens=8000")

    assert changed == "history_tokens  7777"
    assert "history_tokens = 7777" in glance
    assert "history_tokens" not in data_of(chat_kernel.run("%gateway"))["text/plain"]


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("modles", "'modles' is no address of a server. Did you mean %gateway models?"),
        ("setings", "'setings' is no address of a server. Did you mean %gateway settings?"),
        (
            "localhost:80",
            "'localhost:80' is no address of a server. Write %gateway http://localhost:80, "
            "%gateway set NAME=VALUE, or one of status, models, settings, set, key, journal, "
            "record, replay, doctor, budget, loop.",
        ),
        ("models tiny", "%gateway models takes nothing behind it, not 'tiny'. Leave it out."),
        ("loop", "%gateway loop needs a name. Write %gateway loop own, or %gateway loop kernel."),
        ("loop mine", "There is no loop 'mine'. Write %gateway loop own, or %gateway loop kernel."),
        (
            f"key {SECRET}",
            "A key on this line would be saved with the notebook. Write %gateway key and type it in",
        ),
        (f"set api_key={SECRET}", "A key on this line would be saved with the notebook."),
        ("key mine", "A key on this line would be saved with the notebook."),
    ],
)
def test_what_it_does_not_know_is_an_error(
    chat_kernel: Kernel, server: FaultServer, word: str, sentence: str
) -> None:
    run = chat_kernel.run(f"%gateway {word}")

    assert run.error_text.startswith(sentence)
    assert SECRET not in "".join(run.traceback)
    assert server.requests == []


def test_nobody_to_type_a_key_is_an_error(chat_kernel: Kernel) -> None:
    run = chat_kernel.run("%gateway key", allow_stdin=False)

    assert run.error_text.startswith("There is nobody to type in a key.")
