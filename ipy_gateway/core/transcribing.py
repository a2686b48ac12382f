"""The two ways to have a recording written down: in a chat message, or at /v1/audio/transcriptions."""

from collections.abc import Awaitable, Callable
from typing import Any

from .answers import parse_completion
from .audio import UploadAudio
from .client import forward_chat_completion, forward_transcription
from .config import GatewayConfig
from .exceptions import UpstreamError, UpstreamResponseError
from .messages import (
    Completion,
    TranscriptText,
    audio_message,
    refusal_of,
    text_message,
    transcript_of_completion,
)
from .retries import is_worth_retrying
from .servers import AudioApi, board
from .transcriptions import parse_transcription, transcription_fields

# What has nothing to do with the way that was asked: a wrong key, a recording that is too large.
SAME_EITHER_WAY = frozenset({401, 403, 413})


async def transcript_from(
    base_url: str, upload: UploadAudio, config: GatewayConfig, *, model: str | None, system_prompt: str | None
) -> TranscriptText:
    """What a server hears in a recording, asked in the way that `config.audio_api` says.

    With "auto" a chat message is tried first, and the transcriptions endpoint where the server refuses that;
    what worked is remembered for this server.

    Raises:
        UpstreamError: the server did not answer, or not well.
    """
    ways: dict[AudioApi, Callable[[], Awaitable[TranscriptText]]] = {
        "chat": lambda: _by_chat(base_url, upload, config, model, system_prompt),
        "transcriptions": lambda: _by_endpoint(base_url, upload, config, model, system_prompt),
    }
    known = board.audio_api(base_url) if config.audio_api == "auto" else config.audio_api
    if known:
        return await ways[known]()
    try:
        transcript = await ways["chat"]()
    except UpstreamResponseError as error:
        if not _may_take_it_elsewhere(error):
            raise
        transcript = await _second_way(ways["transcriptions"], error)
        board.learn_audio_api(base_url, "transcriptions")
    else:
        board.learn_audio_api(base_url, "chat")
    return transcript


async def _second_way(
    way: Callable[[], Awaitable[TranscriptText]], first_error: UpstreamResponseError
) -> TranscriptText:
    """Where neither way works, the first error says more: most servers answer chat, and few transcribe."""
    try:
        return await way()
    except UpstreamError:
        raise first_error from None


def _may_take_it_elsewhere(error: UpstreamResponseError) -> bool:
    is_passing = is_worth_retrying(error, answered_before=True)
    return error.status_code is not None and error.status_code not in SAME_EITHER_WAY and not is_passing


async def _by_chat(
    base_url: str, upload: UploadAudio, config: GatewayConfig, model: str | None, system_prompt: str | None
) -> TranscriptText:
    prompt = config.transcribe_system_prompt if system_prompt is None else system_prompt
    messages = [text_message("system", prompt), audio_message(upload.data, upload.format)]
    body: dict[str, Any] = {"model": model, "messages": messages} if model else {"messages": messages}
    response = await forward_chat_completion(body, base_url, config)
    completion = Completion(parse_completion(response, base_url, config, had_audio=True))
    completion.server = base_url
    raise_for_refusal(completion)
    return transcript_of_completion(completion)


async def _by_endpoint(
    base_url: str, upload: UploadAudio, config: GatewayConfig, model: str | None, system_prompt: str | None
) -> TranscriptText:
    # Only a prompt that was given for this recording: a speech model takes it for speech that came before.
    fields = transcription_fields(model=model, prompt=system_prompt)
    response = await forward_transcription(upload.data, upload.format, fields, base_url, config)
    transcription = parse_transcription(response, base_url, config)
    return TranscriptText(transcription.text, server=base_url, model=model or "")


def raise_for_refusal(completion: Completion) -> None:
    """Raise what a model says where it refuses to listen: that is no transcript.

    Raises:
        UpstreamResponseError: it refuses.
    """
    refusal = refusal_of(completion)
    if refusal:
        raise UpstreamResponseError(
            f"{completion.server} refused: {refusal.rstrip('.')}.",
            "Ask in other words, or another model.",
            upstream=completion.server,
        )
