"""The framework-free core: asks servers, needs httpx and pydantic alone."""

from .audio import normalize_audio_to_wav
from .chunks import ChatChunk, ToolCallPiece, Usage
from .client import forward_chat_completion, forward_models
from .config import GatewayConfig
from .exceptions import (
    AnswerCancelledError,
    AudioProcessingError,
    ConfigurationError,
    GatewayError,
    IncompleteAnswerWarning,
    InvalidRequestError,
    UpstreamError,
    UpstreamResponseError,
    UpstreamTimeoutError,
    UpstreamUnreachableError,
)
from .journal import JournalEntry, JournalWarning, empty_journal, journal_entries
from .long_analysis import analyze, stream_analysis
from .long_transcription import transcribe, transcribe_many
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
from .outcomes import Outcome
from .progress import AnalysisProgress, TranscriptionProgress
from .replies import Reply
from .routing import has_audio_content, select_upstream_url
from .transcript import Gap, Transcript
from .transcript_search import Match
from .transcription import Segment, Word

__all__ = [
    "AnalysisProgress",
    "AnswerCancelledError",
    "AnswerText",
    "AudioProcessingError",
    "ChatChunk",
    "Completion",
    "ConfigurationError",
    "Connections",
    "Gap",
    "GatewayConfig",
    "GatewayError",
    "IncompleteAnswerWarning",
    "InvalidRequestError",
    "JournalEntry",
    "JournalWarning",
    "Match",
    "Outcome",
    "Reply",
    "Segment",
    "ToolCallPiece",
    "Transcript",
    "TranscriptChunk",
    "TranscriptText",
    "TranscriptionProgress",
    "UpstreamError",
    "UpstreamResponseError",
    "UpstreamTimeoutError",
    "UpstreamUnreachableError",
    "Usage",
    "Word",
    "analyze",
    "analyze_audio",
    "chat_completion",
    "close_connections",
    "empty_journal",
    "forward_chat_completion",
    "forward_models",
    "has_audio_content",
    "journal_entries",
    "list_models",
    "normalize_audio_to_wav",
    "select_upstream_url",
    "stream_analysis",
    "stream_chat",
    "stream_transcription",
    "transcribe",
    "transcribe_audio",
    "transcribe_many",
]
