"""A window of a recording, asked of a server: with times wherever it gives them."""

import re
from dataclasses import dataclass, replace

from ..answers.answers import parse_completion
from ..audio import UploadAudio
from ..client import forward_chat_completion, forward_transcription
from ..config import GatewayConfig
from ..exceptions import UpstreamError, UpstreamResponseError
from ..messages import Completion, transcript_of_completion
from ..requests.asking import ask
from ..requests.model_names import audio_model
from ..requests.servers import AudioApi, board
from ..routing import audio_urls, is_local
from ..transcripts.transcription import Transcription
from .audio_api import ask_in_its_way
from .transcribing import TranscriptRequest, raise_for_refusal
from .transcriptions import parse_transcription, transcription_fields

# What a server answers that knows response_format=verbose_json not at all, or not for this model. A failure
# of its own says nothing of it, unless it says so.
_FORMAT_REFUSED = frozenset({400, 415, 422})
_FORMAT_NAMED = re.compile(r"response_format|verbose_json|timestamp")
_TOO_LARGE_STATUSES = frozenset({400, 413, 422, 500})
_TOO_LARGE = re.compile(
    r"too (?:large|long|big)|exceed|(?:long|larg|bigg)er than|maximum|context (?:size|length|window)"
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked about every window of a recording.

    Attributes:
        language: ISO 639-1 code of what is spoken, or None.
        prompt: words that may occur, or None.
        words: whether the times of words are wanted.
    """

    language: str | None = None
    prompt: str | None = None
    words: bool = False


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """What a server heard in a window.

    Attributes:
        transcription: with times from the start of the window.
        server: its base URL.
        model: its name, or "".
        way: how it was asked.
    """

    transcription: Transcription
    server: str
    model: str
    way: AudioApi


async def ask_about(upload: UploadAudio, wish: Wish, config: GatewayConfig) -> WindowAnswer:
    """What is said in a window, by any of the servers for audio.

    Raises:
        UpstreamError: no server answered, or not well.
        ConfigurationError: the embedded engine is asked and not installed.
    """

    async def attempt(base_url: str) -> WindowAnswer:
        ways = _WindowWays(upload, wish, base_url, config)
        if is_local(base_url) and config.audio_api == "auto":  # there alone it gives times
            return await ways.by_endpoint()
        return await ask_in_its_way(ways, base_url, config)

    return await ask(attempt, audio_urls(config), config)


def is_too_large(error: UpstreamError) -> bool:
    """Whether a server says that there is too much sound in a request."""
    if not isinstance(error, UpstreamResponseError) or error.status_code not in _TOO_LARGE_STATUSES:
        return False
    is_said = error.context_limit_tokens is not None or _TOO_LARGE.search(error.message.lower())
    return error.status_code == 413 or bool(is_said)


def _is_format_refused(error: UpstreamResponseError) -> bool:
    is_refused = error.status_code in _FORMAT_REFUSED or bool(_FORMAT_NAMED.search(error.message.lower()))
    return is_refused and not is_too_large(error)


class _WindowWays:
    def __init__(self, upload: UploadAudio, wish: Wish, base_url: str, config: GatewayConfig) -> None:
        self._upload = upload
        self._wish = wish
        self._base_url = base_url
        self._config = config
        self._model = audio_model(base_url, config)["model"]

    async def by_chat(self) -> WindowAnswer:
        body = TranscriptRequest(self._upload, self._base_url, self._config, self._instruction()).chat_body()
        response = await forward_chat_completion(body, self._base_url, self._config)
        completion = Completion(parse_completion(response, self._base_url, self._config, had_audio=True))
        completion.server = self._base_url
        raise_for_refusal(completion, self._config)
        said = transcript_of_completion(completion)
        transcription = Transcription(str(said), language=self._wish.language, cut_off=said.cut_off)
        return WindowAnswer(transcription, self._base_url, said.model or self._model or "", "chat")

    async def by_endpoint(self, *, takes_plain_text: bool = True) -> WindowAnswer:
        if board.gives_times(self._base_url, self._model):
            try:
                return await self._by_endpoint("verbose_json", takes_plain_text=takes_plain_text)
            except UpstreamResponseError as error:
                if not _is_format_refused(error):
                    raise
                refusal = error
            try:
                answer = await self._by_endpoint(None, takes_plain_text=takes_plain_text)
            except UpstreamResponseError:
                raise refusal from None
            board.learn_no_times(self._base_url, self._model)
            return answer
        return await self._by_endpoint(None, takes_plain_text=takes_plain_text)

    async def _by_endpoint(self, response_format: str | None, *, takes_plain_text: bool) -> WindowAnswer:
        upload, wish = self._upload, self._wish
        fields = transcription_fields(
            model=self._model,
            language=wish.language,
            prompt=wish.prompt,
            response_format=response_format,
            words=wish.words and response_format is not None,
        )
        response = await forward_transcription(
            upload.data, upload.format, fields, self._base_url, self._config
        )
        found = parse_transcription(response, self._base_url, self._config, takes_plain_text=takes_plain_text)
        found = replace(found, language=found.language or wish.language)
        return WindowAnswer(found, self._base_url, self._model or "", "transcriptions")

    def _instruction(self) -> str | None:
        """The system prompt where something was wished for; None for the configured one."""
        wish, lines = self._wish, [self._config.transcribe_system_prompt]
        if wish.language:
            lines.append(f"The language of the recording is {wish.language}.")
        if wish.prompt:
            lines.append(f"Words that may occur in it: {wish.prompt}")
        return "\n".join(lines) if len(lines) > 1 else None
