"""Requests to a server that answers well, badly, late or never."""

import asyncio
import gc
import pickle
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ipy_gateway import (
    ConfigurationError,
    GatewayConfig,
    InvalidRequestError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
    close_connections,
    forward_chat_completion,
    forward_models,
)
from ipy_gateway.core import loop_clients

from ..support.fault_server import Answer, answer, completion, fault_server

BODY = {"messages": [{"role": "user", "content": "Hello, Äpfel and \u2028."}]}
QUICK = GatewayConfig(timeout_s=5, connect_timeout_s=2)


async def upstream_error(base_url: str, config: GatewayConfig = QUICK) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await forward_chat_completion(BODY, base_url, config)
    assert raised.value.upstream == base_url
    return raised.value


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


# What is sent


async def test_a_chat_request_is_posted_as_json() -> None:
    with fault_server() as server:
        await forward_chat_completion(BODY, server.url, QUICK)

    assert (server.request.method, server.request.target) == ("POST", "/v1/chat/completions")
    assert server.request.headers["content-type"] == "application/json"
    assert server.request.json == BODY


async def test_models_are_asked_for() -> None:
    with fault_server() as server:
        await forward_models(f"{server.url}/v1beta/openai/", QUICK)

    assert (server.request.method, server.request.target) == ("GET", "/v1beta/openai/models")
    assert server.request.body == b""


async def test_sequential_requests_use_one_connection() -> None:
    with fault_server() as server:
        for _ in range(5):
            await forward_chat_completion(BODY, server.url, QUICK)
            await forward_models(server.url, QUICK)

        assert len(server.requests) == 10
        assert server.opened == 1


async def test_a_key_goes_to_its_origin_and_nowhere_else() -> None:
    with fault_server() as ours, fault_server() as other:
        config = GatewayConfig(ours.url, api_key="sk-1")
        await forward_models(ours.url, config)
        await forward_models(other.url, config)

    assert ours.request.headers["authorization"] == "Bearer sk-1"
    assert "authorization" not in other.request.headers


async def test_a_key_does_not_follow_a_redirect() -> None:
    with fault_server() as other, fault_server(answer(302, headers={"Location": other.url})) as ours:
        response = await forward_models(ours.url, GatewayConfig(ours.url, api_key="sk-1"))

        assert response.status_code == 302
        assert not other.requests


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [], "temperature": float("nan")},
        {"messages": [], "stop": {"a", "b"}},
        {"messages": [{"role": "user", "content": "\ud800"}]},
        {"messages": [{"role": "user", "content": b"bytes"}]},
    ],
)
async def test_a_body_that_is_no_json_is_refused_before_it_is_sent(body: dict[str, Any]) -> None:
    with fault_server() as server:
        with pytest.raises(InvalidRequestError, match="can't be written as JSON: "):
            await forward_chat_completion(body, server.url, QUICK)

        assert server.opened == 0


# What comes back


@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 429, 500, 503])
async def test_a_response_is_passed_on_whatever_its_status(status: int) -> None:
    headers = {"Location": "http://elsewhere", "X-Request-Id": "r-1"}
    with fault_server(answer(status, body=b"as \xff it is", headers=headers)) as server:
        response = await forward_chat_completion(BODY, server.url, QUICK)

    assert response.status_code == status
    assert response.content == b"as \xff it is"
    assert response.headers["x-request-id"] == "r-1"


async def test_what_is_returned_does_not_hold_the_key() -> None:
    with fault_server() as server:
        response = await forward_chat_completion(BODY, server.url, GatewayConfig(server.url, api_key="sk-1"))

    assert server.request.headers["authorization"] == "Bearer sk-1"
    assert "authorization" not in response.request.headers
    assert b"sk-1" not in pickle.dumps(response)


async def test_the_cause_of_an_error_does_not_hold_the_key() -> None:
    with fault_server(Answer(b"", closes=True)) as server:
        error = await upstream_error(server.url, GatewayConfig(server.url, api_key="sk-1"))

    assert isinstance(error.__cause__, httpx.RemoteProtocolError)
    assert "authorization" not in error.__cause__.request.headers


@pytest.mark.parametrize("domain", ["", "; Domain=127.0.0.1", "; Max-Age=1000"])
async def test_a_cookie_is_not_kept(domain: str) -> None:
    with fault_server(answer(headers={"Set-Cookie": f"session=1; Path=/{domain}"})) as server:
        await forward_models(server.url, QUICK)
        await forward_models(server.url, QUICK)

    assert "cookie" not in server.requests[1].headers


async def test_nobody_listens() -> None:
    url = f"http://127.0.0.1:{unused_port()}"

    error = await upstream_error(url)

    assert isinstance(error, UpstreamUnreachableError)
    assert error.message == f"No server answers at {url} (Connection refused)."
    assert error.hint.startswith("Start the server, or correct the URL")


