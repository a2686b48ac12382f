"""Every error that ipy_gateway raises on purpose.

GatewayError                      message, hint
├── ConfigurationError            a setting, or something that has to be installed
├── InvalidRequestError           an argument of the call
├── BudgetExceededError           kind, left: the request was not sent, because a budget has not enough left
├── InvalidAnswerError            text, upstream: an answer, but not of the type that was asked for
├── AudioProcessingError          error_type: what is wrong with the recording
├── ReplayError                   a request that no cassette answers; nothing was sent
├── AnswerCancelledError          partial_text: an answer that was not wanted any more
└── UpstreamError                 upstream: the server that was asked
    ├── UpstreamUnreachableError  no answer: nothing listens, no such host, connection lost
    ├── UpstreamTimeoutError      no answer in time
    └── UpstreamResponseError     an answer, but not a good one: status_code, request_id
"""

from typing import Literal

AudioErrorType = Literal["audio_too_large", "audio_timeout", "invalid_audio", "ffmpeg_missing"]


class GatewayError(Exception):
    """Something went wrong, said in one sentence.

    Attributes:
        message: one sentence that names what is wrong, and where.
        hint: one imperative sentence that says what to do, or "".
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def _render_traceback_(self) -> list[str]:
        """Show message and hint where IPython would show a wall of traceback (IPython's own protocol)."""
        lines = [f"{type(self).__name__}: {self.message}"]
        return [*lines, f"Hint: {self.hint}"] if self.hint else lines


class ConfigurationError(GatewayError):
    """A setting is wrong, or something that it needs is not installed."""


class InvalidRequestError(GatewayError):
    """An argument of the call is wrong; nothing was sent."""


class BudgetExceededError(GatewayError):
    """A request would take more than a budget has left; it was not sent.

    Attributes:
        kind: "requests", "tokens" or "audio_s".
        left: how many requests, tokens or seconds of sound are left.
    """

    def __init__(self, message: str, hint: str = "", *, kind: str = "", left: float = 0) -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.left = left


class InvalidAnswerError(GatewayError):
    """A model's answer is not of the type that was asked for, and its second try is not, either.

    Attributes:
        text: what it answered last, without reasoning.
        upstream: the base URL of the server.
    """

    def __init__(self, message: str, hint: str = "", *, text: str = "", upstream: str = "") -> None:
        super().__init__(message, hint)
        self.text = text
        self.upstream = upstream


class AudioProcessingError(GatewayError):
    """The recording can't be used.

    Attributes:
        error_type: "audio_too_large", "audio_timeout", "invalid_audio" or "ffmpeg_missing".
    """

    def __init__(self, message: str, hint: str = "", *, error_type: AudioErrorType = "invalid_audio") -> None:
        super().__init__(message, hint)
        self.error_type = error_type


class ReplayError(GatewayError):
    """What would be sent is not in the cassette that is replayed; nothing was sent."""


class AnswerCancelledError(GatewayError):
    """An answer was cancelled before it was complete.

    Attributes:
        partial_text: what had come of it, or "".
    """

    def __init__(self, message: str, hint: str = "", *, partial_text: str = "") -> None:
        super().__init__(message, hint)
        self.partial_text = partial_text


class UpstreamError(GatewayError):
    """A server did not do what was asked of it.

    Attributes:
        upstream: the base URL of that server.
        partial_text: what had come of the answer before it broke off, or "".
    """

    def __init__(self, message: str, hint: str = "", *, upstream: str = "", partial_text: str = "") -> None:
        super().__init__(message, hint)
        self.upstream = upstream
        self.partial_text = partial_text


class UpstreamUnreachableError(UpstreamError):
    """No answer came: nothing listens there, the name is unknown, or the connection was lost."""


class UpstreamTimeoutError(UpstreamError):
    """No answer came in time."""


class UpstreamResponseError(UpstreamError):
    """An answer came, and it is an error or makes no sense.

    Attributes:
        status_code: the HTTP status, or None where there was none.
        request_id: the server's own name for the request (header `x-request-id`), or None.
        retry_after_s: seconds after which the server wants to be asked again, or None.
        should_retry: whether the server says that asking again makes sense, or None where it does not say.
        context_limit_tokens: the context that the request did not fit into, or None where it is not told.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        upstream: str = "",
        partial_text: str = "",
        status_code: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        should_retry: bool | None = None,
        context_limit_tokens: int | None = None,
    ) -> None:
        super().__init__(message, hint, upstream=upstream, partial_text=partial_text)
        self.status_code = status_code
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.should_retry = should_retry
        self.context_limit_tokens = context_limit_tokens


class IncompleteAnswerWarning(UserWarning):
    """An answer lacks something: it ended at a length limit, or a part of a recording is missing from it."""
