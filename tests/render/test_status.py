"""What servers and their models look like."""

import pytest

from ipy_gateway import GatewayConfig
from ipy_gateway.core.doctor.status import ModelStatus, ServerStatus
from ipy_gateway.render.bundle import Bundle
from ipy_gateway.render.status import SHOWN_MODELS, models_bundle, status_bundle

from ..support.strict_html import StrictReader
from .hostile import HOSTILE_ANSWERS

URL = "http://localhost:8080/v1"
MANY = tuple(ModelStatus(f"model-{number}") for number in range(SHOWN_MODELS + 3))
SECRET = "sk-this-is-a-secret"


def shown(*statuses: ServerStatus, config: GatewayConfig | None = None) -> Bundle:
    return status_bundle(statuses, config or GatewayConfig())


def read(bundle: Bundle) -> StrictReader:
    reader = StrictReader(bundle.data["text/html"])
    assert reader.violations == []
    return reader


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (
            ServerStatus(URL, ("text", "audio"), models=(ModelStatus("tiny", takes_audio=False),)),
            "answers; asked for text and audio; takes no recordings",
        ),
        (
            ServerStatus(URL, ("text",), models=(ModelStatus("tiny"),)),
            "answers; asked for text; whether it takes recordings shows when it is asked",
        ),
        (
            ServerStatus(URL, ("audio",), audio_api="transcriptions"),
            "answers; asked for audio; takes recordings at /v1/audio/transcriptions; "
            "it keeps no list of models",
        ),
        (
            ServerStatus(URL, ("audio",), audio_api="chat", models=(ModelStatus("tiny"),)),
            "answers; asked for audio; takes recordings in chat messages",
        ),
        (
            ServerStatus(URL, ("text",), is_reachable=False, problem="No server answers."),
            "No server answers.",
        ),
    ],
)
def test_a_server_is_one_line(status: ServerStatus, line: str) -> None:
    bundle = shown(status)

    assert bundle.data["text/plain"].splitlines()[0] == f"{URL}: {line}"
    assert f"{URL}: {line}" in read(bundle).text


@pytest.mark.parametrize(
    ("status", "mark"),
    [
        (ServerStatus(URL, ("text",)), "●"),
        (ServerStatus(URL, ("text",), problem="401 Unauthorized"), "○"),
        (ServerStatus(URL, ("text",), is_reachable=False, problem="Gone."), "○"),
    ],
)
def test_a_mark_shows_whether_a_server_is_well(status: ServerStatus, mark: str) -> None:
    assert read(shown(status)).text.startswith(f"{mark} {URL}")


def test_the_embedded_engine_says_what_is_on_this_computer() -> None:
    here = ModelStatus("ear", takes_audio=True, is_fetched=True, size_bytes=75_000_000)
    there = ModelStatus("mouth", is_fetched=False)

    text = shown(ServerStatus("local://engine", ("text",), models=(here, there))).data["text/plain"]

    assert text.splitlines() == [
        "local://engine: the embedded engine, on this computer; asked for text",
        "    ear (hears, 75.0 MB, on this computer)",
        "    mouth (fetched when it is first asked)",
    ]


def test_many_models_are_counted_at_a_glance_and_listed_on_demand() -> None:
    status = ServerStatus(URL, ("text",), models=MANY)

    glance, all_of_them = shown(status), models_bundle([status])

    assert glance.data["text/plain"].endswith("model-7\n    and 3 more: %gateway models")
    assert "and 3 more" in read(glance).text
    assert [line.strip() for line in all_of_them.data["text/plain"].splitlines()[1:]] == [
        model.id for model in MANY
    ]
    assert read(all_of_them).text.count("model-") == len(MANY)


@pytest.mark.parametrize("name", HOSTILE_ANSWERS)
def test_a_hostile_name_is_text(name: str) -> None:
    hostile = HOSTILE_ANSWERS[name]
    status = ServerStatus(URL, ("text",), problem=hostile, models=(ModelStatus(hostile),))

    for bundle in (shown(status), models_bundle([status])):
        reader = read(bundle)
        assert set(reader.tags) <= {
            *("div", "style", "p", "strong", "ul", "li", "code", "span"),
            *("details", "summary", "table", "tr", "th", "td"),
        }
        assert reader.links == []


def test_a_name_moves_no_cursor() -> None:
    text = shown(ServerStatus(URL, ("text",), models=(ModelStatus("a\x1b[2Jb"),))).data["text/plain"]

    assert "\x1b" not in text


def test_what_was_changed_is_told_without_keys() -> None:
    config = GatewayConfig("https://a.example", api_key=SECRET, timeout_s=60, text_model="tiny")

    bundle = shown(ServerStatus("https://a.example", ("text",)), config=config)

    for text in (bundle.data["text/plain"], read(bundle).text):
        assert "timeout_s = 60.0" in text
        assert "text_model = tiny" in text
        assert "api_key = set, for https://a.example" in text
        assert SECRET not in text
        assert "max_retries =" not in text
