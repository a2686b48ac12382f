"""local://engine for httpx: the routes of an OpenAI-compatible server, answered on this machine."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import httpx

from ..core.config import LOCAL_BASE_URL, LOCAL_CHAT_MODEL, LOCAL_SPEECH_MODEL
from ..core.exceptions import ConfigurationError
from . import formats
from .chat import find_chat_model, is_chat_model
from .completions import completion_response
from .dictation import spoken_pieces, written_down
from .engine import shared_engine
from .event_streams import event_response
from .loopback import Loopback
from .pins import SMOLLM2_135M, WHISPER_TINY_EN
from .requests import (
    BadRequestError,
    Json,
    audio_parts,
    form,
    json_object,
    last_of,
    messages_of,
    recording,
    temperature_of,
)
from .requirements import check_extra
from .speech import Speech, SpeechRequest
from .speech_models import speech_model_name
from .weights import is_available

# What the embedded engine does where a request leaves it open: the same question gets the same answer, and
# an answer of a small model that never ends is ended.
CHAT_DEFAULTS: Json = {"temperature": 0, "seed": 0, "repeat_penalty": 1.1, "max_tokens": 512}
SILENCE_ANSWER = "No speech was found in the recording."
TASKS = ("transcribe", "analyze")


class LocalTransport(httpx.AsyncBaseTransport):
    """Answers requests to `local://` URLs with the embedded engine.

    What is wrong with a request is told as a response with a status of 4xx. What is wrong with a recording,
    with the configuration or with the engine is raised, as our own error.
    """

    def __init__(self) -> None:
        self._loopback = Loopback()
        self._routes: dict[tuple[str, str], Callable[[httpx.Request], Awaitable[httpx.Response]]] = {
            ("GET", "/v1/models"): self._models,
            ("POST", "/v1/chat/completions"): self._chat_completions,
            ("POST", "/v1/audio/transcriptions"): self._transcriptions,
        }

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if not str(request.url).startswith(f"{LOCAL_BASE_URL}/"):
            origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
            raise ConfigurationError(
                f"There is no embedded engine at {origin!r}.", f"Its only URL is {LOCAL_BASE_URL}."
            )
        route = self._routes.get((request.method, request.url.path))
        await request.aread()
        try:
            if route is None:
                raise BadRequestError(f"no route {request.method} {request.url.path}", 404)
            return await route(request)
        except BadRequestError as error:
            return httpx.Response(error.status_code, json=error.as_json())

    async def aclose(self) -> None:
        await self._loopback.aclose()

    async def _models(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"object": "list", "data": await asyncio.to_thread(_models)})

    async def _chat_completions(self, request: httpx.Request) -> httpx.Response:
        body = json_object(request.content)
        messages = messages_of(body)
        recordings = [part for message in messages for part in audio_parts(message)]
        if recordings and _task_of(body) == "transcribe":
            return await self._transcribe(body, recordings)
        return await self._chat(body, messages, has_recordings=bool(recordings))

    async def _transcribe(self, body: Json, recordings: list[Json]) -> httpx.Response:
        model = speech_model_name(body.get("model"))
        requests = [SpeechRequest(recording(part), model=model) for part in recordings]
        return await completion_response(model, spoken_pieces(requests), stream=bool(body.get("stream")))

    async def _chat(self, body: Json, messages: list[Json], *, has_recordings: bool) -> httpx.Response:
        """Let llama.cpp answer; it can't hear, so recordings are transcribed for it."""
        model = str(body.get("model") or LOCAL_CHAT_MODEL)
        if model == LOCAL_SPEECH_MODEL and not has_recordings:
            raise BadRequestError(f"{model!r} is a speech model, and the messages hold no recording")
        find_chat_model(model)  # an unknown one is told before recordings are transcribed for it
        dictation = await written_down(messages, speech_model_name(body.get("audio_model")))
        if dictation.asks_about_silence:
            return await completion_response(model, _said(SILENCE_ANSWER), stream=bool(body.get("stream")))
        ours = ("audio_model", "task")
        forwarded = {name: value for name, value in body.items() if name not in ours}
        return await self._loopback.chat_completion(
            shared_engine().chat, model, {**CHAT_DEFAULTS, **forwarded, "messages": dictation.messages}
        )

    async def _transcriptions(self, request: httpx.Request) -> httpx.Response:
        fields, audio_bytes = form(request)
        wanted = last_of(fields, "response_format") or "json"
        if wanted not in formats.FORMATS:
            raise BadRequestError(f"response_format {wanted!r} is none of {', '.join(formats.FORMATS)}")
        words = "word" in fields.get("timestamp_granularities[]", [])
        asked = SpeechRequest(
            audio_bytes,
            model=speech_model_name(last_of(fields, "model")),
            language=last_of(fields, "language"),
            prompt=last_of(fields, "prompt"),
            temperature=temperature_of(fields),
            words=words,
        )
        if last_of(fields, "stream") == "true" and wanted in formats.STREAMED:
            return await event_response(spoken_pieces([asked]), formats.transcript_events)
        speech = await shared_engine().speech.hear(asked)
        return _in_format(wanted, speech, words=words)


def _models() -> list[Json]:
    for module in ("faster_whisper", "xllamacpp"):  # a list of what can't answer would be no help
        check_extra(module)
    offered = (
        (LOCAL_SPEECH_MODEL, ["audio"], WHISPER_TINY_EN),
        (LOCAL_CHAT_MODEL, ["text", "audio"], SMOLLM2_135M),
    )
    return [
        {
            "id": name,
            "object": "model",
            "owned_by": "ipy_gateway",
            "architecture": {"input_modalities": inputs},
            "is_fetched": is_available(weights) is not None,
            "meta": {"size": weights.size_bytes},
        }
        for name, inputs, weights in offered
    ]


def _task_of(body: Json) -> str:
    """What is to be done with recordings: said by the field `task`, or told by the models that are named."""
    task: Any = body.get("task")
    if task is None:
        return "analyze" if body.get("audio_model") or is_chat_model(body.get("model")) else "transcribe"
    if task not in TASKS:
        raise BadRequestError(f"task {task!r:.40} is none of {', '.join(TASKS)}")
    return str(task)


async def _said(text: str) -> AsyncGenerator[str, None]:
    yield text


def _in_format(wanted: str, speech: Speech, *, words: bool) -> httpx.Response:
    match wanted:
        case "text":
            return httpx.Response(200, text=formats.plain_text(speech.segments) + "\n")
        case "srt":
            return httpx.Response(200, text=formats.srt(speech.segments))
        case "vtt":
            vtt = formats.vtt(speech.segments).encode()
            return httpx.Response(200, headers={"Content-Type": "text/vtt; charset=utf-8"}, content=vtt)
        case "verbose_json":
            return httpx.Response(200, json=formats.verbose_json(speech, words=words))
        case _:
            return httpx.Response(200, json={"text": formats.plain_text(speech.segments)})
