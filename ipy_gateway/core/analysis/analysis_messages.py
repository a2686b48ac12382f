"""What is said to a model that analyzes a recording: all of it, a part, or the answers about its parts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..config import GatewayConfig
from ..messages import Message, text_message
from ..transcribing.windows import Window
from ..waiting.clock import clock
from ..waiting.progress import AnalysisProgress
from .analysis_parts import Finding, Part

_TIMES = "Where the answer speaks of a moment, it gives its time in brackets, such as [12:34]."
_LATER = "The answers about all parts are drawn together later: answer about this part alone, and briefly."
# How long and in what form the user wants the one answer that is drawn together in the end.
_OF_THE_ANSWER_ALONE = frozenset(
    {"max_tokens", "max_completion_tokens", "response_format", "tools", "tool_choice", "stop"}
)


@dataclass(frozen=True, slots=True)
class AnalysisRequest:
    """What is wanted of an analysis.

    Attributes:
        instruction: what to do with the recording.
        config: servers, keys and limits.
        prefix: system prompt, or "".
        params: further fields of the requests.
        on_progress: called after each step.
        source: name of the recording, or "".
    """

    instruction: str
    config: GatewayConfig
    prefix: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    on_progress: Callable[[AnalysisProgress], None] | None = None
    source: str = ""

    @property
    def params_of_parts(self) -> dict[str, Any]:
        """The fields of requests about a part."""
        return {name: value for name, value in self.params.items() if name not in _OF_THE_ANSWER_ALONE}

    def tell(self, progress: AnalysisProgress) -> None:
        """Say how far it has come."""
        if self.on_progress:
            self.on_progress(progress)


def about_all(request: AnalysisRequest, whole: Part) -> list[Message]:
    """The question about a whole transcript."""
    return _asked(request, f"{_transcript(request)} {_TIMES}", whole.text)


def about_part(request: AnalysisRequest, part: Part) -> list[Message]:
    """The question about a part of a transcript."""
    return _asked(
        request,
        f"{_transcript(request)} This is only a part of it, {part.name}. {_LATER} {_TIMES}",
        part.text,
    )


def about_window(request: AnalysisRequest, window: Window) -> str:
    """The instruction about a piece of a recording, which is sent along."""
    start, end = clock(window.start_s), clock(window.end_s)
    return (
        f"{request.instruction}\n\n"
        f"The recording is a part of a longer one, from {start} to {end}. {_LATER} {_TIMES} "
        f"Times count from the start of the longer one: this part begins at [{start}]."
    )


def about_findings(request: AnalysisRequest, findings: Sequence[Finding]) -> list[Message]:
    """The question whose answer is drawn together from those about parts."""
    frame = (
        "Below are the answers to this about the parts of a recording, in their order. Draw them together to "
        "one answer about the whole recording, as if it had been heard at once; what they say of the same "
        "thing is said once. Times in brackets, such as [12:34], stay as they are."
    )
    return _asked(request, frame, "\n\n".join(f"Part {one.name}:\n{one.text}" for one in findings))


def _asked(request: AnalysisRequest, frame: str, text: str) -> list[Message]:
    system = [text_message("system", request.prefix)] if request.prefix else []
    return [*system, text_message("user", f"{request.instruction}\n\n{frame}\n\n{text}")]


def _transcript(request: AnalysisRequest) -> str:
    of = f" of {request.source}" if request.source else ""
    return f"Below is the transcript{of} with times from the start of the recording."
