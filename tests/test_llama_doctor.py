"""The doctor at a llama.cpp server: with and without audio, at a wrong port and path, without a key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_gateway import GatewayConfig, ServerReport, diagnose
from ipy_gateway.core.config import LOCAL_BASE_URL

from .core.test_doctor import fix_of, unused_port
from .support.llama import llama_server

KEY = "sk-hush-0123456789abcdef"
PATIENCE_S = 200.0  # for a machine on which much else goes on


async def examined(config: GatewayConfig, *usual_ports: int) -> dict[str, ServerReport]:
    reports = await diagnose(config, patience_s=PATIENCE_S, usual_ports=usual_ports)
    return {report.url: report for report in reports}


@pytest.fixture
def locked_server(chat_model: Path) -> Iterator[str]:
    """A real llama.cpp server that wants a key."""
    with llama_server(chat_model, name="smollm2", api_key=KEY) as url:
        yield url


async def test_a_server_with_audio_is_well(audio_server: str) -> None:
    report = (await examined(GatewayConfig(audio_server)))[audio_server]

    assert [found for found in report.findings if found.state == "fails" or found.fix] == []
    assert report.audio_api == "chat"
    assert report.takes_json_schema is True
    assert report["formats"].detail == "json"
    assert {report[probe].state for probe in ("chat", "stream", "usage", "speed", "transcriptions")} == {
        "works"
    }


async def test_a_server_without_audio_is_well_once_the_engine_hears(
    text_server: str, speech_model: Path
) -> None:
    config = GatewayConfig(text_server)
    ill = (await examined(config))[text_server]
    healed = await examined(fix_of(ill, "audio in chat").applied_to(config))

    assert ill["audio in chat"].state == ill["transcriptions"].state == "not offered"
    assert ill["chat"].state == "works"
    assert [*healed] == [text_server, LOCAL_BASE_URL]
    assert all(report.is_well for report in healed.values()), healed


async def test_a_wrong_port_is_corrected(audio_server: str) -> None:
    wrong = f"http://127.0.0.1:{unused_port()}"
    ill = (await examined(GatewayConfig(wrong), int(audio_server.rpartition(":")[2])))[wrong]
    fix = fix_of(ill, "URL")
    healed = await examined(fix.applied_to(GatewayConfig(wrong)))

    assert fix.settings == {"text_base_url": audio_server}
    assert healed[audio_server].is_well, healed


async def test_a_wrong_path_is_corrected(audio_server: str) -> None:
    wrong = f"{audio_server}/v1/chat/completions"
    ill = (await examined(GatewayConfig(wrong)))[wrong]
    fix = fix_of(ill, "URL")
    healed = await examined(fix.applied_to(GatewayConfig(wrong)))

    assert fix.settings == {"text_base_url": f"{audio_server}/v1"}
    assert healed[f"{audio_server}/v1"].is_well, healed


async def test_a_missing_key_is_asked_for(locked_server: str, audio_server: str) -> None:
    config = GatewayConfig(locked_server, audio_base_url=audio_server, routing_mode="audio_text")
    ill = (await examined(config))[locked_server]
    healed = await examined(fix_of(ill, "key").applied_to(config, key=KEY))

    assert ill["key"].state == "fails"
    assert healed[locked_server].is_well, healed
    assert KEY not in repr(healed)
