"""Three real llama.cpp servers, some of them killed."""

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ipy_gateway import GatewayConfig, UpstreamError, chat_completion
from ipy_gateway.local.chat import SERVER_SCRIPT

QUESTION = [{"role": "user", "content": "Hi"}]
REQUESTS = 60
AT_ONCE = 8


class Server:
    """A llama.cpp server on a fixed port, which can be killed and started again."""

    def __init__(self, model: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._model = model
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(SERVER_SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin and self._process.stdout
        options = {"model": str(self._model), "port": self.port, "parallel": 4, "threads": 1}
        self._process.stdin.write(json.dumps(options) + "\n")
        self._process.stdin.flush()
        assert "address" in json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()


@pytest.fixture
def servers(chat_model: Path) -> Iterator[list[Server]]:
    running = [Server(chat_model) for _ in range(3)]
    try:
        yield running
    finally:
        for server in running:
            with contextlib.suppress(ValueError):  # its pipes are closed already
                server.kill()


async def ask_many(config: GatewayConfig, count: int, answered: list[str]) -> list[str]:
    """Who answered each of many requests, some at a time; they are put into `answered` as they answer."""
    places = asyncio.Semaphore(AT_ONCE)

    async def ask() -> None:
        async with places:
            answer = await chat_completion(QUESTION, config, max_tokens=4, temperature=0)
            answered.append(answer.server)

    await asyncio.gather(*(ask() for _ in range(count)))
    return answered


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
async def test_killed_servers_are_not_seen_by_the_caller(servers: list[Server]) -> None:
    first, second, third = servers
    config = GatewayConfig(tuple(server.url for server in servers), timeout_s=60)

    answered: list[str] = []
    load = asyncio.ensure_future(ask_many(config, REQUESTS, answered))
    while first.url not in answered and not load.done():
        await asyncio.sleep(0.01)
    first.kill()
    await load
    assert len(answered) == REQUESTS
    assert {server.url for server in servers} == set(answered)

    second.kill()
    assert set(await ask_many(config, 20, [])) == {third.url}

    third.kill()
    started = time.monotonic()
    errors = await asyncio.gather(
        *(chat_completion(QUESTION, config) for _ in range(4)), return_exceptions=True
    )
    assert all(isinstance(error, UpstreamError) for error in errors)
    assert time.monotonic() - started < 60

    second.start()
    assert set(await ask_many(config, 4, [])) == {second.url}
