"""Which server answers a request, and at which address."""

from typing import Any

import pytest

from ipy_gateway import GatewayConfig, has_audio_content, select_upstream_url
from ipy_gateway.core.routing import endpoint_url

TEXT = {"messages": [{"role": "user", "content": "Hello."}]}
AUDIO = {
    "messages": [
        {"role": "system", "content": "Transcribe."},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]},
    ]
}
SINGLE = GatewayConfig("http://text", audio_base_url="http://audio")
AUDIO_TEXT = GatewayConfig("http://text", audio_base_url="http://audio", routing_mode="audio_text")


@pytest.mark.parametrize(
    ("body", "config", "url"),
    [
        (TEXT, SINGLE, "http://text"),
        (AUDIO, SINGLE, "http://text"),
        (TEXT, AUDIO_TEXT, "http://text"),
        (AUDIO, AUDIO_TEXT, "http://audio"),
        ({}, AUDIO_TEXT, "http://text"),
        ({"messages": None}, AUDIO_TEXT, "http://text"),
    ],
)
def test_a_request_with_audio_goes_to_the_audio_server_in_audio_text_mode_alone(
    body: dict[str, Any], config: GatewayConfig, url: str
) -> None:
    assert select_upstream_url(body, config) == url


@pytest.mark.parametrize("kind", ["input_audio", "audio"])
def test_a_part_of_either_audio_type_is_audio(kind: str) -> None:
    parts = [{"type": "text", "text": "What is said?"}, {"type": kind}]

    assert has_audio_content([{"role": "user", "content": parts}])
    assert has_audio_content(iter([{"role": "user", "content": tuple(parts)}]))


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "input_audio"},
        {"role": "user", "content": None},
        {"role": "user"},
        {"role": "user", "content": [{"type": "text", "text": "audio"}]},
        {"role": "user", "content": ["audio", None, {"type": ["audio"]}, {}]},
        "audio",
        None,
    ],
)
def test_whatever_else_a_message_holds_is_no_audio(message: Any) -> None:
    assert not has_audio_content([message])


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://localhost:8080", "http://localhost:8080/v1/models"),
        ("http://localhost:8080/", "http://localhost:8080/v1/models"),
        ("http://localhost:8080/v1", "http://localhost:8080/v1/models"),
        ("http://localhost:8080/v1/", "http://localhost:8080/v1/models"),
        ("http://[::1]:8080", "http://[::1]:8080/v1/models"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai/models"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai/models"),
        ("https://host/api/paas/v4", "https://host/api/paas/v4/models"),
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1/models"),
        ("https://host/openai", "https://host/openai/v1/models"),
        ("https://host/vision", "https://host/vision/v1/models"),
        ("https://v1.host.org", "https://v1.host.org/v1/models"),
        ("local://engine", "local://engine/v1/models"),
    ],
)
def test_a_base_url_works_with_and_without_slash_and_version(base_url: str, address: str) -> None:
    assert endpoint_url(base_url, "/models") == address
