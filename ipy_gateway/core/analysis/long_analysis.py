"""An instruction about a recording or transcript of any length: part by part, then drawn together."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from ..answers.chunks import ChatChunk
from ..answers.replies import Reply, ReplyBuilder
from ..config import GatewayConfig
from ..exceptions import InvalidRequestError, UpstreamError, UpstreamResponseError
from ..files.random_access import FileBytes
from ..messages import AnswerText
from ..operations import check_instruction
from ..recordings.recording_source import OpenSource, Source, open_source
from ..transcribing.audio_api import NO_ROUTE
from ..transcribing.long_transcription import transcribe_many
from ..transcripts.transcript import Transcript
from ..waiting.progress import AnalysisProgress, TranscriptionProgress
from .analysis_asking import AnalysisAsking, in_one_piece
from .analysis_messages import AnalysisRequest
from .drawing_together import drawn_together
from .sound_analysis import heard_in
from .text_analysis import answer_about

OnProgress = Callable[[AnalysisProgress], None]


async def analyze(
    source: Source | Transcript,
    instruction: str,
    config: GatewayConfig,
    *,
    system_prompt_prefix: str | None = None,
    on_progress: OnProgress | None = None,
    **openai_params: Any,
) -> Reply:
    """The answer to an instruction about a recording, however long it is, or about a transcript.

        reply = await analyze("conference.m4a", "Which decisions were made?", config, on_progress=print)

    A recording that fits into one window (`window_s`) goes to the server in one chat message. A longer one is
    cut at pauses, the instruction is followed on each window, and the answers are drawn together by one more
    request, or by several where they are too many for one. Where the servers for audio only write down what
    is said (a transcriptions endpoint, routing "audio_text", the embedded engine), it is transcribed as
    `transcribe` does it, journal included, and the text model is asked about the transcript: at once where
    that fits into `history_tokens` and the model's context, otherwise part by part.

    Times in the answer, such as [12:34], count from the start of the recording. A part that failed, even
    when it was tried again, is named at the end of the answer: "No answer for 10:00-15:00: ...".

    Args:
        source: a recording as `transcribe` takes it, or a transcript, which is always asked about as text.
        instruction: what to do with it.
        config: where to send it; `window_s`, `max_requests`, `history_tokens` and `journal` say how.
        system_prompt_prefix: in place of `config.analyze_system_prompt_prefix`.
        on_progress: called after each step, on the thread of the event loop.
        **openai_params: fields of the requests, as in `chat_completion`; those about the length and form of
            an answer go with the last request alone.

    Raises:
        AudioProcessingError: the recording can't be used.
        InvalidRequestError: an argument is wrong, or the instruction leaves no room for a transcript.
        UpstreamError: no part was answered; what was said of the first.
        ConfigurationError: the embedded engine is asked and not installed.
    """
    builder = ReplyBuilder()
    chunks = stream_analysis(
        source,
        instruction,
        config,
        system_prompt_prefix=system_prompt_prefix,
        on_progress=on_progress,
        **openai_params,
    )
    async with aclosing(chunks):
        async for chunk in chunks:
            builder.add(chunk)
    return builder.reply()


async def stream_analysis(
    source: Source | Transcript,
    instruction: str,
    config: GatewayConfig,
    *,
    system_prompt_prefix: str | None = None,
    on_progress: OnProgress | None = None,
    **openai_params: Any,
) -> AsyncGenerator[ChatChunk, None]:
    """What `analyze` gives, chunk by chunk: the answer in the end is streamed where it is a text request.

    Args: as `analyze`.

    Raises: as `analyze`; UpstreamError also where the answer broke off, with what came as its `partial_text`.
    """
    check_instruction(instruction)
    for name in openai_params.keys() & {"stream", "messages", "n"}:
        raise InvalidRequestError(f"An analysis sets {name} itself.", f"Leave out {name}.")
    prefix = config.analyze_system_prompt_prefix if system_prompt_prefix is None else system_prompt_prefix
    request = AnalysisRequest(instruction, config, prefix, openai_params, on_progress)
    if isinstance(source, Transcript):
        answer = answer_about(source, AnalysisAsking(replace(request, source=source.source)))
    else:
        answer = _about_recording(source, request)
    async with aclosing(answer):
        async for chunk in answer:
            yield chunk


async def _about_recording(source: Source, request: AnalysisRequest) -> AsyncGenerator[ChatChunk, None]:
    async with open_source(source) as opened:
        request = replace(request, source=opened.name)
        heard = await _heard_or_transcribed(opened, request)
    if isinstance(heard, AnswerText):
        yield in_one_piece(heard, server=heard.server, model=heard.model, cut_off=heard.cut_off)
        return
    asking = AnalysisAsking(request)
    is_text = isinstance(heard, Transcript)
    answer = answer_about(heard, asking) if is_text else drawn_together(heard, asking)
    async with aclosing(answer):
        async for chunk in answer:
            yield chunk


async def _heard_or_transcribed(opened: OpenSource, request: AnalysisRequest) -> Any:
    """An answer, answers about parts, or a transcript to ask about."""
    refusal: UpstreamResponseError | None = None
    try:
        heard = await heard_in(opened, request)
        if heard is not None:
            return heard
    except UpstreamResponseError as error:
        if error.status_code not in NO_ROUTE:
            raise
        refusal = error  # there is no chat: it may transcribe
    try:
        return await _transcript_of(opened, request)
    except UpstreamError:
        if refusal:
            raise refusal from None
        raise


async def _transcript_of(opened: OpenSource, request: AnalysisRequest) -> Transcript:
    def tell(progress: TranscriptionProgress) -> None:
        request.tell(AnalysisProgress(request.source, "transcribing", transcription=progress))

    content = opened.content
    recording = content.path if isinstance(content, FileBytes) else content[:]
    outcomes = transcribe_many([recording], request.config, concurrency=1, on_progress=tell)
    async with aclosing(outcomes):
        outcome = await anext(outcomes)
    if outcome.error:
        raise outcome.error
    assert outcome.transcript
    return replace(outcome.transcript, source=opened.name)
