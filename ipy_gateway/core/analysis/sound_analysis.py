"""A recording asked about as sound: in one message where it is short, else window by window."""

import asyncio
import math
from contextlib import aclosing

from ..config import GatewayConfig
from ..exceptions import UpstreamError
from ..messages import AnswerText
from ..operations import analysis_of_upload
from ..recordings.recording_kinds import Recording, recognize
from ..recordings.recording_source import OpenSource
from ..recordings.sound_stream import stated_by
from ..recordings.uploads import upload_of
from ..requests.servers import board
from ..routing import audio_urls, is_local
from ..transcribing.recording_windows import recording_windows
from ..transcribing.window_lengths import longest_window_s, windows_at_once
from ..transcribing.window_requests import is_too_large
from ..transcribing.windows import Window, halves
from ..waiting.progress import AnalysisProgress
from ..waiting.signals import waking_for_signals
from .analysis_asking import finding_of
from .analysis_messages import AnalysisRequest, about_window
from .analysis_parts import Finding, missing, span_name
from .part_run import PartRun


async def heard_in(opened: OpenSource, request: AnalysisRequest) -> AnswerText | list[Finding] | None:
    """What an audio model answers about a recording: at once, or about each window of it.

    Returns:
        None where the servers only write down what is said: nothing was sent then.

    Raises:
        AudioProcessingError: the recording can't be used.
        UpstreamError: nothing was answered at all.
    """
    config = request.config
    with waking_for_signals():
        accepts_truncated = config.audio_preprocess_enabled is True
        recording = await asyncio.to_thread(recognize, opened.content, accept_truncated=accepts_truncated)
        if _only_transcribe(config):
            return None
        window_s = longest_window_s(config, "chat")
        total_s = await _duration_s(opened, recording, config)
        is_small = len(opened.content) <= config.audio_max_upload_bytes
        if total_s is not None and total_s <= window_s and is_small:
            upload = await upload_of(opened.content[:], config)
            return await analysis_of_upload(
                upload, request.instruction, config, request.prefix, **request.params
            )
        if config.routing_mode == "audio_text" or any(map(is_local, audio_urls(config))):
            return None
        run = _WindowAnalysis(request, total_s, window_s)
        return await run.findings_in(opened, recording)


def _only_transcribe(config: GatewayConfig) -> bool:
    """Whether it is known that the servers for recordings do not chat about them."""
    found_out = any(board.audio_api(url) == "transcriptions" for url in audio_urls(config))
    return config.audio_api == "transcriptions" or (config.audio_api == "auto" and found_out)


async def _duration_s(opened: OpenSource, recording: Recording, config: GatewayConfig) -> float | None:
    if recording.duration_s is not None:
        return recording.duration_s
    return (await stated_by(opened.content, recording, config)).duration_s


class _WindowAnalysis:
    """The windows of a recording on their way to what a model says of each."""

    def __init__(self, request: AnalysisRequest, total_s: float | None, window_s: float) -> None:
        self._request = request
        self._config = request.config
        self._window_s = window_s
        self._total = None if total_s is None else math.ceil(total_s / window_s)

    async def findings_in(self, opened: OpenSource, recording: Recording) -> list[Finding]:
        run = PartRun[Window](
            self._found_in, name_of=_name, at_once=windows_at_once(self._config), on_done=self._tell
        )
        windows = recording_windows(opened.content, recording, self._config, lambda: self._window_s)
        async with aclosing(windows):
            return await run.findings_in(windows, first_alone=True)

    async def _found_in(self, window: Window) -> list[Finding]:
        try:
            return [await self._finding(window)]
        except UpstreamError as error:
            if not is_too_large(error) or not window.can_be_halved:
                raise
            last_error = error
        findings: list[Finding] = []
        for half in await asyncio.to_thread(halves, window, self._config):
            try:
                findings += await self._found_in(half)
            except UpstreamError as error:
                findings.append(missing(_name(half), error.message))
                last_error = error
        if not any(finding.text for finding in findings):
            raise last_error
        return findings

    async def _finding(self, window: Window) -> Finding:
        request = self._request
        answer = await analysis_of_upload(
            window.upload,
            about_window(request, window),
            self._config,
            request.prefix,
            **request.params_of_parts,
        )
        return finding_of(_name(window), answer)

    def _tell(self, done: int) -> None:
        # Windows that end at a pause are shorter than they may be: there may be a few more.
        self._total = None if self._total is None else max(self._total, done)
        self._request.tell(AnalysisProgress(self._request.source, "asking", done, self._total))


def _name(window: Window) -> str:
    return span_name(window.start_s, window.end_s)
