"""A transcript of any length asked about: whole where it fits, else by parts that are drawn together."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ..answers.chunks import ChatChunk
from ..conversations.context import context_limit_of, request_tokens
from ..exceptions import InvalidRequestError, UpstreamError
from ..transcribing.window_lengths import requests_at_once
from ..transcripts.transcript import Transcript
from ..waiting.progress import AnalysisProgress
from .analysis_asking import LEAST_TOKENS, AnalysisAsking, at_the_end, in_one_piece
from .analysis_messages import about_all, about_part
from .analysis_parts import Finding, Line, Part, lines_of, missing, parts_of
from .drawing_together import drawn_together
from .part_run import PartRun, one_by_one

NO_SPEECH = "No speech was found in the recording."
_LONGEST_NAME = "100:00:00-100:00:00"


async def answer_about(transcript: Transcript, asking: AnalysisAsking) -> AsyncGenerator[ChatChunk, None]:
    """The answer about a transcript.

    Raises:
        InvalidRequestError: the instruction leaves no room for the transcript.
        UpstreamError: nothing was answered at all, or the answer broke off.
    """
    lines = lines_of(transcript)
    if not lines:
        yield in_one_piece(NO_SPEECH, server=transcript.server, model=transcript.model)
        return
    problems = [f"Not transcribed: {gap}" for gap in transcript.gaps]
    parts = _parts_of(lines, asking)
    if len(parts) == 1:
        whole = asking.streamed(about_all(asking.request, parts[0]))
        try:
            async with aclosing(whole):
                async for chunk in whole:
                    yield chunk
        except UpstreamError as error:
            if not asking.learns_from(error):
                raise
        else:
            yield at_the_end(problems)
            return
        parts = _parts_of(lines, asking)
    drawn = drawn_together(await _findings_in(parts, asking), asking, problems)
    async with aclosing(drawn):
        async for chunk in drawn:
            yield chunk


def _parts_of(lines: Sequence[Line], asking: AnalysisAsking, *, name: str = "") -> list[Part]:
    """Parts that fit.

    Raises:
        InvalidRequestError: the instruction leaves no room for any.
    """
    taken = request_tokens(about_part(asking.request, Part((), _LONGEST_NAME)))
    room = asking.max_tokens - taken
    if room < LEAST_TOKENS:
        raise InvalidRequestError(
            f"The instruction takes about {taken:,} of the {asking.max_tokens:,} tokens that are sent.",
            "Shorten it, or take a model with a larger context and raise history_tokens.",
        )
    return parts_of(lines, room, name=name)


async def _findings_in(parts: Sequence[Part], asking: AnalysisAsking) -> list[Finding]:
    request = asking.request

    def tell(done: int) -> None:
        request.tell(AnalysisProgress(request.source, "asking", done, len(parts)))

    async def ask(part: Part) -> list[Finding]:
        return await _found_in(part, asking)

    at_once = requests_at_once(request.config.text_urls, request.config)
    run = PartRun[Part](ask, name_of=lambda part: part.name, at_once=at_once, on_done=tell)
    return await run.findings_in(one_by_one(parts))


async def _found_in(part: Part, asking: AnalysisAsking) -> list[Finding]:
    """The answer about a part, or the answers about its parts where it is too much for the server."""
    try:
        return [await asking.finding(part.name, about_part(asking.request, part))]
    except UpstreamError as error:
        asking.learns_from(error)  # another part may have learned it while this one was under way
        pieces = _parts_of(part.lines, asking, name=part.name) if context_limit_of(error) else []
        if len(pieces) < 2:
            raise
        first_error = error
    findings: list[Finding] = []
    for piece in pieces:
        try:
            findings += await _found_in(piece, asking)
        except UpstreamError as error:
            findings.append(missing(piece.name, error.message))
            first_error = error
    if not any(finding.text for finding in findings):
        raise first_error
    return findings
