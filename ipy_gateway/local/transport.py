"""local://engine for httpx: the routes of an OpenAI-compatible server, answered on this machine."""

import json
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import httpx

from ..core.config import LOCAL_CHAT_MODEL, LOCAL_SPEECH_MODEL
from ..core.connections import ConnectionStack
from ..core.exceptions import AudioProcessingError
from . import formats
from .engine import shared_engine
from .requests import (
    BadRequestError,
    Json,
    audio_parts,
    form,
    is_audio,
    json_object,
    messages_of,
    number,
    recording,
)
from .speech import SpeechRequest, SpeechSegment

# What the embedded engine does where a request leaves it open: the same question gets the same answer, and
# an answer of a small model that never ends is ended.
CHAT_DEFAULTS: Json = {"temperature": 0, "seed": 0, "repeat_penalty": 1.1, "max_tokens": 512}
# A small model finds the answer more often when the question follows the transcript and is named as such.
ABOUT_TRANSCRIPT = (
    "Read this transcript and answer the question below.\n\n"
    "Transcript: {transcript}\n\nQuestion: {question}\nAnswer:"
)


class LocalTransport(httpx.AsyncBaseTransport):
    """Answers requests to `local://` URLs with the embedded engine."""

    def __init__(self) -> None:
        self._loopback = ConnectionStack(lambda url: httpx.AsyncHTTPTransport(trust_env=False))
        self._routes: dict[tuple[str, str], Callable[[httpx.Request], Awaitable[httpx.Response]]] = {
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/chat/completions"): self._chat_completions,
            ("POST", "/v1/audio/transcriptions"): self._transcriptions,
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        route = self._routes.get((request.method, request.url.path))
        await request.aread()
        try:
            if route is None:
                raise BadRequestError(f"no route {request.method} {request.url.path}", 404)
            return await route(request)
        except (BadRequestError, AudioProcessingError) as error:
            status = getattr(error, "status_code", 400)
            return httpx.Response(status, json=_error_json(str(error), status))

    async def aclose(self) -> None:
        await self._loopback.aclose()

    async def _models(self, request: httpx.Request) -> httpx.Response:
        names = (LOCAL_SPEECH_MODEL, LOCAL_CHAT_MODEL)
        modalities = (["audio"], ["text", "audio"])
        models = [
            {
                "id": name,
                "object": "model",
                "owned_by": "ipy_gateway",
                "architecture": {"input_modalities": inputs},
            }
            for name, inputs in zip(names, modalities, strict=True)
        ]
        return httpx.Response(200, json={"object": "list", "data": models})

    async def _chat_completions(self, request: httpx.Request) -> httpx.Response:
        body = json_object(request.content)
        messages = messages_of(body)
        recordings = [part for message in messages for part in audio_parts(message)]
        model = body.get("model")
        if _is_chat_model(model) or (model is None and not recordings):
            return await self._chat(body, messages)
        if not recordings:
            raise BadRequestError(f"{model!r} is a speech model, and the messages hold no recording")
        return await self._speak(body, recordings)

    async def _chat(self, body: Json, messages: list[Json]) -> httpx.Response:
        """Let llama.cpp answer; it can't hear, so recordings are transcribed for it."""
        speech_model = body.pop("audio_model", None) or LOCAL_SPEECH_MODEL
        messages = await _written_down(messages, speech_model)
        server = await shared_engine().chat.server(body.get("model") or LOCAL_CHAT_MODEL)
        forwarded = httpx.Request(
            "POST",
            f"{server.address}/v1/chat/completions",
            headers={"Authorization": f"Bearer {server.api_key}"},
            json={**CHAT_DEFAULTS, **body, "messages": messages},
        )
        return await self._loopback.handle_async_request(forwarded)

    async def _speak(self, body: Json, recordings: list[Json]) -> httpx.Response:
        model = body.get("model") or LOCAL_SPEECH_MODEL
        requests = [SpeechRequest(recording(part), model=model) for part in recordings]
        pieces = _spoken_pieces(requests)
        if body.get("stream"):
            first = [
                piece async for piece in _first(pieces)
            ]  # so that a bad recording is an error, not a broken stream
            stream = _EventStream(_chunks(model, first, pieces))
            return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, stream=stream)
        text = "".join([piece async for piece in pieces]).strip()
        return httpx.Response(200, json=_completion(model, text))

    async def _transcriptions(self, request: httpx.Request) -> httpx.Response:
        fields, audio_bytes = form(request)
        wanted = fields.get("response_format", "json")
        if wanted not in formats.FORMATS:
            raise BadRequestError(f"response_format {wanted!r} is none of {', '.join(formats.FORMATS)}")
        words = "word" in fields.get("timestamp_granularities[]", "")
        speech = SpeechRequest(
            audio_bytes,
            model=_speech_model(fields.get("model")),
            language=fields.get("language"),
            prompt=fields.get("prompt"),
            temperature=number(fields.get("temperature"), "temperature"),
            words=words,
        )
        segments = [segment async for segment in shared_engine().speech.segments(speech)]
        return _in_format(wanted, segments, words=words)


