"""--dry-run: all that would be sent is shown, and nothing is sent or changed."""

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from ..support.chat_stream import streamed
from ..support.fault_server import FaultServer, fault_server
from ..support.kernel import CellRun, Kernel
from ..support.strict_html import StrictReader

SECRET = "sk-not-for-the-notebook"


@pytest.fixture
def server(chat_kernel: Kernel) -> Iterator[FaultServer]:
    """A server that counts, and a kernel with a key for it."""
    with fault_server(streamed("Well.")) as server:
        config = f"GatewayConfig({server.url!r}, api_key={SECRET!r}, text_model='tiny')"
        ready = chat_kernel.run(
            f"get_ipython().magics_manager.registry['GatewayMagics'].gateway_config = {config}"
        )
        assert ready.status == "ok", ready.traceback
        yield server


def text_of(run: CellRun) -> str:
    assert run.status == "ok", run.traceback
    (output,) = run.outputs
    data: dict[str, Any] = output["data"]
    assert StrictReader(data["text/html"]).violations == []
    assert SECRET not in str(output)
    return str(data["text/plain"])


def test_everything_that_would_be_sent_is_shown(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("rows = [1, 2, 3]\nreply = 'before'")

    text = text_of(
        chat_kernel.run("%%chat --dry-run -t 0.5 -s 'Be <b>brief</b>.' -o reply\nSum of {{rows}}, {{1 + 1}}?")
    )

    assert server.requests == []
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0] == "Dry run: nothing was sent."
    assert f"to {server.url}" in lines
    assert {"key goes along", "model tiny", "temperature 0.5"} <= set(lines)
    assert "{{ rows }} list: text, 9 characters, about 8 tokens" in lines
    assert "system: Be <b>brief</b>." in lines
    assert "user: Sum of [1, 2, 3], 2?" in lines
    assert any(line.startswith("tokens about ") for line in lines)
    assert chat_kernel.run("print(reply)").text == "before\n"


def test_a_conversation_goes_along_and_stays_as_it_is(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run("%%chat\nWho?")
    history = chat_kernel.run("%chat --history").text

    text = text_of(chat_kernel.run("%chat --dry-run And?"))
    anew = text_of(chat_kernel.run("%chat --dry-run --new And?"))

    assert "user: Who?\nassistant: Well.\nuser: And?" in text
    assert "Who?" not in anew
    assert chat_kernel.run("%chat --history").text == history
    assert len(server.requests) == 1


def test_sound_is_shown_by_length_and_size(chat_kernel: Kernel, server: FaultServer, tone: bytes) -> None:
    data = base64.b64encode(tone).decode()
    chat_kernel.run(f"import base64\ntone = base64.b64decode({data!r})")

    text = text_of(chat_kernel.run("%%chat --dry-run\nWhat is this? {{tone}}"))

    assert "bytes: text" not in text
    assert "[recording, 1 s, 32.0 kB]" in text
    assert data[:40] not in text
    assert server.requests == []


def test_a_type_shows_its_schema(chat_kernel: Kernel, server: FaultServer) -> None:
    text = text_of(chat_kernel.run("%%chat --dry-run --as dict[str,int]\nHow many?"))

    assert '"json_schema"' in text and '"additionalProperties": {"type": "integer"}' in text
    assert server.requests == []


def test_an_analysis_shows_its_recording(chat_kernel: Kernel, server: FaultServer, tone: bytes) -> None:
    data = base64.b64encode(tone).decode()
    chat_kernel.run(f"import base64\ntone = base64.b64decode({data!r})")

    text = text_of(chat_kernel.run("%%analyze --dry-run {{tone}}\nWhat is it?"))

    assert "recording, 1 s, 32.0 kB" in text
    assert "user: What is it?" in text
    assert server.requests == []


def test_a_transcript_that_is_too_long_is_said_to_be_cut(chat_kernel: Kernel, server: FaultServer) -> None:
    chat_kernel.run(
        "from ipy_gateway import Transcript\nt = Transcript('Long talk. ' * 9000, source='talk.m4a')"
    )

    text = text_of(chat_kernel.run("%%analyze --dry-run {{t}}\nWhat?"))

    assert "talk.m4a" in text and "it would be asked about in parts" in text
    assert server.requests == []


def test_a_recording_that_is_not_there_is_named(chat_kernel: Kernel, server: FaultServer) -> None:
    run = chat_kernel.run("%%analyze --dry-run nothing.wav\nWhat?")

    assert "There is no file 'nothing.wav'" in run.error_text
