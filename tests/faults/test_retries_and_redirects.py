"""Servers that ask to come again, or send one elsewhere."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest

from ipy_gateway import UpstreamResponseError, UpstreamTimeoutError

from ..support.fault_server import answer, completion, fault_server
from .uses import EVERY_USE, KEY, USES, Fault, Trial, cases

SOON = format_datetime(datetime.now(UTC) - timedelta(hours=1), usegmt=True)
LATER = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
WAITS = {
    "absent": {},
    "seconds": {"Retry-After": "0"},
    "fraction": {"Retry-After": "0.05"},
    "milliseconds": {"retry-after-ms": "20", "Retry-After": "100"},
    "past-date": {"Retry-After": SOON},
    "asctime-date": {"Retry-After": "Sun Nov  6 08:49:37 1994"},
    "negative": {"Retry-After": "-5"},
    "words": {"Retry-After": "soon"},
    "empty": {"Retry-After": ""},
    "infinite": {"Retry-After": "inf"},
    "nan": {"Retry-After": "nan"},
    "x-should-retry": {"x-should-retry": "true"},
}


def busy(status: int, headers: dict[str, str]) -> Any:
    return answer(status, body={"error": {"message": "slow down"}}, headers=headers)


BUSY = {
    f"{status}-{name}": Fault(
        f"{shown}, with Retry-After {name.replace('-', ' ')}, again and again",
        partial(fault_server, busy(status, headers)),
        UpstreamResponseError,
        f"{{url}} answered {status} {shown}: slow down.",
    )
    for status, shown in {429: "Too Many Requests", 503: "Service Unavailable"}.items()
    for name, headers in WAITS.items()
} | {
    "too-long": Fault(
        "Retry-After is more than two minutes",
        partial(fault_server, busy(429, {"Retry-After": LATER})),
        UpstreamResponseError,
        "{url} answered 429 Too Many Requests: slow down.",
    ),
    "past-the-deadline": Fault(
        "Retry-After is more than timeout_s",
        partial(fault_server, busy(503, {"Retry-After": "60"})),
        UpstreamTimeoutError,
        "{url} gave no complete answer within 0.3 s. The last answer: ",
        {"timeout_s": 0.3},
    ),
    "loading": Fault(
        "The model loads for ever",
        partial(fault_server, answer(503, body={"error": {"message": "Loading model"}})),
        UpstreamResponseError,
        "{url} answered 503 Service Unavailable: Loading model.",
        {"loading_timeout_s": 0.1},
        uses=EVERY_USE,
    ),
}

TARGETS = {
    "elsewhere": "http://127.0.0.1:9/v1",
    "other-host": "https://elsewhere.example/v1/chat/completions",
    "path": "/login?next=/v1",
    "same-place": "/v1/chat/completions",
    "relative": "../up",
    "no-host": "//",
    "file": "file:///etc/passwd",
    "not-ascii": "http://h\u00f6st/\u00e4",
}
REDIRECTS = {
    name: Fault(
        f"A redirect to {target}",
        partial(fault_server, answer(307, headers={"Location": target})),
        UpstreamResponseError,
        f"{{url}} answered 307 Temporary Redirect: it redirects to {target}",
    )
    for name, target in TARGETS.items()
} | {
    f"{status}": Fault(
        f"A redirect with status {status}",
        partial(fault_server, answer(status, headers={"Location": "/elsewhere"})),
        UpstreamResponseError,
        f"{{url}} answered {status} {shown}: it redirects to /elsewhere.",
    )
    for status, shown in {
        301: "Moved Permanently",
        302: "Found",
        303: "See Other",
        308: "Permanent Redirect",
    }.items()
}
NO_URL = "{url} redirects to what is no URL."
REDIRECTS |= {
    name: Fault(
        f"A redirect to what is no URL: {target}",
        partial(fault_server, answer(302, headers={"Location": target})),
        UpstreamResponseError,
        NO_URL,
    )
    for name, target in {
        "bracket": "http://[::1",
        "port": "http://host:port/",
        "javascript": "javascript:alert(1)",
    }.items()
}


@pytest.mark.parametrize(("fault", "use"), cases(BUSY))
def test_a_server_that_stays_busy(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("headers", WAITS.values(), ids=WAITS)
def test_a_server_that_is_busy_once_is_asked_again(headers: dict[str, str], use: str, trial: Trial) -> None:
    with fault_server(busy(429, headers), completion("Fine.")) as server:
        assert "Fine." in trial.text(use, server)

        assert len(server.requests) == 2


@pytest.mark.parametrize("use", ["plain", "streamed", "await"])
def test_a_date_that_no_calendar_has_is_passed_over(use: str, trial: Trial) -> None:
    headers = {"Retry-After": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}

    with fault_server(busy(429, headers), completion("Fine.")) as server:
        assert "Fine." in trial.text(use, server)


@pytest.mark.parametrize("use", USES)
def test_a_server_is_not_asked_before_it_wants_to_be(use: str, trial: Trial) -> None:
    started = time.monotonic()

    with fault_server(busy(429, {"Retry-After": "0.3"}), completion("Fine.")) as server:
        assert "Fine." in trial.text(use, server)

    assert time.monotonic() - started > 0.3


@pytest.mark.parametrize(("fault", "use"), cases(REDIRECTS))
def test_a_redirect_is_named(fault: Fault, use: str, trial: Trial) -> None:
    trial.fails(fault, use)


@pytest.mark.parametrize("use", USES)
def test_a_redirect_is_not_followed_and_gets_no_key(use: str, trial: Trial) -> None:
    with fault_server() as other, fault_server(answer(307, headers={"Location": other.url})) as server:
        error = trial.error(use, server)

        assert f"it redirects to {other.url}." in error.message
        assert other.opened == 0


@pytest.mark.parametrize("use", USES)
def test_a_redirect_that_repeats_the_key_is_named_without_it(use: str, trial: Trial) -> None:
    with fault_server(answer(307, headers={"Location": f"/login?key={KEY}"})) as server:
        error = trial.error(use, server)

        assert "it redirects to /login?key=**********" in error.message
