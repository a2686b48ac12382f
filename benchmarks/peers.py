"""Who is measured: each asks the same of a server, in the way its documentation shows."""

import base64
import json
import os
import sys
from abc import ABC, abstractmethod
from typing import Any

MESSAGES = [{"role": "user", "content": "Say a few words."}]
MODEL = "scripted"
KEY = "sk-of-nobody-0123456789"


class Peer(ABC):
    """A client, warm: made once for all that is asked of it.

    Args:
        base_url: the server, without `/v1`.
    """

    def __init__(self, base_url: str) -> None:
        self.url = f"{base_url}/v1"

    @abstractmethod
    async def chat(self) -> None:
        """Ask for an answer in one piece, and read its text."""

    @abstractmethod
    async def stream(self, token_count: int) -> None:
        """Ask for a streamed answer, and join its texts."""

    @abstractmethod
    async def audio(self, recording: bytes) -> None:
        """Send a recording in a chat message, and read the answer's text."""


class IpyGateway(Peer):
    """This project with the extra `fast`."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        from ipy_gateway import GatewayConfig

        self._config = GatewayConfig(
            text_base_url=self.url, api_key=KEY, text_model=MODEL, audio_model=MODEL, audio_api="chat"
        )

    async def chat(self) -> None:
        from ipy_gateway import chat_completion

        answer = await chat_completion(MESSAGES, self._config)
        assert answer["choices"][0]["message"]["content"]

    async def stream(self, token_count: int) -> None:
        from ipy_gateway import stream_chat

        chunks = stream_chat(MESSAGES, self._config, max_tokens=token_count)
        assert "".join([chunk.text async for chunk in chunks])

    async def audio(self, recording: bytes) -> None:
        from ipy_gateway import transcribe_audio

        assert await transcribe_audio(recording, self._config)


class IpyGatewayPlain(IpyGateway):
    """This project without extras, wherever they are installed."""

    def __init__(self, base_url: str) -> None:
        for name in ("aiohttp", "orjson"):
            sys.modules[name] = None  # type: ignore[assignment]  # as if it were not installed
        super().__init__(base_url)


class Httpx(Peer):
    """httpx by hand: JSON, and lines."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        import httpx

        self._client = httpx.AsyncClient(
            timeout=60, headers={"Authorization": f"Bearer {KEY}"}, **self._ways()
        )

    def _ways(self) -> dict[str, Any]:
        return {}

    async def chat(self) -> None:
        await self._ask({"model": MODEL, "messages": MESSAGES})

    async def stream(self, token_count: int) -> None:
        body = {"model": MODEL, "messages": MESSAGES, "max_tokens": token_count, "stream": True}
        texts = []
        async with self._client.stream("POST", f"{self.url}/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    texts.append(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
        assert "".join(texts)

    async def audio(self, recording: bytes) -> None:
        await self._ask({"model": MODEL, "messages": [audio_message(recording)]})

    async def _ask(self, body: dict[str, Any]) -> None:
        response = await self._client.post(f"{self.url}/chat/completions", json=body)
        response.raise_for_status()
        assert response.json()["choices"][0]["message"]["content"]


class HttpxAiohttp(Httpx):
    """httpx by hand over aiohttp."""

    def _ways(self) -> dict[str, Any]:
        import httpx_aiohttp

        return {"transport": httpx_aiohttp.AiohttpTransport()}


class Aiohttp(Peer):
    """aiohttp by hand."""

    _known: Any = None

    @property
    def _session(self) -> Any:
        import aiohttp

        if self._known is None:  # which wants a loop that runs
            self._known = aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"})
        return self._known

    async def chat(self) -> None:
        await self._ask({"model": MODEL, "messages": MESSAGES})

    async def stream(self, token_count: int) -> None:
        body = {"model": MODEL, "messages": MESSAGES, "max_tokens": token_count, "stream": True}
        texts = []
        async with self._session.post(f"{self.url}/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b"data: ") and line != b"data: [DONE]\n":
                    texts.append(json.loads(line[6:])["choices"][0]["delta"].get("content", ""))
        assert "".join(texts)

    async def audio(self, recording: bytes) -> None:
        await self._ask({"model": MODEL, "messages": [audio_message(recording)]})

    async def _ask(self, body: dict[str, Any]) -> None:
        async with self._session.post(f"{self.url}/chat/completions", json=body) as response:
            answer = await response.json()
        assert answer["choices"][0]["message"]["content"]


class OpenAI(Peer):
    """openai-python."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        import openai

        self._client: Any = openai.AsyncOpenAI(base_url=self.url, api_key=KEY)

    async def chat(self) -> None:
        await self._ask(MESSAGES)

    async def stream(self, token_count: int) -> None:
        chunks = await self._client.chat.completions.create(
            model=MODEL, messages=MESSAGES, max_tokens=token_count, stream=True
        )
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    async def audio(self, recording: bytes) -> None:
        await self._ask([audio_message(recording)])

    async def _ask(self, messages: list[dict[str, Any]]) -> None:
        answer = await self._client.chat.completions.create(model=MODEL, messages=messages)
        assert answer.choices[0].message.content


class LiteLLM(Peer):
    """LiteLLM, with OpenAI's way of talking."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url)
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # or it asks the network when it is imported
        import litellm

        litellm.suppress_debug_info = True
        self._settings = {"model": f"openai/{MODEL}", "api_base": self.url, "api_key": KEY}
        self._complete: Any = litellm.acompletion

    async def chat(self) -> None:
        await self._ask(MESSAGES)

    async def stream(self, token_count: int) -> None:
        chunks = await self._complete(
            messages=MESSAGES, max_tokens=token_count, stream=True, **self._settings
        )
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in chunks])

    async def audio(self, recording: bytes) -> None:
        await self._ask([audio_message(recording)])

    async def _ask(self, messages: list[dict[str, Any]]) -> None:
        answer = await self._complete(messages=messages, **self._settings)
        assert answer.choices[0].message.content


def audio_message(recording: bytes) -> dict[str, Any]:
    """A recording as OpenAI's documentation sends it."""
    sound = {"data": base64.b64encode(recording).decode(), "format": "wav"}
    return {"role": "user", "content": [{"type": "input_audio", "input_audio": sound}]}


PEERS: dict[str, type[Peer]] = {
    "ipy_gateway": IpyGatewayPlain,
    "ipy_gateway[fast]": IpyGateway,
    "httpx": Httpx,
    "httpx-aiohttp": HttpxAiohttp,
    "aiohttp": Aiohttp,
    "openai-python": OpenAI,
    "LiteLLM": LiteLLM,
}
