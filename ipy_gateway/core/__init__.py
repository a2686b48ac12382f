"""The framework-free core: asks servers, needs httpx and pydantic alone.

A name is imported when it is asked for: whoever wants a `GatewayConfig` waits for nothing that sends it.
"""

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .analysis.long_analysis import analyze, stream_analysis
    from .answers.chunks import ChatChunk, ToolCallPiece, Usage
    from .answers.replies import Reply
    from .audio import normalize_audio_to_wav
    from .cassettes.recorder import CassetteWarning
    from .cassettes.tape import recording, replaying
    from .client import forward_chat_completion, forward_models
    from .config import GatewayConfig
    from .doctor.doctor import diagnose
    from .doctor.findings import Finding, Fix, ServerReport, Speed
    from .exceptions import (
        AnswerCancelledError,
        AudioProcessingError,
        BudgetExceededError,
        ConfigurationError,
        GatewayError,
        IncompleteAnswerWarning,
        InvalidAnswerError,
        InvalidRequestError,
        ReplayError,
        UpstreamError,
        UpstreamResponseError,
        UpstreamTimeoutError,
        UpstreamUnreachableError,
    )
    from .loop_clients import Connections, close_connections
    from .messages import AnswerText, Completion, TranscriptChunk, TranscriptText
    from .operations import (
        analyze_audio,
        chat_completion,
        list_models,
        stream_chat,
        stream_transcription,
        transcribe_audio,
    )
    from .requests.budget import Budget, Spending
    from .requests.server_memory import takes_json_schema
    from .requests.typed_answers import TypedReply, chat_completion_as
    from .routing import has_audio_content, select_upstream_url
    from .transcribing.journal import JournalEntry, JournalWarning, empty_journal, journal_entries
    from .transcribing.long_transcription import transcribe, transcribe_many
    from .transcribing.outcomes import Outcome
    from .transcripts.transcript import Gap, Transcript
    from .transcripts.transcript_search import Match
    from .transcripts.transcription import Segment, Word
    from .transcripts.transcripts import Transcripts
    from .waiting.progress import AnalysisProgress, TranscriptionProgress

__all__ = [
    "AnalysisProgress",
    "AnswerCancelledError",
    "AnswerText",
    "AudioProcessingError",
    "Budget",
    "BudgetExceededError",
    "CassetteWarning",
    "ChatChunk",
    "Completion",
    "ConfigurationError",
    "Connections",
    "Finding",
    "Fix",
    "Gap",
    "GatewayConfig",
    "GatewayError",
    "IncompleteAnswerWarning",
    "InvalidAnswerError",
    "InvalidRequestError",
    "JournalEntry",
    "JournalWarning",
    "Match",
    "Outcome",
    "ReplayError",
    "Reply",
    "Segment",
    "ServerReport",
    "Speed",
    "Spending",
    "ToolCallPiece",
    "Transcript",
    "TranscriptChunk",
    "TranscriptText",
    "TranscriptionProgress",
    "Transcripts",
    "TypedReply",
    "UpstreamError",
    "UpstreamResponseError",
    "UpstreamTimeoutError",
    "UpstreamUnreachableError",
    "Usage",
    "Word",
    "analyze",
    "analyze_audio",
    "chat_completion",
    "chat_completion_as",
    "close_connections",
    "diagnose",
    "empty_journal",
    "forward_chat_completion",
    "forward_models",
    "has_audio_content",
    "journal_entries",
    "list_models",
    "normalize_audio_to_wav",
    "recording",
    "replaying",
    "select_upstream_url",
    "stream_analysis",
    "stream_chat",
    "stream_transcription",
    "takes_json_schema",
    "transcribe",
    "transcribe_audio",
    "transcribe_many",
]
# The same for what runs: a test compares it with the imports above.
_MODULES: Final = {
    "audio": "normalize_audio_to_wav",
    "requests.budget": "Budget Spending",
    "answers.chunks": "ChatChunk ToolCallPiece Usage",
    "client": "forward_chat_completion forward_models",
    "config": "GatewayConfig",
    "doctor.doctor": "diagnose",
    "exceptions": (
        "AnswerCancelledError AudioProcessingError BudgetExceededError ConfigurationError "
        "GatewayError IncompleteAnswerWarning InvalidAnswerError InvalidRequestError ReplayError "
        "UpstreamError UpstreamResponseError UpstreamTimeoutError UpstreamUnreachableError"
    ),
    "doctor.findings": "Finding Fix ServerReport Speed",
    "transcribing.journal": "JournalEntry JournalWarning empty_journal journal_entries",
    "analysis.long_analysis": "analyze stream_analysis",
    "transcribing.long_transcription": "transcribe transcribe_many",
    "loop_clients": "Connections close_connections",
    "messages": "AnswerText Completion TranscriptChunk TranscriptText",
    "operations": (
        "analyze_audio chat_completion list_models stream_chat stream_transcription transcribe_audio"
    ),
    "transcribing.outcomes": "Outcome",
    "waiting.progress": "AnalysisProgress TranscriptionProgress",
    "cassettes.recorder": "CassetteWarning",
    "answers.replies": "Reply",
    "routing": "has_audio_content select_upstream_url",
    "requests.server_memory": "takes_json_schema",
    "cassettes.tape": "recording replaying",
    "transcripts.transcript": "Gap Transcript",
    "transcripts.transcript_search": "Match",
    "transcripts.transcription": "Segment Word",
    "transcripts.transcripts": "Transcripts",
    "requests.typed_answers": "TypedReply chat_completion_as",
}
_HOMES: Final = {name: module for module, names in _MODULES.items() for name in names.split()}


if not TYPE_CHECKING:  # for which there would be every name

    def __getattr__(name: str) -> Any:
        module = _HOMES.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f".{module}", __name__), name)
        globals()[name] = value  # the next time it is not looked up
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
