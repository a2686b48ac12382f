"""What the doctor's findings look like, and the lines to type."""

from typing import Any

import pytest

from ipy_gateway import Finding, Fix, GatewayConfig, ServerReport, Speed
from ipy_gateway.notebook.settings import changed
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.doctor import doctor_bundle, examination_bundle, fix_lines

from ..support.strict_html import StrictReader
from .hostile import HOSTILE_ANSWERS

URL = "http://localhost:8080"
CONFIG = GatewayConfig(URL)
TWO = GatewayConfig(URL, audio_base_url="http://localhost:9", routing_mode="audio_text")
FAST = Finding("speed", "works", speed=Speed(0.25, 31.5))
ASKS_KEY = Finding("key", "fails", "401 Unauthorized.", Fix("Give the key.", key="api_key"))


def shown(*findings: Finding, **options: Any) -> Bundle:
    return doctor_bundle([ServerReport(URL, ("text",), findings)], CONFIG, **options)


def read(bundle: Bundle) -> StrictReader:
    reader = StrictReader(bundle.data["text/html"])
    assert reader.violations == []
    return reader


@pytest.mark.parametrize(
    ("fix", "config", "lines"),
    [
        (Fix("", {"text_base_url": "http://a:1"}), CONFIG, ["%gateway http://a:1"]),
        (
            Fix("", {"text_base_url": ("http://a:1", "http://b:2")}),
            CONFIG,
            ["%gateway http://a:1 http://b:2"],
        ),
        (Fix("", {"text_base_url": "http://a:1"}), TWO, ["%gateway set text_base_url=http://a:1"]),
        (
            Fix("", {"audio_base_url": ("http://a:1", "http://b:2")}),
            TWO,
            ["%gateway set audio_base_url=http://a:1,http://b:2"],
        ),
        (
            Fix("", {"audio_base_url": "local://engine", "routing_mode": "audio_text"}),
            CONFIG,
            ["%gateway set audio_base_url=local://engine routing_mode=audio_text"],
        ),
        (Fix("", {"text_model": "llama 3"}), CONFIG, ["%gateway set text_model=llama 3"]),
        (Fix("", {"allow_key_over_http": True}), CONFIG, ["%gateway set allow_key_over_http=True"]),
    ],
)
def test_a_fix_is_a_line_that_does_what_it_says(fix: Fix, config: GatewayConfig, lines: list[str]) -> None:
    typed = fix_lines(fix, config)

    assert typed == lines
    assert changed(config, typed[0].removeprefix("%gateway ")) == fix.applied_to(config)


def test_keys_are_typed_in_and_variables_are_set_in_python() -> None:
    assert fix_lines(Fix("", key="api_key"), CONFIG) == ["%gateway key"]
    assert fix_lines(Fix("", key="audio_api_key"), CONFIG) == ["%gateway key audio"]
    assert fix_lines(Fix("", variables={"NO_PROXY": "a,b"}), CONFIG) == [
        'import os; os.environ["NO_PROXY"] = "a,b"'
    ]
    assert fix_lines(Fix("Start the server."), CONFIG) == []


def test_a_fix_of_a_server_that_is_not_configured_begins_with_asking_it() -> None:
    assert fix_lines(Fix("", key="api_key"), CONFIG, url="http://b:2") == [
        "%gateway http://b:2",
        "%gateway key",
    ]
    assert fix_lines(Fix("", {"text_base_url": "http://c:3"}), CONFIG, url="http://b:2") == [
        "%gateway http://c:3"
    ]


def test_all_findings_are_lines_and_fixes_stand_below_them() -> None:
    bundle = shown(Finding("URL", "works", "it answers"), ASKS_KEY, Finding("chat", "not tried", "key fails"))

    assert bundle.data["text/plain"].splitlines() == [
        f"{URL}: there is something to do",
        "    ● URL   works        it answers",
        "    ✗ key   fails        401 Unauthorized.",
        "    · chat  not tried    key fails",
        "    → key: Give the key.",
        "          %gateway key",
    ]
    for text in ("✗ fails", "401 Unauthorized.", "Give the key.", "%gateway key"):
        assert text in read(bundle).text


def test_a_server_without_anything_to_do_is_well() -> None:
    assert shown(FAST).data["text/plain"].startswith(f"{URL}: all is well")


def test_what_was_measured_is_shown_and_kept_out_of_outputs_that_must_not_vary() -> None:
    live, headless = shown(FAST), shown(FAST, is_deterministic=True)

    assert "first word after 0.25 s, then 31.5 tokens a second" in live.data["text/plain"]
    assert (
        headless.data == shown(Finding("speed", "works", speed=Speed(9.0, 1.0)), is_deterministic=True).data
    )
    assert headless.metadata["ipy_gateway"]["speed"] == {URL: {"first_token_s": 0.25, "tokens_per_s": 31.5}}


def test_what_is_found_so_far_is_shown_meanwhile() -> None:
    bundle = examination_bundle({URL: [FAST]}, seconds=3)

    assert bundle.data["text/plain"].splitlines()[:2] == [f"Trying out {URL} … 3 s", URL]
    assert "first word after 0.25 s" in read(bundle).text
    assert "the servers … 0 s" in examination_bundle({}, seconds=0).data["text/plain"]


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
def test_hostile_words_are_text(name: str) -> None:
    hostile = HOSTILE_ANSWERS[name]
    fix = Fix(hostile, {"text_model": hostile}, variables={"NO_PROXY": hostile})

    reader = read(shown(Finding("chat", "fails", hostile, fix)))

    assert set(reader.tags) <= {"div", "style", "p", "strong", "table", "tr", "th", "td", "pre", "code"}
    assert reader.links == []
