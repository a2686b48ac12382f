"""Which of the two ways to send a recording a server takes: found out once, and remembered."""

import asyncio
from typing import Protocol, TypeVar

from ..answers.retries import is_worth_retrying
from ..config import GatewayConfig
from ..exceptions import UpstreamResponseError
from ..requests.server_memory import correct_audio_api, kept_audio_api
from ..requests.servers import AudioApi, board
from ..routing import is_local

# What has nothing to do with the way that was asked: a wrong key, a recording that is too large.
SAME_EITHER_WAY = frozenset({401, 403, 413})
# Nothing is there to be asked. A server that once took recordings so is another one now.
NO_ROUTE = frozenset({404, 405, 501})

Answer = TypeVar("Answer", covariant=True)


class Ways(Protocol[Answer]):
    """The two ways to have a recording written down."""

    async def by_chat(self) -> Answer:
        """In a chat message."""
        ...

    async def by_endpoint(self, *, takes_plain_text: bool = True) -> Answer:
        """At /v1/audio/transcriptions; of a server without sense a plain text there is no transcript."""
        ...


async def ask_in_its_way(ways: Ways[Answer], base_url: str, config: GatewayConfig) -> Answer:
    """What a server answers, asked in the way that `config.audio_api` says.

    With "auto" a chat message is tried first, and the transcriptions endpoint where the server refuses that;
    what worked is remembered for this server, until there is nothing any more at the end of that way. What
    the doctor has found is tried first, but not trusted: another server may listen there by now.

    Raises:
        UpstreamError: the server did not answer, or not well.
    """
    if config.audio_api != "auto":
        return await _ask(ways, config.audio_api)
    known = board.audio_api(base_url)
    kept = None if known or is_local(base_url) else await asyncio.to_thread(kept_audio_api, base_url)
    first = known or kept or "chat"
    try:
        answer = await _ask(ways, first)
    except UpstreamResponseError as error:
        if not _may_take_it_elsewhere(error, is_known=known is not None):
            raise
        if known:
            board.forget_audio_api(base_url, known)
        second: AudioApi = "chat" if first == "transcriptions" else "transcriptions"
        answer = await _second_way(ways, second, error, is_known=known is not None)
        board.learn_audio_api(base_url, second)
        if kept:
            await asyncio.to_thread(correct_audio_api, base_url, second)
    else:
        if not known:
            board.learn_audio_api(base_url, first)
    return answer


async def _ask(ways: Ways[Answer], way: AudioApi, *, takes_plain_text: bool = True) -> Answer:
    if way == "chat":
        return await ways.by_chat()
    return await ways.by_endpoint(takes_plain_text=takes_plain_text)


async def _second_way(
    ways: Ways[Answer], way: AudioApi, first_error: UpstreamResponseError, *, is_known: bool
) -> Answer:
    # Nonsense with a status of success comes from what answers every address alike: a portal, a front page.
    makes_sense = (first_error.status_code or 0) >= 300
    try:
        return await _ask(ways, way, takes_plain_text=makes_sense)
    except UpstreamResponseError as error:
        if _is_passing(error) or (not is_known and _is_the_only_route(error, first_error)):
            raise
        # Most servers answer chat, and few transcribe.
        raise first_error from None


def _may_take_it_elsewhere(error: UpstreamResponseError, *, is_known: bool) -> bool:
    if is_known:
        return error.status_code in NO_ROUTE
    return (
        error.status_code is not None and error.status_code not in SAME_EITHER_WAY and not _is_passing(error)
    )


def _is_passing(error: UpstreamResponseError) -> bool:
    return is_worth_retrying(error, answered_before=True)


def _is_the_only_route(error: UpstreamResponseError, first_error: UpstreamResponseError) -> bool:
    return first_error.status_code in NO_ROUTE and error.status_code not in NO_ROUTE
