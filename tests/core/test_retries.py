"""When a request is sent again, and when it is not."""

from datetime import UTC, datetime

import pytest

from ipy_gateway import (
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from ipy_gateway.core.answers.retries import (
    is_loading,
    is_worth_retrying,
    retry_after_s,
    should_retry,
    wait_s,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def said(status: int, message: str = "it failed", **facts: float | bool | None) -> UpstreamResponseError:
    return UpstreamResponseError(message, status_code=status, **facts)  # type: ignore[arg-type]  # as the tests say


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_a_passing_fault_is_worth_another_try(status: int) -> None:
    assert is_worth_retrying(said(status), answered_before=True)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 413, 422])
def test_a_refusal_is_final(status: int) -> None:
    assert not is_worth_retrying(said(status), answered_before=True)


@pytest.mark.parametrize(
    "message",
    [
        "http://x answered 500: audio input is not supported - hint: you may need to provide the mmproj.",
        "http://x answered 500: Invalid base64.",
        "http://x answered 500: the request exceeds the available context size.",
        "http://x answered 501: The current model does not support audio input.",
        "http://x answered 500: No api key passed in.",
    ],
)
def test_a_5xx_that_is_the_callers_mistake_is_final(message: str) -> None:
    assert not is_worth_retrying(said(500, message), answered_before=True)


@pytest.mark.parametrize(("status", "wish"), [(400, True), (500, False)])
def test_the_server_has_the_last_word(status: int, wish: bool) -> None:
    assert is_worth_retrying(said(status, should_retry=wish), answered_before=True) is wish


def test_a_lost_connection_is_retried_where_a_server_is_known_to_be() -> None:
    lost = UpstreamUnreachableError("lost")

    assert is_worth_retrying(lost, answered_before=True)
    assert not is_worth_retrying(lost, answered_before=False)


@pytest.mark.parametrize(
    "error", [UpstreamTimeoutError("late"), UpstreamError("odd"), said(429, retry_after_s=3600)]
)
def test_what_would_take_too_long_is_final(error: UpstreamError) -> None:
    assert not is_worth_retrying(error, answered_before=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Mon, 23 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_every_form_of_retry_after_is_read(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, now=NOW) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("FALSE", False), ("maybe", None), ("", None)]
)
def test_x_should_retry_is_read(value: str, expected: bool | None) -> None:
    assert should_retry({"x-should-retry": value}) is expected


def test_waits_double_up_to_eight_seconds_with_jitter() -> None:
    longest = [0.5, 1, 2, 4, 8, 8, 8]

    for retry, bound in enumerate(longest):
        assert all(0.75 * bound <= wait_s(said(500), retry) <= bound for _ in range(50))


def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    assert wait_s(said(429, retry_after_s=11), 0) == 11


def test_only_a_loading_model_is_loading() -> None:
    assert is_loading(said(503, "http://x answered 503 Service Unavailable: Loading model."))
    assert not is_loading(said(503, "overloaded"))
    assert not is_loading(said(500, "Loading model"))