async def test_the_reason_is_not_what_the_caller_was_handling_before() -> None:
    url = f"http://localhost:{unused_port()}"

    with fault_server(Answer(b"", closes=True)) as server:
        try:
            raise FileNotFoundError(2, "No such file")
        except FileNotFoundError:
            refused = await upstream_error(url)
            lost = await upstream_error(server.url)

    assert refused.message == f"No server answers at {url} (Connection refused)."
    assert "(Server disconnected without sending a response)" in lost.message


@pytest.mark.parametrize("url", ["http://nothing.invalid", "http://h:99999"])
async def test_an_unknown_host(url: str) -> None:
    error = await upstream_error(url)

    assert isinstance(error, UpstreamUnreachableError)
    assert error.message == f"No server answers at {url} (no such host)."


@pytest.mark.parametrize(
    "url", ["nonsense", "ftp://host", "http://xn--iñvalid.com", "http://[::1", "http://a..b"]
)
async def test_what_is_no_url_of_a_server(url: str) -> None:
    error = await upstream_error(url)

    assert url in error.message
    assert error.message.endswith(".")
    assert error.hint


@pytest.mark.parametrize("url", ["", "/v1", "http://"])
async def test_a_url_without_a_host_is_said(url: str) -> None:
    with pytest.raises(UpstreamError) as raised:
        await forward_models(url, QUICK)

    assert raised.value.message.startswith(f"{url!r} is no URL of a server: ")


async def test_a_wrong_url_is_shown_up_to_its_first_blank() -> None:
    error = await upstream_error("http://localhost:8080 api_key=sk-hush")

    assert error.message == "'http://localhost:8080…' is no URL of a server: it holds a blank."


async def test_a_server_that_closes_before_it_reads() -> None:
    with fault_server(closes_on_accept=True) as server:
        error = await upstream_error(server.url)

    assert isinstance(error, UpstreamUnreachableError)
    assert error.message.startswith(
        f"The connection to {server.url} was lost before the answer was complete ("
    )


async def test_a_server_that_closes_without_an_answer() -> None:
    with fault_server(Answer(b"", closes=True)) as server:
        error = await upstream_error(server.url)

    assert isinstance(error, UpstreamUnreachableError)
    assert "Server disconnected without sending a response" in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    ],
)
async def test_a_server_that_closes_in_mid_body(data: bytes) -> None:
    with fault_server(Answer(data, closes=True)) as server:
        error = await upstream_error(server.url)

    assert isinstance(error, UpstreamUnreachableError)
    assert "was lost before the answer was complete (peer closed connection" in error.message


