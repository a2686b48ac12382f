"""A recording written down in one piece: asked for in a chat message, or at /v1/audio/transcriptions."""

from dataclasses import dataclass
from typing import Any

from ..answers.answers import parse_completion, public_line
from ..audio import UploadAudio
from ..client import forward_chat_completion, forward_transcription
from ..config import GatewayConfig
from ..exceptions import UpstreamResponseError
from ..messages import (
    Completion,
    TranscriptText,
    audio_message,
    refusal_of,
    text_message,
    transcript_of_completion,
)
from ..requests.model_names import audio_model, named
from ..routing import is_local
from ..transcripts.transcription import Transcription
from .audio_api import ask_in_its_way
from .transcriptions import parse_transcription, transcription_fields


@dataclass(frozen=True, slots=True)
class TranscriptRequest:
    """What is to be written down, and by whom.

    Attributes:
        upload: the recording.
        base_url: the server.
        config: timeouts, key, and in which way to ask.
        system_prompt: what was given for this recording, or None.
    """

    upload: UploadAudio
    base_url: str
    config: GatewayConfig
    system_prompt: str | None = None

    @property
    def model(self) -> str | None:
        """The name of the model, or None to name none."""
        return audio_model(self.base_url, self.config)["model"]

    def chat_body(self) -> dict[str, Any]:
        """The request as a chat message."""
        given = self.system_prompt
        prompt = self.config.transcribe_system_prompt if given is None else given
        messages = [text_message("system", prompt), audio_message(self.upload.data, self.upload.format)]
        # The embedded engine has models of both kinds, and would have to guess what is wanted.
        task = {"task": "transcribe"} if is_local(self.base_url) else {}
        return {**named(audio_model, self.base_url, self.config), **task, "messages": messages}

    def form_fields(self, *, stream: bool = False) -> dict[str, str | list[str]]:
        """The fields of the form for the endpoint."""
        # Only a prompt that was given for this recording: speech models take it for speech that came before.
        return transcription_fields(model=self.model, prompt=self.system_prompt, stream=stream)

    def transcript_of(self, found: Transcription) -> TranscriptText:
        """What the endpoint gave, with its origin."""
        model = self.model or ""
        return TranscriptText(found.text, server=self.base_url, model=model, cut_off=found.cut_off)


async def transcript_from(request: TranscriptRequest) -> TranscriptText:
    """What a server hears in a recording, asked in the way that `config.audio_api` says.

    Raises:
        UpstreamError: the server did not answer, or not well.
    """
    return await ask_in_its_way(_InOnePiece(request), request.base_url, request.config)


class _InOnePiece:
    def __init__(self, request: TranscriptRequest) -> None:
        self._request = request

    async def by_chat(self) -> TranscriptText:
        base_url, config = self._request.base_url, self._request.config
        response = await forward_chat_completion(self._request.chat_body(), base_url, config)
        completion = Completion(parse_completion(response, base_url, config, had_audio=True))
        completion.server = base_url
        raise_for_refusal(completion, config)
        return transcript_of_completion(completion)

    async def by_endpoint(self, *, takes_plain_text: bool = True) -> TranscriptText:
        base_url, config, upload = self._request.base_url, self._request.config, self._request.upload
        fields = self._request.form_fields()
        response = await forward_transcription(upload.data, upload.format, fields, base_url, config)
        found = parse_transcription(response, base_url, config, takes_plain_text=takes_plain_text)
        return self._request.transcript_of(found)


def raise_for_refusal(completion: Completion, config: GatewayConfig) -> None:
    """Raise what a model says where it refuses to listen: that is no transcript.

    Raises:
        UpstreamResponseError: it refuses.
    """
    refusal = refusal_of(completion)
    if refusal:
        said = public_line(refusal, completion.server, config)
        raise UpstreamResponseError(
            f"{completion.server} refused: {said}." if said else f"{completion.server} refused.",
            "Ask in other words, or another model.",
            upstream=completion.server,
        )
