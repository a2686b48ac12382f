"""The parts of a transcript that are asked about one by one, and what was found in each."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..conversations.context import tokens_of_text
from ..transcripts.timeline import timeline
from ..transcripts.transcript import Transcript
from ..transcripts.transcript_texts import timed_line
from ..waiting.clock import clock


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a transcript, with its times where it has any."""

    text: str
    start_s: float | None = None
    end_s: float | None = None

    @property
    def tokens(self) -> float:
        """Tokens that it takes, with its end."""
        return tokens_of_text(self.text) + 1


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of a transcript that are asked about together.

    Attributes:
        lines: they, at least one.
        name: how it is called: "10:00-15:00", or "part 2" where there are no times.
    """

    lines: tuple[Line, ...]
    name: str

    @property
    def text(self) -> str:
        """Its lines as one text."""
        return "\n".join(line.text for line in self.lines)


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a part.

    Attributes:
        name: what the part is called.
        text: the answer about it, or "" where there is none.
        problem: what is missing of it, in one sentence, or "".
        server: base URL of the server that answered, or "".
        model: what the server calls its model, or "".
    """

    name: str
    text: str = ""
    problem: str = ""
    server: str = ""
    model: str = ""


def missing(name: str, reason: str) -> Finding:
    """A part about which nothing is known."""
    return Finding(name, problem=f"No answer for {name}: {reason}")


def span_name(start_s: float, end_s: float) -> str:
    """What a part from one time to another is called."""
    return f"{clock(start_s)}-{clock(math.ceil(end_s))}"


def lines_of(transcript: Transcript) -> list[Line]:
    """What is said and what is missing, in the order of its times; a text without times by its own lines."""
    if transcript.text and not transcript.segments:
        return [Line(text) for text in transcript.text.splitlines() if text.strip()]
    return [Line(timed_line(span), span.start_s, span.end_s) for span in timeline(transcript)]


def parts_of(lines: Sequence[Line], max_tokens: float, *, name: str = "") -> list[Part]:
    """Lines in parts of about the same size, none of which takes more tokens.

    Args:
        lines: at least one; one that is too long by itself is cut between words.
        max_tokens: of a part.
        name: what these lines are called where they have no times and are cut anew.
    """
    pieces = [piece for line in lines for piece in _pieces(line, max_tokens)]
    total = sum(piece.tokens for piece in pieces)
    wanted = total / math.ceil(total / max_tokens)
    groups: list[list[Line]] = [[]]
    tokens = 0.0
    for piece in pieces:
        if groups[-1] and (tokens >= wanted or tokens + piece.tokens > max_tokens):
            groups.append([])
            tokens = 0.0
        groups[-1].append(piece)
        tokens += piece.tokens
    return [_part(group, f"{name}{'.' if name else 'part '}{n}") for n, group in enumerate(groups, start=1)]


def groups_of(findings: Sequence[Finding], max_tokens: float) -> list[list[Finding]]:
    """Neighbouring findings, at least two of them together, as many as may be drawn together at once."""
    groups: list[list[Finding]] = [[]]
    tokens = 0.0
    for finding in findings:
        taken = tokens_of_text(finding.text)
        if len(groups[-1]) > 1 and tokens + taken > max_tokens:
            groups.append([])
            tokens = 0.0
        groups[-1].append(finding)
        tokens += taken
    return groups


def name_of_all(findings: Sequence[Finding]) -> str:
    """What neighbouring parts are called together."""
    first, last = findings[0].name, findings[-1].name
    if ":" not in first:
        return f"{first} to {last}"
    return f"{first.partition('-')[0]}-{last.rpartition('-')[2]}"


def _pieces(line: Line, max_tokens: float) -> Iterator[Line]:
    """A line, or where it is too long its pieces, each with its share of the time."""
    if line.tokens <= max_tokens:
        yield line
        return
    count = math.ceil(line.tokens / max_tokens * 1.1)
    length = max(1, len(line.text) // count)
    start = 0
    while start < len(line.text):
        end = _end_of_piece(line.text, start, length)
        text = line.text[start:end].strip()
        if text:
            yield Line(text, line.start_s, line.end_s)
        start = end


def _end_of_piece(text: str, start: int, length: int) -> int:
    if start + length >= len(text):
        return len(text)
    blank = text.rfind(" ", start + length // 2, start + length)
    return blank if blank > start else start + length


def _part(lines: Iterable[Line], number: str) -> Part:
    lines = tuple(lines)
    starts_s = [line.start_s for line in lines if line.start_s is not None]
    ends_s = [line.end_s for line in lines if line.end_s is not None]
    return Part(lines, span_name(min(starts_s), max(ends_s)) if starts_s and ends_s else number)