@pytest.mark.parametrize(
    "data",
    [
        b"220 mail.example.org ESMTP sk-1\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_an_answer_that_is_not_http(data: bytes) -> None:
    with fault_server(Answer(data, closes=True)) as server:
        error = await upstream_error(server.url)

    assert isinstance(error, UpstreamResponseError)
    assert error.message.startswith(f"What {server.url} answered is not HTTP (")
    assert "sk-1" not in error.message
    assert error.status_code is None


async def test_a_body_in_a_broken_encoding() -> None:
    with fault_server(answer(body=b"no gzip", headers={"Content-Encoding": "gzip"})) as server:
        error = await upstream_error(server.url)

    assert isinstance(error, UpstreamResponseError)


async def test_a_slow_server_is_left_at_timeout_s() -> None:
    with fault_server(answer(delay_s=1), answer()) as server:
        error = await upstream_error(server.url, GatewayConfig(timeout_s=0.3))
        await asyncio.to_thread(server.wait_until_all_closed)

        assert isinstance(error, UpstreamTimeoutError)
        assert error.message == f"{server.url} gave no complete answer within 0.3 s."
        assert server.open == 0
        assert (await forward_models(server.url, QUICK)).status_code == 200


async def test_a_server_that_drips_is_left_at_timeout_s_too() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while not writer.is_closing():
            writer.write(b".")
            await asyncio.sleep(0.05)

    async with await asyncio.start_server(drip, "127.0.0.1", 0) as listener:
        url = "http://127.0.0.1:{1}".format(*listener.sockets[0].getsockname())
        error = await upstream_error(url, GatewayConfig(timeout_s=0.3))
        await asyncio.sleep(0.1)

    assert isinstance(error, UpstreamTimeoutError)


async def test_no_limit_on_time_is_possible() -> None:
    with fault_server() as server:
        response = await forward_models(server.url, GatewayConfig(timeout_s=float("inf")))

    assert response.status_code == 200


# Proxies


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2", "0.0.0.0", "[::1]", "my.localhost"])
async def test_loopback_is_asked_directly_whatever_the_environment_says(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_server() as proxy:
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        await upstream_error(f"http://{host}:{unused_port()}")

        assert proxy.opened == 0


async def test_a_loopback_server_is_reached_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with fault_server() as proxy, fault_server() as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        await forward_models(server.url, QUICK)
        await forward_models(server.url.replace("127.0.0.1", "localhost"), QUICK)

        assert (len(server.requests), proxy.opened) == (2, 0)


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_other_hosts_are_asked_through_the_proxy(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server() as proxy:
        monkeypatch.setenv("http_proxy", scheme + proxy.url.removeprefix("http://"))
        await forward_models("http://some.host/v1", QUICK)

    assert proxy.request.target == "http://some.host/v1/models"


async def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "nothing.invalid,other.invalid:8080")
        await upstream_error("http://nothing.invalid")
        await upstream_error("http://other.invalid:8080")

        assert proxy.opened == 0


async def test_a_proxy_that_cannot_be_used_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "socks9://somebody:hush@proxy:1")

    with pytest.raises(ConfigurationError, match=r"The proxy for some\.host") as raised:
        await forward_models("http://some.host", QUICK)

    assert "hush" not in str(raised.value)
    assert "no_proxy" in raised.value.hint


# Certificates


@pytest.fixture
def fresh_certificates() -> Iterator[None]:
    loop_clients._ssl_context.cache_clear()
    yield
    loop_clients._ssl_context.cache_clear()


@pytest.mark.usefixtures("fresh_certificates")
async def test_http_needs_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nope")
    with fault_server() as server:
        assert (await forward_models(server.url, QUICK)).status_code == 200


@pytest.mark.usefixtures("fresh_certificates")
@pytest.mark.parametrize(("content", "reason"), [(None, "No such file or directory"), ("no certificate", "")])
async def test_certificates_that_cannot_be_loaded_are_named_by_their_variable(
    content: str | None, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "certificates.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))

    with pytest.raises(ConfigurationError) as raised:
        await forward_models("https://127.0.0.1:1", GatewayConfig("https://127.0.0.1:1", api_key="sk-hush"))

    assert raised.value.message.startswith(
        f"The certificates that SSL_CERT_FILE={str(path)!r} names can't be"
    )
    assert reason in raised.value.message
    assert raised.value.hint == "Correct or unset SSL_CERT_FILE."
    frames = [frame for frame, _ in traceback.walk_tb(raised.tb.tb_next)]
    assert "hush" not in repr([frame.f_locals for frame in frames])


@pytest.mark.usefixtures("fresh_certificates")
async def test_a_proxy_over_https_is_checked_with_the_same_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nope")
    monkeypatch.setenv("http_proxy", "https://127.0.0.1:1")

    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE='/nope'"):
        await forward_models("http://some.host", QUICK)


# Loops


def test_one_asyncio_run_after_the_other_works_and_leaves_nothing_open() -> None:
    with fault_server() as server:
        for _ in range(3):
            response = asyncio.run(forward_chat_completion(BODY, server.url, QUICK))
            assert response.status_code == 200
        server.wait_until_all_closed()

        assert server.opened == 3
        assert server.open == 0
    gc.collect()  # a socket left open would warn here, and a warning is an error


def test_a_program_leaves_without_a_resource_warning() -> None:
    program = (
        "import asyncio, sys\n"
        "from ipy_gateway import GatewayConfig, forward_models\n"
        "for _ in range(2):\n"
        "    asyncio.run(forward_models(sys.argv[1], GatewayConfig()))\n"
    )
    with fault_server() as server:
        command = [sys.executable, "-W", "error", "-c", program, server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_loops_in_threads_have_their_own_connections() -> None:
    failures: list[BaseException] = []

    def attempt(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            failures.append(error)

    with fault_server(answer(delay_s=0.01)) as server:

        async def ask() -> None:
            for _ in range(20):
                await forward_models(server.url, QUICK)

        threads = [threading.Thread(target=attempt, args=(ask,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.wait_until_all_closed()

        assert not failures
        assert (len(server.requests), server.opened, server.open) == (40, 2, 0)


async def test_closing_waits_for_a_thread_that_walks_the_table_of_clients() -> None:
    clients = loop_clients._LoopClients()
    await clients.get()
    clients._lock.acquire()
    threading.Timer(0.2, clients._lock.release).start()

    await clients.close()

    assert not clients._lock.locked()


async def test_requests_at_once_on_a_new_loop_share_one_client() -> None:
    with fault_server(completion(delay_s=0.05)) as server:
        await asyncio.gather(*(forward_chat_completion(BODY, server.url, QUICK) for _ in range(8)))
        await asyncio.gather(*(forward_chat_completion(BODY, server.url, QUICK) for _ in range(8)))

        assert server.opened == 8


async def test_closed_connections_are_opened_anew() -> None:
    with fault_server() as server:
        await forward_models(server.url, QUICK)
        await close_connections()
        await asyncio.to_thread(server.wait_until_all_closed)
        assert server.open == 0

        await forward_models(server.url, QUICK)

        assert server.opened == 2
    await close_connections()
    await close_connections()


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    closing = Answer(answer().data, closes=True)
    with fault_server(closing, answer()) as server:
        await forward_models(server.url, QUICK)
        await asyncio.to_thread(server.wait_until_all_closed)

        response = await forward_models(server.url, QUICK)

        assert response.status_code == 200
        assert server.opened == 2
