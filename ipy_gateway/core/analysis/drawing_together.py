"""The answers about parts drawn together to one, in several steps where they are too many for one."""

from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing

from ..answers.chunks import ChatChunk
from ..conversations.context import request_tokens
from ..exceptions import UpstreamError
from ..transcribing.window_lengths import requests_at_once
from ..waiting.progress import AnalysisProgress
from .analysis_asking import LEAST_TOKENS, AnalysisAsking, at_the_end, in_one_piece
from .analysis_messages import about_findings
from .analysis_parts import Finding, groups_of, name_of_all
from .part_run import PartRun, one_by_one


async def drawn_together(
    findings: Sequence[Finding], asking: AnalysisAsking, problems: Sequence[str] = ()
) -> AsyncGenerator[ChatChunk, None]:
    """One answer from those about parts, with what is missing at its end.

    Where it can't be had, the answers about the parts are given as they are, and the reason: they may have
    taken an hour.

    Raises:
        UpstreamError: the answer broke off.
    """
    told = [*problems, *_problems(findings)]
    said = [finding for finding in findings if finding.text]
    if len(said) == 1:
        yield in_one_piece(said[0].text, server=said[0].server, model=said[0].model)
        yield at_the_end(told)
        return
    asking.request.tell(AnalysisProgress(asking.request.source, "drawing together"))
    has_begun, is_too_much = False, True
    while is_too_much:
        try:
            said, lost = await _fewer(said, asking)
            told += lost
            answer = asking.streamed(about_findings(asking.request, said))
            async with aclosing(answer):
                async for chunk in answer:
                    has_begun = True
                    yield chunk
            break
        except UpstreamError as error:
            if has_begun:
                raise
            is_too_much = asking.learns_from(error)
            reason = error.message
    else:
        yield _side_by_side(said)
        told.append(f"These answers could not be drawn together: {reason}")
    yield at_the_end(told)


async def _fewer(findings: list[Finding], asking: AnalysisAsking) -> tuple[list[Finding], list[str]]:
    """As many findings as may be drawn together at once, and what got lost on the way there."""
    lost: list[str] = []
    while len(findings) > 2 and not asking.fits(about_findings(asking.request, findings)):
        room = max(asking.max_tokens - request_tokens(about_findings(asking.request, [])), LEAST_TOKENS)
        groups = groups_of(findings, room)
        if len(groups) == 1:
            break
        drawn = await _each_drawn_together(groups, asking)
        lost += _problems(finding for finding in drawn if finding not in findings)
        findings = [finding for finding in drawn if finding.text]
    return findings, lost


async def _each_drawn_together(groups: Sequence[list[Finding]], asking: AnalysisAsking) -> list[Finding]:
    async def draw(group: list[Finding]) -> list[Finding]:
        if len(group) == 1:
            return group
        return [await asking.finding(name_of_all(group), about_findings(asking.request, group))]

    config = asking.request.config
    at_once = requests_at_once(config.text_urls, config)
    run = PartRun[list[Finding]](draw, name_of=name_of_all, at_once=at_once, on_done=lambda _: None)
    return await run.findings_in(one_by_one(groups))


def _problems(findings: Iterable[Finding]) -> list[str]:
    return [finding.problem for finding in findings if finding.problem]


def _side_by_side(findings: Sequence[Finding]) -> ChatChunk:
    text = "\n\n".join(f"**{finding.name}**\n\n{finding.text}" for finding in findings)
    return in_one_piece(text, server=findings[0].server, model=findings[0].model)
