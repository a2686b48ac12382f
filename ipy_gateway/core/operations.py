"""What to ask of a server: transcribe and chat, in one piece or as a stream; analyze; list models."""

import warnings
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from .answers.answers import parse_completion, parse_object
from .answers.chunks import ChatChunk
from .audio import UploadAudio
from .client import forward_chat_completion, forward_models
from .config import GatewayConfig
from .exceptions import IncompleteAnswerWarning, InvalidRequestError
from .messages import (
    AnswerText,
    Completion,
    Message,
    TranscriptChunk,
    TranscriptText,
    answer_of_completion,
    audio_message,
    check_messages,
    text_message,
)
from .recordings.uploads import upload_of
from .requests.asking import ask
from .requests.model_names import ModelFields, analysis_model, audio_model, named, text_model
from .requests.open_stream import chunks_of
from .requests.streams import ChatStream, open_stream
from .routing import audio_urls, has_audio_content, upstream_urls
from .transcribing.transcribing import TranscriptRequest, raise_for_refusal, transcript_from
from .transcribing.transcript_streams import stream_transcript


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
    upload = await upload_of(audio_bytes, config)

    async def attempt(base_url: str) -> TranscriptText:
        return await transcript_from(TranscriptRequest(upload, base_url, config, system_prompt))

    return await ask(attempt, audio_urls(config), config)


async def stream_transcription(
    audio_bytes: bytes, config: GatewayConfig, system_prompt: str | None = None
) -> AsyncGenerator[TranscriptChunk, None]:
    """What is said in a recording, piece by piece as it is recognized.

        async for chunk in stream_transcription(audio_bytes, config):
            print(chunk.text, end="")
        transcript = chunk.transcript

    A server that gives its transcripts in one piece gives one piece here. The connection is closed when the
    loop ends, also by a break or a cancellation: the server stops.

    Args:
        audio_bytes: as in `transcribe_audio`.
        config: where to send it; `first_token_timeout_s` and `between_tokens_timeout_s` bound silence.
        system_prompt: as in `transcribe_audio`.

    Yields:
        Pieces of text, none of them empty, and at last a chunk without text which holds the `transcript` that
        `transcribe_audio` would return; its `cut_off` stands in for the warning.

    Raises:
        AudioProcessingError: the recording can't be used; nothing was sent.
        InvalidRequestError: an argument is wrong; nothing was sent.
        UpstreamError: no server answered, or the transcript broke off; `partial_text` is what came before.
        ConfigurationError: the embedded engine is asked and not installed.
    """
    upload = await upload_of(audio_bytes, config)

    def request_for(base_url: str) -> TranscriptRequest:
        return TranscriptRequest(upload, base_url, config, system_prompt)

    chunks = stream_transcript(request_for, audio_urls(config), config)
    async with aclosing(chunks):
        async for chunk in chunks:
            yield chunk


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
    check_instruction(instruction)
    upload = await upload_of(audio_bytes, config)
    return await analysis_of_upload(upload, instruction, config, system_prompt_prefix)


async def analysis_of_upload(
    upload: UploadAudio,
    instruction: str,
    config: GatewayConfig,
    system_prompt_prefix: str | None = None,
    **openai_params: Any,
) -> AnswerText:
    """What `analysis_of` gives for a recording, or a piece of one, that is as servers take it."""
    prefix = config.analyze_system_prompt_prefix if system_prompt_prefix is None else system_prompt_prefix
    messages = [
        text_message("system", f"{prefix}\n{instruction}"),
        audio_message(upload.data, upload.format),
    ]
    body = {"messages": messages, **openai_params}
    return answer_of_completion(await _complete(body, config, model=analysis_model, check=raise_for_refusal))


def check_instruction(instruction: object) -> None:
    """Raise where an instruction says nothing.

    Raises:
        InvalidRequestError: it is empty, or no text.
    """
    if not isinstance(instruction, str) or not instruction.strip():
        raise InvalidRequestError("The instruction is empty.", "Say what to do with the recording.")


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
    check_messages(messages)
    if openai_params.get("stream"):
        raise InvalidRequestError("chat_completion gives its answer in one piece.", "Leave out stream=True.")
    body: dict[str, Any] = {"messages": list(messages), **openai_params}
    return await _complete(body, config, model=audio_model if has_audio_content(messages) else text_model)


def stream_chat(
    messages: Sequence[Message], config: GatewayConfig, **openai_params: Any
) -> AsyncGenerator[ChatChunk, None]:
    """A chat answer as it is written, chunk by chunk.

        async for chunk in stream_chat(messages, config):
            print(chunk.text, end="")

    The connection is closed when the loop over it ends, also by a break or a cancellation: the server stops.

    Args:
        messages: as in `chat_completion`.
        config: where to send them; `first_token_timeout_s` and `between_tokens_timeout_s` bound silence.
        **openai_params: as in `chat_completion`.

    Yields:
        What each event adds: text, reasoning, pieces of tool calls, at the end a finish reason and the usage.

    Raises:
        UpstreamError: no server answered, or the answer broke off; `partial_text` is what came before.
        InvalidRequestError: the messages are not chat messages; nothing was sent.
        ConfigurationError: the embedded engine is asked and not installed.
    """
    return chunks_of(partial(_chat_stream, messages, config, openai_params))


async def _chat_stream(
    messages: Sequence[Message], config: GatewayConfig, openai_params: dict[str, Any]
) -> ChatStream:
    check_messages(messages)
    if openai_params.get("n") not in (None, 1):
        raise InvalidRequestError("stream_chat gives one answer.", "Leave out n, or use chat_completion.")
    body: dict[str, Any] = {"messages": list(messages), **openai_params}
    model = audio_model if has_audio_content(messages) else text_model

    def body_for(base_url: str) -> dict[str, Any]:
        return {**named(model, base_url, config), **body}

    return await open_stream(body_for, upstream_urls(body, config), config)


async def list_models(config: GatewayConfig) -> dict[str, Any]:
    """The models of the (text) server, as its JSON object: `{"data": [{"id": ...}, ...]}`.

    Args:
        config: which server; of several, the first that answers.

    Raises:
        UpstreamError: the server did not answer, or not well.
    """

    async def attempt(base_url: str) -> dict[str, Any]:
        return parse_object(await forward_models(base_url, config), base_url, config)

    return await ask(attempt, config.text_urls, config)


async def _complete(
    body: dict[str, Any],
    config: GatewayConfig,
    *,
    model: ModelFields,
    check: Callable[[Completion, GatewayConfig], None] = lambda *_: None,
) -> Completion:
    """Ask for a completion; which model is named may depend on the server that is asked.

    An answer is checked here and not by the caller, who would hold it, with all that it may repeat, in a
    variable of the traceback.
    """
    had_audio = has_audio_content(body["messages"])

    async def attempt(base_url: str) -> Completion:
        response = await forward_chat_completion({**named(model, base_url, config), **body}, base_url, config)
        completion = Completion(parse_completion(response, base_url, config, had_audio=had_audio))
        completion.server = base_url
        check(completion, config)
        return completion

    return await ask(attempt, upstream_urls(body, config), config)


def _warn_if_cut_off(answer: AnswerText) -> None:
    if answer.cut_off:
        warnings.warn(
            "The answer was cut off at the server's length limit: what follows is missing.",
            IncompleteAnswerWarning,
            stacklevel=3,
        )
