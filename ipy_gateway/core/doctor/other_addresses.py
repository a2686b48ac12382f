"""Where a server may be that does not answer at its URL: another path, another scheme, a usual port."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit

import httpx

from ..answers.answers import error_detail
from ..client import forward_models
from ..config import GatewayConfig
from ..exceptions import ConfigurationError, UpstreamError
from ..loop_clients import is_loopback
from ..routing import endpoint_url
from ..transcribing.transcription_json import json_of
from ..wire.web_pages import decoded

# llama.cpp, vLLM, Ollama, LM Studio, LiteLLM; their own defaults.
USUAL_PORTS = (8080, 8000, 11434, 1234, 4000)
USUAL_PATHS = ("", "/api", "/openai")  # of gateways that serve several APIs
LOOK_S = 2.0


async def address_that_answers(url: str, config: GatewayConfig, ports: Sequence[int]) -> str:
    """The first address near this one at which an OpenAI-compatible API answers, or "".

    Another port is looked at on this computer alone, and encryption is only ever added elsewhere.
    """
    hurried = replace(config, timeout_s=min(config.timeout_s, LOOK_S))
    addresses = list(dict.fromkeys(_near(url, ports)))
    asked = {address: asyncio.create_task(_is_api(address, hurried)) for address in addresses}
    try:
        for address, is_api in asked.items():
            if await is_api:
                return address
        return ""
    finally:
        for is_api in asked.values():
            is_api.cancel()
        await asyncio.gather(*asked.values(), return_exceptions=True)


def is_model_list(response: httpx.Response) -> bool:
    """Whether this is what an OpenAI-compatible API answers to a request for its models."""
    body = json_of(decoded(response.content))
    if response.status_code in (401, 403):  # one that wants a key
        return bool(error_detail(body)) if isinstance(body, dict) else False
    return response.is_success and isinstance(body, dict) and isinstance(body.get("data"), list)


async def reaches_directly(url: str) -> bool:
    """Whether the host takes connections from this computer without a proxy."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(LOOK_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return True
    return False


async def _is_api(address: str, config: GatewayConfig) -> bool:
    try:
        return is_model_list(await forward_models(address, config))
    except (UpstreamError, ConfigurationError):
        return False


def _near(url: str, ports: Sequence[int]) -> Iterator[str]:
    parts = urlsplit(url)
    for scheme in _schemes(parts.scheme, parts.hostname or ""):
        for path in _paths(parts.path):
            address = urlunsplit((scheme, parts.netloc, path, "", ""))
            if endpoint_url(address, "/models") != endpoint_url(url, "/models"):
                yield address
    if is_loopback(parts.hostname or ""):
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        yield from (f"http://{host}:{port}" for port in ports if port != parts.port)


def _paths(path: str) -> Iterator[str]:
    """Beginnings of the path, the longest first, then usual ones."""
    steps = path.rstrip("/").split("/")
    yield from ("/".join(steps[:count]) for count in range(len(steps), 0, -1))
    yield from USUAL_PATHS


def _schemes(scheme: str, host: str) -> tuple[str, ...]:
    if scheme == "http":
        return ("http", "https")
    return ("https", "http") if is_loopback(host) else ("https",)
