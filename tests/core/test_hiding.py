"""The key in what servers and HTTP libraries write."""

import logging

import pytest

from ipy_gateway import GatewayConfig, UpstreamError
from ipy_gateway.core.answers.chunks import ChunkError
from ipy_gateway.core.hiding import LOGGERS, hide_key_in, key_hidden_in_logs, without_key

URL = "http://127.0.0.1:8080"
CONFIG = GatewayConfig(URL, api_key="sk-hush-4711")


def test_a_text_is_shown_without_the_key_of_its_server() -> None:
    assert without_key("wrong key sk-hush-4711", URL, CONFIG) == "wrong key **********"
    assert without_key("nothing to hide", URL, CONFIG) == "nothing to hide"
    assert without_key("sk-hush-4711", "http://another", CONFIG) == "sk-hush-4711"  # it never got there


def test_an_error_loses_the_key_and_keeps_the_rest() -> None:
    error = OSError(111, "refused by sk-hush-4711")

    hide_key_in(error, URL, CONFIG)

    assert error.args == (111, "refused by **********")


def test_an_error_loses_the_key_in_its_other_words_too() -> None:
    error = ChunkError("broke off with an error", "Incorrect key sk-hush-4711", status_code=401)

    hide_key_in(error, URL, CONFIG)

    assert vars(error) == {
        "reason": "broke off with an error",
        "detail": "Incorrect key **********",
        "status_code": 401,
    }


def test_an_error_of_ours_still_names_its_server_where_the_key_is_a_part_of_it() -> None:
    error = UpstreamError("http://ollama is gone.", upstream="http://ollama")

    hide_key_in(error, "http://ollama", GatewayConfig("http://ollama", api_key="ollama"))

    assert (str(error), error.upstream) == ("http://ollama is gone.", "http://ollama")


@pytest.mark.parametrize("name", LOGGERS)
def test_a_log_line_about_a_request_hides_its_key(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with key_hidden_in_logs(URL, CONFIG):
        logging.getLogger(name).debug("headers %r", {"X-Echo": "sk-hush-4711"})

    assert caplog.messages == ["headers {'X-Echo': '**********'}"]


def test_log_lines_about_other_requests_are_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    with key_hidden_in_logs(URL, CONFIG):
        pass
    logging.getLogger("httpx").debug("odd %s", "sk-hush-4711")

    assert caplog.messages == ["odd sk-hush-4711"]
    assert caplog.records[0].args == ("sk-hush-4711",)
