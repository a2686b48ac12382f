"""What several answers to one question look like, side by side; in text, one below the other."""

from collections.abc import Sequence
from dataclasses import dataclass

from .answers import Answer, answer_facts, answer_footer, answer_html, answer_lines
from .bundle import Bundle
from .html import ANSWERS_STYLE, Html, block, element
from .markdown import markdown_html
from .safe_markdown import safe_markdown
from .text import duration

STYLE = "comparison.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One of the answers.

    Attributes:
        label: who was asked, in the user's words.
        answer: what came, or None where nothing did.
        error: why it failed, or "".
        is_under_way: whether more may come.
    """

    label: str
    answer: Answer | None = None
    error: str = ""
    is_under_way: bool = False


def comparison_bundle(columns: Sequence[Column]) -> Bundle:
    """All answers with their figures, whole or on their way."""
    html = block(
        element("div", *map(_column, columns), class_="ipg-columns"),
        styles=(ANSWERS_STYLE, STYLE),
    )
    text = "\n\n".join("\n".join([column.label, *_lines(column)]) for column in columns)
    markdown = "\n\n".join(map(safe_markdown, _markdown_lines(columns)))
    facts = {column.label: _facts(column) for column in columns}
    return Bundle(text, html, {"answers": facts}, markdown=markdown)


def waiting_comparison_bundle(columns: Sequence[Column], *, seconds: float) -> Bundle:
    """The same while answers come in: what came, and how long those take of which nothing did."""
    shown = [
        element("div", _heading(column), *_growing(column, seconds), class_="ipg-column")
        for column in columns
    ]
    text = "\n\n".join(f"{column.label}\n{_growing_text(column, seconds)}" for column in columns)
    return Bundle(text, block(element("div", *shown, class_="ipg-columns"), styles=(ANSWERS_STYLE, STYLE)))


def _column(column: Column) -> Html:
    return element("div", _heading(column), *_end(column), class_="ipg-column")


def _heading(column: Column) -> Html:
    return element("p", column.label, class_="ipg-label")


def _end(column: Column) -> list[Html]:
    error = [element("p", column.error, class_="ipg-notice")] if column.error else []
    if not column.answer:
        return error
    footer = element("p", _footer(column.answer), class_="ipg-facts")
    return [*answer_html(column.answer), *error, footer]


def _growing(column: Column, seconds: float) -> list[Html]:
    if not column.is_under_way:
        return _end(column)
    if column.answer and column.answer.text:
        return [
            markdown_html(column.answer.text),
            element("p", _footer(column.answer), class_="ipg-facts"),
        ]
    return [element("p", _state(column, seconds), class_="ipg-facts")]


def _growing_text(column: Column, seconds: float) -> str:
    if not column.is_under_way:
        return "\n".join(_lines(column))
    if column.answer and column.answer.text:
        return f"{column.answer.text}\n({_footer(column.answer)})"
    return _state(column, seconds)


def _state(column: Column, seconds: float) -> str:
    what = "Reasoning" if column.answer and column.answer.reasoning else "Waiting for the answer"
    return f"{what} … {duration(seconds)}"


def _lines(column: Column) -> list[str]:
    error = [f"[{column.error}]"] if column.error else []
    if not column.answer:
        return error
    return [*answer_lines(column.answer), *error, f"({_footer(column.answer)})"]


def _markdown_lines(columns: Sequence[Column]) -> list[str]:
    return [line for column in columns for line in (f"**{column.label}**", *_lines(column))]


def _footer(answer: Answer) -> str:
    return " · ".join(filter(None, [answer_footer(answer), _speed(answer)]))


def _speed(answer: Answer) -> str:
    """Tokens a second from the first one on, where the server has counted them."""
    tokens = answer.usage.completion_tokens if answer.usage else None
    if answer.is_deterministic or not tokens or answer.seconds is None or answer.first_token_s is None:
        return ""
    writing_s = answer.seconds - answer.first_token_s
    return f"{tokens / writing_s:.1f} tokens/s" if writing_s > 0 and tokens > 1 else ""


def _facts(column: Column) -> dict[str, object]:
    facts = answer_facts(column.answer) if column.answer else {}
    return {**facts, "error": column.error or None}
