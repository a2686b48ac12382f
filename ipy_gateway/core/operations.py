"""The four things to ask of a server: transcribe, analyze, chat, and which models it has."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .answers import parse_completion, parse_object
from .asking import ask
from .audio import prepare_upload
from .client import forward_chat_completion, forward_models
from .config import LOCAL_CHAT_MODEL, GatewayConfig
from .exceptions import IncompleteAnswerWarning, InvalidRequestError, UpstreamResponseError
from .messages import (
    AnswerText,
    Completion,
    Message,
    TranscriptText,
    answer_text,
    audio_message,
    is_cut_off,
    refusal_of,
    text_message,
)
from .routing import has_audio_content, is_local, upstream_urls


async def transcribe_audio(
    audio_bytes: bytes, config: GatewayConfig, system_prompt: str | None = None
) -> TranscriptText:
    """What is said in a recording.

    Args:
        audio_bytes: the recording as its file's bytes: WAV, MP3, M4A, Ogg, FLAC, WebM, AAC, AMR, AIFF or WMA.
        config: where to send it.
        system_prompt: in place of `config.transcribe_system_prompt`.

    Returns:
        The transcript without leading or trailing white space; "" for silence. A string, whose
        attributes `server` and `model` say who answered, and `cut_off` whether its end is missing.

    Raises:
        AudioProcessingError: the recording can't be used; nothing was sent.
        InvalidRequestError: an argument is wrong; nothing was sent.
        UpstreamError: the server did not answer, or not well.
        ConfigurationError: the embedded engine is asked and not installed.
    """
    transcript = await transcript_of(audio_bytes, config, system_prompt)
    _warn_if_cut_off(transcript)
    return transcript


async def transcript_of(
    audio_bytes: bytes, config: GatewayConfig, system_prompt: str | None = None
) -> TranscriptText:
    """What `transcribe_audio` gives, for callers who look at `cut_off` themselves."""
    prompt = config.transcribe_system_prompt if system_prompt is None else system_prompt
    body = await _audio_request(audio_bytes, prompt, config)
    completion = await _complete(body, config, model=_audio_model)
    return TranscriptText(_text_of(completion), **_origin_of(completion))


async def analyze_audio(
    audio_bytes: bytes, instruction: str, config: GatewayConfig, system_prompt_prefix: str | None = None
) -> AnswerText:
    """The answer to an instruction about a recording.

    The embedded engine transcribes the recording and lets its chat model answer about the transcript.

    Args:
        audio_bytes: as in `transcribe_audio`.
        instruction: what to do with the recording; the system prompt is the prefix, a newline and this.
        config: where to send it.
        system_prompt_prefix: in place of `config.analyze_system_prompt_prefix`.

    Raises: as `transcribe_audio`.
    """
    answer = await analysis_of(audio_bytes, instruction, config, system_prompt_prefix)
    _warn_if_cut_off(answer)
    return answer


async def analysis_of(
    audio_bytes: bytes, instruction: str, config: GatewayConfig, system_prompt_prefix: str | None = None
) -> AnswerText:
    """What `analyze_audio` gives, for callers who look at `cut_off` themselves."""
    if not isinstance(instruction, str) or not instruction.strip():
        raise InvalidRequestError("The instruction is empty.", "Say what to do with the recording.")
    prefix = config.analyze_system_prompt_prefix if system_prompt_prefix is None else system_prompt_prefix
    body = await _audio_request(audio_bytes, f"{prefix}\n{instruction}", config)
    completion = await _complete(body, config, model=_analysis_model)
    return AnswerText(_text_of(completion), **_origin_of(completion))


async def chat_completion(
    messages: Sequence[Message], config: GatewayConfig, **openai_params: Any
) -> Completion:
    """A chat completion, as the server's JSON object.

    Args:
        messages: OpenAI chat messages, `{"role": ..., "content": ...}`.
        config: where to send them.
        **openai_params: any other field of the request, such as temperature or max_tokens; what is not given
            is not sent.

    Returns:
        The server's answer, a dict; the text is at `["choices"][0]["message"]["content"]`, and the attribute
        `server` says who answered.

    Raises:
        InvalidRequestError: the messages are not chat messages; nothing was sent.
        UpstreamError: the server did not answer, or not well.
        ConfigurationError: the embedded engine is asked and not installed.
    """
    _check_messages(messages)
    if openai_params.get("stream"):
        raise InvalidRequestError("chat_completion gives its answer in one piece.", "Leave out stream=True.")
    body: dict[str, Any] = {"messages": list(messages), **openai_params}
    return await _complete(body, config, model=_audio_model if has_audio_content(messages) else _text_model)


async def list_models(config: GatewayConfig) -> dict[str, Any]:
    """The models of the (text) server, as its JSON object: `{"data": [{"id": ...}, ...]}`.

    Raises:
        UpstreamError: the server did not answer, or not well.
    """

    async def attempt(base_url: str) -> dict[str, Any]:
        return parse_object(await forward_models(base_url, config), base_url, config)

    return await ask(attempt, config.text_urls, config)


async def _audio_request(audio_bytes: bytes, system_prompt: str, config: GatewayConfig) -> dict[str, Any]:
    # The embedded engine decodes every kind by itself.
    as_it_is = config.audio_preprocess_enabled == "auto" and all(map(is_local, _audio_urls(config)))
    upload = await prepare_upload(
        audio_bytes, replace(config, audio_preprocess_enabled=False) if as_it_is else config
    )
    return {"messages": [text_message("system", system_prompt), audio_message(upload.data, upload.format)]}


def _audio_urls(config: GatewayConfig) -> tuple[str, ...]:
    return upstream_urls({"messages": [audio_message(b"", "wav")]}, config)


ModelFields = Callable[[str, GatewayConfig], dict[str, str | None]]


async def _complete(body: dict[str, Any], config: GatewayConfig, *, model: ModelFields) -> Completion:
    """Ask for a completion; which model is named may depend on the server that is asked."""

    async def attempt(base_url: str) -> Completion:
        named = {name: value for name, value in model(base_url, config).items() if value}
        response = await forward_chat_completion({**named, **body}, base_url, config)
        completion = Completion(parse_completion(response, base_url, config))
        completion.server = base_url
        return completion

    return await ask(attempt, upstream_urls(body, config), config)


def _text_of(completion: Completion) -> str:
    text = answer_text(completion)
    refusal = refusal_of(completion)
    if refusal and not text:
        raise UpstreamResponseError(
            f"{completion.server} refused: {refusal.rstrip('.')}.",
            "Ask in other words, or another model.",
            upstream=completion.server,
        )
    return text


def _origin_of(completion: Completion) -> dict[str, Any]:
    model = str(completion.get("model") or "")
    return {"server": completion.server, "model": model, "cut_off": is_cut_off(completion)}


def _warn_if_cut_off(answer: AnswerText) -> None:
    if answer.cut_off:
        warnings.warn(
            "The answer was cut off at the server's length limit: what follows is missing.",
            IncompleteAnswerWarning,
            stacklevel=3,
        )


def _text_model(base_url: str, config: GatewayConfig) -> dict[str, str | None]:
    return {"model": config.text_model}


def _audio_model(base_url: str, config: GatewayConfig) -> dict[str, str | None]:
    """A server that takes everything may have one model for everything."""
    one_model = config.routing_mode == "single" and not is_local(base_url)
    return {"model": config.audio_model or (config.text_model if one_model else None)}


def _analysis_model(base_url: str, config: GatewayConfig) -> dict[str, str | None]:
    """Embedded, a speech model can only write down what is said: the chat model answers with its help."""
    if is_local(base_url):
        # Where text goes to another server, the name of its model says nothing here.
        chat_model = config.text_model if all(map(is_local, config.text_urls)) else None
        return {"model": chat_model or LOCAL_CHAT_MODEL, "audio_model": config.audio_model}
    return _audio_model(base_url, config)


def _check_messages(messages: Any) -> None:
    if isinstance(messages, str):
        raise InvalidRequestError(
            "messages is a string.", "Give a list: [{'role': 'user', 'content': 'your question'}]."
        )
    if not isinstance(messages, Sequence):
        raise InvalidRequestError(
            f"messages is not a list but {type(messages).__name__}.",
            "Give a list: [{'role': ..., 'content': ...}].",
        )
    if not messages:
        raise InvalidRequestError("messages is empty.", "Give at least one {'role': ..., 'content': ...}.")
    for number, message in enumerate(messages):
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise InvalidRequestError(
                f"messages[{number}] is not a message but {message!r:.80}.",
                "A message is {'role': 'user', 'content': 'text'}.",
            )
