"""What a chat answer looks like when it is there, whole or broken off."""

from dataclasses import dataclass
from typing import Any

from ..core.answers.chunks import Usage
from ..core.answers.replies import Reply
from ..core.recordings.preview import Preview
from .bundle import Bundle
from .html import ANSWERS_STYLE, Html, block, element, script
from .markdown import markdown_html
from .player import SCRIPTS, player_alone
from .player import STYLE as PLAYER_STYLE
from .safe_markdown import safe_markdown
from .text import duration

NO_ANSWER = "(empty answer)"
CUT_OFF = "Cut off at the server's length limit: what follows is missing."
STOPPED = "Stopped: what follows is missing."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, and what is known of how it came; what is not known is not spoken of.

    Attributes:
        text: its Markdown, as it came.
        reasoning: what the model thought before, or "".
        model: the model that answered, or "".
        server: base URL of the server, or "".
        source: name of the recording that it is about, or "".
        player: name of the recording whose player its times are links to, or "".
        preview: what that player plays, where the answer itself brings it.
        usage: tokens read and written.
        seconds: from the question to the end of the answer.
        first_token_s: seconds until its first word.
        finish_reason: why it ended, in the server's word; "length" is told.
        partial: whether it was interrupted or broke off.
        notices: sentences to be told with it, e.g. "3 earlier messages were left out."
        request_id: the server's name for the request.
        answer_id: the server's name for the answer.
        is_deterministic: whether times are kept out of all that is shown; the facts have them anyway.
    """

    text: str
    reasoning: str = ""
    model: str = ""
    server: str = ""
    source: str = ""
    player: str = ""
    preview: Preview | None = None
    usage: Usage | None = None
    seconds: float | None = None
    first_token_s: float | None = None
    finish_reason: str | None = None
    partial: bool = False
    notices: tuple[str, ...] = ()
    request_id: str | None = None
    answer_id: str | None = None
    is_deterministic: bool = False

    @property
    def is_cut_off(self) -> bool:
        """Whether it ended at a length limit rather than by itself."""
        return self.finish_reason == "length"


def answer_of(reply: Reply, **how: Any) -> Answer:
    """What is shown of a reply.

    Args:
        reply: the answer, whole or as far as it came.
        **how: what only who asked knows, such as `seconds` and `notices`.
    """
    return Answer(
        text=reply.text or reply.refusal,
        reasoning=reply.reasoning,
        model=reply.model,
        server=reply.server,
        usage=reply.usage,
        finish_reason=reply.finish_reason,
        partial=not reply.is_complete,
        answer_id=reply.id or None,
        request_id=reply.request_id or None,
        **how,
    )


def answer_bundle(answer: Answer) -> Bundle:
    """The one output of an answer: its Markdown, the same in HTML, and its notices in both."""
    lines = answer_lines(answer)
    shown = [*answer_html(answer), element("p", answer_footer(answer), class_="ipg-facts")]
    html = _with_player(shown, answer.player, answer.preview) if answer.preview else block(*shown)
    markdown = "\n\n".join(map(safe_markdown, lines))
    return Bundle("\n".join(lines), html, answer_facts(answer), markdown=markdown)


def _with_player(shown: list[Html], source: str, preview: Preview) -> Html:
    player = player_alone(preview, source=source)
    return block(player, *shown, script(*SCRIPTS), styles=(ANSWERS_STYLE, PLAYER_STYLE))


def answer_lines(answer: Answer) -> list[str]:
    """Its text, and its notices in brackets."""
    return [_text(answer), *(f"[{notice}]" for notice in answer_notices(answer))]


def answer_html(answer: Answer) -> list[Html]:
    """Its reasoning, folded away, its text, and its notices."""
    return [
        *_reasoning(answer.reasoning),
        markdown_html(_text(answer), recording=answer.player),
        *(element("p", notice, class_="ipg-notice") for notice in answer_notices(answer)),
    ]


def answer_footer(answer: Answer) -> str:
    """Who gave it, and what it took."""
    times = "" if answer.is_deterministic else _times(answer)
    parts = [answer.source, answer.model, answer.server, _tokens(answer.usage or Usage()), times]
    return " · ".join(filter(None, parts))


def _text(answer: Answer) -> str:
    return answer.text.strip("\n") if answer.text.strip() else NO_ANSWER


def answer_notices(answer: Answer) -> list[str]:
    """All sentences that are told with an answer."""
    cut_off = [CUT_OFF] if answer.is_cut_off else []
    stopped = [STOPPED] if answer.partial else []
    return [*answer.notices, *cut_off, *stopped]


def _reasoning(reasoning: str) -> list[Html]:
    if not reasoning.strip():
        return []
    summary = element("summary", "Reasoning")
    return [element("details", summary, markdown_html(reasoning.strip("\n")), class_="ipg-reasoning")]


def _tokens(usage: Usage) -> str:
    """What is known of "12 tokens in, 345 out"."""
    counts = [(usage.prompt_tokens, "in"), (usage.completion_tokens, "out")]
    known = [(count, way) for count, way in counts if count is not None]
    if not known:
        return ""
    (count, way), *others = known
    return ", ".join(
        [f"{count} token{'' if count == 1 else 's'} {way}", *(f"{n} {where}" for n, where in others)]
    )


def _times(answer: Answer) -> str:
    whole = "" if answer.seconds is None else _seconds(answer.seconds)
    first = "" if answer.first_token_s is None else f"first after {_seconds(answer.first_token_s)}"
    return ", ".join(filter(None, [whole, first]))


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(seconds)


def answer_facts(answer: Answer) -> dict[str, Any]:
    """What is known of it, for machines."""
    usage = answer.usage
    tokens = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {
        "model": answer.model,
        "server": answer.server,
        "source": answer.source,
        "usage": {name: getattr(usage, name) for name in tokens} if usage else None,
        "finish_reason": answer.finish_reason,
        "cut_off": answer.is_cut_off,
        "partial": answer.partial,
        "request_id": answer.request_id,
        "answer_id": answer.answer_id,
        "seconds": answer.seconds,
        "first_token_s": answer.first_token_s,
    }
