"""%gateway budget: limits for the session, over all magics."""

from collections.abc import Iterator

import pytest

from ipy_gateway import Budget, InvalidRequestError
from ipy_gateway.notebook.lines.budget_line import budget_after

from ..support.chat_stream import streamed
from ..support.fault_server import FaultServer, answer, fault_server
from ..support.kernel import Kernel


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    models = {"/v1/models": answer(body={"data": [{"id": "tiny"}]})}
    with fault_server(streamed("Well."), by_path=models) as server:
        chat_kernel.run(f"_ = %gateway {server.url}")
        yield server
    chat_kernel.run("%gateway budget off")


def chats(server: FaultServer) -> int:
    return sum(request.method == "POST" for request in server.requests)


def test_a_budget_ends_requests_until_it_is_raised(chat_kernel: Kernel, server: FaultServer) -> None:
    shown = chat_kernel.run("%gateway budget 1 request")
    first = chat_kernel.run("%chat Who?")
    refused = chat_kernel.run("%chat Who?")
    raised = chat_kernel.run("%gateway budget 2 requests 10k tokens")
    again = chat_kernel.run("%chat Who?")

    assert shown.text == "Budget: 0 of 1 request."
    assert (first.status, again.status) == ("ok", "ok")
    assert refused.error_name == "BudgetExceededError"
    assert "The budget of 1 request is spent; this one was not sent." in refused.error_text
    assert "1 of 2 requests" in raised.text
    assert chats(server) == 2


def test_the_status_shows_it_and_looking_costs_nothing(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%gateway budget 200k tokens")

    status = chat_kernel.run("%gateway")

    assert status.text.endswith("Budget: 0 of 200,000 tokens.")


def test_what_is_awaited_in_a_cell_counts_too(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%gateway budget 0 requests\nimport ipy_gateway\nconfig = %gateway settings")

    refused = chat_kernel.run(
        "await ipy_gateway.chat_completion([{'role': 'user', 'content': 'Who?'}], config)"
    )

    assert refused.error_name == "BudgetExceededError"
    assert chats(server) == 0


def test_it_outlives_a_reload_and_can_be_taken_back(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%gateway budget 0 requests\n%reload_ext ipy_gateway")

    refused = chat_kernel.run("%chat Who?")
    off = chat_kernel.run("%gateway budget off")
    free = chat_kernel.run("%chat Who?")

    assert refused.error_name == "BudgetExceededError"
    assert off.text.startswith("There is no budget.")
    assert free.status == "ok"


def test_recordings_count(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("import base64, io, wave\nsound = io.BytesIO()")
    chat_kernel.run(
        "with wave.open(sound, 'wb') as w:\n"
        "    w.setnchannels(1); w.setsampwidth(2); w.setframerate(16000); w.writeframes(bytes(32000 * 10))\n"
        "%gateway budget 0.1 audio minutes"
    )

    refused = chat_kernel.run("%chat Who? {{sound.getvalue()}}")

    assert "0.1 minutes of audio" in refused.error_text
    assert chats(server) == 0


@pytest.mark.parametrize(
    ("line", "limits"),
    [
        ("200k tokens", {"tokens": 200_000}),
        ("1.5M tokens", {"tokens": 1_500_000}),
        ("20,000 tokens", {"tokens": 20_000}),
        ("50 requests", {"requests": 50}),
        ("30 audio minutes", {"audio_s": 1800}),
        ("2.5 minutes of audio", {"audio_s": 150}),
        ("10 requests, 5k tokens and 1 minute", {"requests": 10, "tokens": 5000, "audio_s": 60}),
    ],
)
def test_limits_are_written_as_people_say_them(line: str, limits: dict[str, float]) -> None:
    budget = budget_after(line.split(), None)

    assert budget and budget.limits == limits


@pytest.mark.parametrize("line", ["lots", "200k", "-3 requests", "5 tokens more", "off now"])
def test_what_is_no_limit_is_named(line: str) -> None:
    budget = Budget(requests=1)

    with pytest.raises(InvalidRequestError, match="is no budget"):
        budget_after(line.split(), budget)

    assert budget.limits == {"requests": 1}