def _in_format(wanted: str, segments: list[SpeechSegment], *, words: bool) -> httpx.Response:
    match wanted:
        case "text":
            return httpx.Response(200, text=formats.plain_text(segments) + "\n")
        case "srt":
            return httpx.Response(200, text=formats.srt(segments))
        case "vtt":
            vtt = formats.vtt(segments).encode()
            return httpx.Response(200, headers={"Content-Type": "text/vtt; charset=utf-8"}, content=vtt)
        case "verbose_json":
            return httpx.Response(200, json=formats.verbose_json(segments, words=words))
        case _:
            return httpx.Response(200, json={"text": formats.plain_text(segments)})


def _is_chat_model(model: Any) -> bool:
    return isinstance(model, str) and (model == LOCAL_CHAT_MODEL or model.lower().endswith(".gguf"))


def _speech_model(name: str | None) -> str:
    """OpenAI's clients have to name a model: their usual name stands for the default."""
    return LOCAL_SPEECH_MODEL if name in (None, "", "whisper-1") else name


async def _written_down(messages: list[Json], speech_model: str) -> list[Json]:
    """The messages as text alone: each recording replaced by what is said in it."""
    if not any(isinstance(message.get("content"), list) for message in messages):
        return messages
    texts = [await _text_and_transcript(message, speech_model) for message in messages]
    asks = [message for message in messages if message.get("role") == "system"]
    written = []
    for message, (text, transcript) in zip(messages, texts, strict=True):
        if transcript is None:
            written.append({**message, "content": text})
            continue
        question = text or (str(asks[-1].get("content", "")).strip() if asks else "")
        written.append(
            {**message, "content": ABOUT_TRANSCRIPT.format(transcript=transcript, question=question)}
        )
    return written


async def _text_and_transcript(message: Json, speech_model: str) -> tuple[str, str | None]:
    content = message.get("content")
    if not isinstance(content, list):
        return str(content or ""), None
    texts, recordings = [], []
    for part in content:
        if is_audio(part):
            recordings.append(SpeechRequest(recording(part), model=speech_model))
        elif isinstance(part, Mapping) and part.get("type") == "text":
            texts.append(str(part.get("text", "")))
        else:
            raise BadRequestError(f"the embedded engine takes text and audio, not {part!r:.80}")
    transcript = (
        "".join([piece async for piece in _spoken_pieces(recordings)]).strip() if recordings else None
    )
    return "\n\n".join(texts), transcript


async def _spoken_pieces(requests: list[SpeechRequest]) -> AsyncGenerator[str, None]:
    """The text of several recordings, segment by segment, each recording on a line of its own."""
    for index, request in enumerate(requests):
        if index:
            yield "\n"
        segments = shared_engine().speech.segments(request)
        try:
            async for segment in segments:
                yield segment.raw.text
        finally:
            await segments.aclose()


async def _first(pieces: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    async for piece in pieces:
        yield piece
        return


class _EventStream(httpx.AsyncByteStream):
    """Server-sent events of JSON objects, closed with the response."""

    def __init__(self, chunks: AsyncGenerator[Json, None]) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield f"data: {json.dumps(chunk)}\n\n".encode()
        yield b"data: [DONE]\n\n"

    async def aclose(self) -> None:
        await self._chunks.aclose()


async def _chunks(
    model: str, first: list[str], rest: AsyncGenerator[str, None]
) -> AsyncGenerator[Json, None]:
    head = {**_head("chat.completion.chunk", model)}
    yield {
        **head,
        "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}],
    }
    try:
        for piece in first:
            yield {
                **head,
                "choices": [{"index": 0, "delta": {"content": piece.lstrip()}, "finish_reason": None}],
            }
        async for piece in rest:
            yield {**head, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
    finally:
        await rest.aclose()
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def _completion(model: str, text: str) -> Json:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_head("chat.completion", model), "choices": [choice]}


def _head(kind: str, model: str) -> Json:
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def _error_json(message: str, status_code: int) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", "code": status_code}}
