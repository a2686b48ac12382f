"""How values of ours look that are shown again, in a cell of their own."""

from functools import singledispatch

from ..core.answers.replies import Reply
from ..core.cassettes.tape import tape_in_use
from ..core.config import GatewayConfig
from ..core.messages import TranscriptText
from ..core.transcripts.transcript import Transcript
from ..core.transcripts.transcripts import Transcripts
from ..render.answers import answer_bundle, answer_of
from ..render.bundle import Bundle
from ..render.recordings import RecordingState, summary_bundle
from ..render.results import config_bundle
from ..render.results import transcript_bundle as text_bundle
from ..render.transcript_view import transcript_bundle
from .chat.background import BackgroundAnswer, background_bundle
from .chat.compare import Comparison, comparison_of
from .recordings import problems_of


@singledispatch
def bundle_of(value: object) -> Bundle:
    """The output of a value: a configuration, a transcript or several, a reply or several."""
    raise TypeError(f"Nobody knows how {type(value).__name__} looks.")


@bundle_of.register
def _(text: TranscriptText) -> Bundle:
    return text_bundle(text)


@bundle_of.register
def _(config: GatewayConfig) -> Bundle:
    # What is replayed needs no keys, and is to look as it did with them.
    return config_bundle(config, shows_keys=tape_in_use() is None)


@bundle_of.register
def _(reply: Reply) -> Bundle:
    return answer_bundle(answer_of(reply, is_deterministic=True))


@bundle_of.register
def _(transcript: Transcript) -> Bundle:
    # Also of a part of one: how fast the work was belongs to the work.
    return transcript_bundle(transcript, is_deterministic=True)


@bundle_of.register
def _(result: Transcripts) -> Bundle:
    done = [
        RecordingState(name, "done", length_s=one.duration_s, seconds=one.seconds, problem=problems_of(one))
        for name, one in result.transcripts.items()
    ]
    failed = [RecordingState(name, "failed", problem=str(error)) for name, error in result.errors.items()]
    return summary_bundle([*done, *failed], is_deterministic=True)


@bundle_of.register
def _(answer: BackgroundAnswer) -> Bundle:
    return background_bundle(answer)


@bundle_of.register
def _(comparison: Comparison) -> Bundle:
    return comparison_of(comparison)
