"""What the doctor found is remembered, used, and given up where it is not true any more."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ipy_gateway import GatewayConfig, diagnose, recording, takes_json_schema, transcribe_audio
from ipy_gateway.core.requests.server_memory import MAX_SERVERS, VARIABLE, KnownServer, known_server, remember
from ipy_gateway.core.requests.servers import board

from ..support.fault_server import Answer, FaultServer, RecordedRequest, answer
from ..support.well_server import CHAT, NO_ROUTE, TRANSCRIPTIONS, WellServer, well_server

URL = "http://127.0.0.1:8080"
KNOWN = KnownServer(URL, "llama.cpp b1", audio_api="transcriptions", takes_json_schema=True)
EAR = WellServer(instead={CHAT: NO_ROUTE})


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "folder" / "servers.json"
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def in_another_process() -> None:
    """All that only this process knows is forgotten."""
    board._servers.clear()


def asked(server: FaultServer) -> list[str]:
    return [request.target for request in server.requests]


def test_what_is_remembered_is_known(file: Path) -> None:
    remember(KNOWN)

    found = known_server(URL)
    assert found
    assert replace(found, seen="") == KNOWN
    assert takes_json_schema(URL) is True
    assert takes_json_schema(f"{URL}/") is True
    assert takes_json_schema("http://127.0.0.1:8081") is None


def test_while_exchanges_are_recorded_nothing_is_known_and_nothing_kept(file: Path, tmp_path: Path) -> None:
    remember(KNOWN)

    with recording(tmp_path / "lesson.json"):
        known = known_server(URL)
        remember(replace(KNOWN, version="llama.cpp b2"))

    assert known is None
    assert known_server(URL, version="llama.cpp b1")


def test_another_version_is_not_the_server_that_is_known(file: Path) -> None:
    remember(KNOWN)

    assert known_server(URL, version="llama.cpp b1")
    assert known_server(URL, version="llama.cpp b2") is None


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"{}", b"[3, {}, null]", b"\xff\xfe", b"[" * 100_000, b'[{"url": "x", "version": 3}]'],
)
def test_a_broken_file_holds_nothing_and_is_written_anew(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_bytes(content)

    assert known_server(URL) is None
    remember(KNOWN)
    assert known_server(URL)


def test_values_that_make_no_sense_are_not_known(file: Path) -> None:
    file.parent.mkdir()
    item = {"url": URL, "version": "1", "audio_api": "telepathy", "takes_json_schema": "yes"}
    file.write_text(json.dumps([item]))

    assert known_server(URL) == KnownServer(URL, "1")


def test_a_place_that_can_not_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "servers.json"))

    remember(KNOWN)

    assert known_server(URL) is None


def test_the_oldest_servers_are_forgotten(file: Path) -> None:
    for number in range(MAX_SERVERS + 1):
        remember(replace(KNOWN, url=f"http://127.0.0.1:{number}"))

    assert known_server("http://127.0.0.1:0") is None
    assert known_server("http://127.0.0.1:1")


async def test_what_the_doctor_found_saves_the_request_that_finds_it_out(tone: bytes) -> None:
    with well_server(EAR) as server:
        config = GatewayConfig(server.url)
        await diagnose(config)
        in_another_process()
        server.requests.clear()
        text = await transcribe_audio(tone, config)

    assert text == "Hello."
    assert asked(server) == [TRANSCRIPTIONS]


async def test_without_the_doctor_it_is_found_out_as_ever(tone: bytes) -> None:
    with well_server(EAR) as server:
        await transcribe_audio(tone, GatewayConfig(server.url))

    assert asked(server) == [CHAT, TRANSCRIPTIONS]


@pytest.mark.parametrize("refusal", [NO_ROUTE, answer(400, body={"error": "not here"})])
async def test_what_is_not_true_any_more_is_found_out_anew_and_corrected(
    tone: bytes, refusal: Answer
) -> None:
    with well_server(WellServer(instead={TRANSCRIPTIONS: refusal})) as server:
        remember(replace(KNOWN, url=server.url))
        config = GatewayConfig(server.url)
        first = await transcribe_audio(tone, config)
        in_another_process()
        server.requests.clear()
        second = await transcribe_audio(tone, config)

    assert first == second == "Hello."
    assert asked(server) == [CHAT]


async def test_a_way_that_is_configured_counts_more_than_what_is_remembered(tone: bytes) -> None:
    with well_server() as server:
        remember(replace(KNOWN, url=server.url))
        await transcribe_audio(tone, GatewayConfig(server.url, audio_api="chat"))

    assert asked(server) == [CHAT]


async def test_a_server_with_other_models_is_another_version() -> None:
    versions = []
    for models in (("tiny",), ("huge",), ("tiny",)):
        with well_server(WellServer(models=models)) as server:
            (report,) = await diagnose(GatewayConfig(server.url))
            versions.append(report.version)

    assert versions[0] == versions[2] != versions[1]


async def test_what_was_not_tried_this_time_stays_known() -> None:
    with well_server() as server, well_server() as other:
        await diagnose(GatewayConfig(server.url))
        await diagnose(GatewayConfig(server.url, audio_base_url=other.url, routing_mode="audio_text"))

        known = known_server(server.url)

    assert known
    assert known.audio_api == "chat"


async def test_the_file_holds_no_key(file: Path) -> None:
    key = "sk-hush-0123456789abcdef"
    with well_server(WellServer(key=key)) as server:
        await diagnose(GatewayConfig(server.url, api_key=key))

    assert server.url in file.read_text()
    assert key not in file.read_text()


async def test_a_server_that_says_its_version_is_remembered_with_it() -> None:
    def props(_: RecordedRequest) -> Answer:
        return answer(body={"build_info": "b4242-\x1babcdef"})

    with well_server(WellServer(instead={"/props": props})) as server:
        (report,) = await diagnose(GatewayConfig(server.url))

    assert report.version.startswith("b4242-")
    assert "\x1b" not in report.version
