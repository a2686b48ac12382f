"""What travels between a client and the workers of a cluster, and the keys, which do not."""

import pickle
from pathlib import Path

import pytest

from ipy_gateway import (
    AudioProcessingError,
    ConfigurationError,
    Gap,
    GatewayConfig,
    GatewayError,
    InvalidRequestError,
    Outcome,
    Segment,
    Transcript,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    Word,
)
from ipy_gateway.core.transcribing.cluster_worker import with_keys_from


@pytest.mark.parametrize(
    "error",
    [
        GatewayError("It failed.", "Try again."),
        ConfigurationError("It failed.", "Try again."),
        InvalidRequestError("It failed."),
        AudioProcessingError("It failed.", "Try again.", error_type="ffmpeg_missing"),
        UpstreamError("It failed.", upstream="http://a", partial_text="It"),
        UpstreamUnreachableError("It failed.", upstream="http://a"),
        UpstreamTimeoutError("It failed.", upstream="http://a", partial_text="It"),
        UpstreamResponseError(
            *("It failed.", "Try again."),
            upstream="http://a",
            status_code=503,
            request_id="r-1",
            retry_after_s=1.5,
            should_retry=True,
            context_limit_tokens=4096,
        ),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_arrives_as_it_was(error: GatewayError) -> None:
    error.add_note("In the third window.")

    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is type(error)
    assert (arrived.args, vars(arrived), str(arrived)) == (error.args, vars(error), str(error))


def test_an_outcome_arrives_as_it_was() -> None:
    words = (Word(0, 0.5, "Good"), Word(0.5, 1, "morning."))
    transcript = Transcript(
        "Good morning.",
        (Segment(0, 1, "Good morning.", words, "Anna"),),
        gaps=(Gap(1, 2, "noise"),),
        language="en",
        seconds=0.5,
    )

    arrived = pickle.loads(pickle.dumps(Outcome(Path("talk.wav"), transcript)))

    assert arrived == Outcome(Path("talk.wav"), transcript)
    assert arrived.transcript.seconds == 0.5


@pytest.mark.parametrize(
    ("environ", "url", "key"),
    [
        ({"IPY_GATEWAY_API_KEY": "k"}, "https://a", "k"),
        ({"IPY_GATEWAY_API_KEY": "k", "IPY_GATEWAY_TEXT_BASE_URL": "https://a/v1"}, "https://a", "k"),
        ({"IPY_GATEWAY_API_KEY": "k", "IPY_GATEWAY_TEXT_BASE_URL": "https://b"}, "https://a", None),
        ({"IPY_GATEWAY_API_KEY": "k", "OPENAI_BASE_URL": "https://b"}, "https://a", None),
        ({"OPENAI_API_KEY": "k"}, "https://api.openai.com", "k"),
        ({"OPENAI_API_KEY": "k"}, "https://a", None),
        ({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://a"}, "https://a", "k"),
        ({}, "https://a", None),
    ],
)
def test_a_worker_sends_its_key_to_the_server_that_it_belongs_to(
    environ: dict[str, str], url: str, key: str | None
) -> None:
    assert with_keys_from(environ, GatewayConfig(url)).key_for(url) == key


def test_a_server_for_audio_has_a_key_of_its_own() -> None:
    config = GatewayConfig("https://a", ("https://b", "https://c"), routing_mode="audio_text")

    with_keys = with_keys_from({"IPY_GATEWAY_AUDIO_API_KEY": "k"}, config)

    assert [with_keys.key_for(url) for url in ("https://a", "https://b", "https://c")] == [None, "k", "k"]


def test_a_key_that_is_there_is_left_alone() -> None:
    config = GatewayConfig("https://a", api_key="mine")

    assert with_keys_from({"IPY_GATEWAY_API_KEY": "other"}, config) is config
