"""What one request costs the budgets around it: estimated before it is sent, corrected by its answer."""

import base64
import binascii
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import httpx

from ..answers.chunks import ChatChunk, ChunkError, Usage, parse_chunk
from ..config import GatewayConfig
from ..conversations.context import request_tokens, tokens_of_text
from ..exceptions import AudioProcessingError
from ..messages import Base64Later
from ..recordings.recording_kinds import bytes_per_second
from ..routing import content_parts, is_audio_part
from ..sse import ServerEvent
from ..wire.bodies import read_response
from .budget import Budget, Spending, applied_budgets

# What speech takes at least in the usual codecs, 32 kbit/s: its length is not underestimated.
FEWEST_BYTES_PER_SECOND: Final = 4_000
HEAD_BYTES: Final = 12_288  # the headers before the sound
_ON_RESPONSE: Final = "ipy_gateway.charge"
_ANSWER_LIMITS: Final = ("max_tokens", "max_completion_tokens")


class Charge:
    """What one request takes of the budgets.

    Args:
        budgets: where it is counted.
        content: the request as httpx gets it: with `json`, or with `files`.

    Attributes:
        counts: whether anybody is interested in what it takes.

    Raises:
        BudgetExceededError: one of the budgets has not enough left; nothing is counted.
    """

    def __init__(self, budgets: tuple[Budget, ...], content: Mapping[str, Any]) -> None:
        self._budgets: list[Budget] = []
        self._prompt_tokens = self._written_tokens = 0.0
        self._chunk = ChatChunk()
        self.counts = bool(budgets)
        if budgets:
            self._reserve(budgets, content)

    def take(self, chunk: ChatChunk) -> None:
        """Take note of what comes of an answer."""
        if self._budgets:
            self._written_tokens += tokens_of_text(chunk.text + chunk.reasoning)
            self._chunk = chunk if chunk.usage else self._chunk

    def take_whole(self, response: httpx.Response) -> None:
        """Take note of an answer in one piece, whose body has been read."""
        if not self._budgets:
            return
        try:
            said = parse_chunk(ServerEvent(response.text))
        except ChunkError:  # no JSON, or not what it should be: whoever asked will say so
            return
        if isinstance(said, ChatChunk):
            self.take(said)

    def close(self, *, was_taken: bool) -> None:
        """Count what it has cost, once; where the server has not taken it on, the attempt alone."""
        spent = Spending(1, self._tokens, self._cost.audio_s) if self._budgets and was_taken else Spending(1)
        while self._budgets:
            self._budgets.pop().correct(self._cost, spent)

    def _reserve(self, budgets: tuple[Budget, ...], content: Mapping[str, Any]) -> None:
        body = content.get("json") or {}
        self._prompt_tokens = request_tokens(body["messages"]) if "messages" in body else 0
        limits = [body.get(name) for name in _ANSWER_LIMITS]
        answer_tokens = max((limit for limit in limits if isinstance(limit, int)), default=0)
        self._cost = Spending(1, math.ceil(self._prompt_tokens) + max(answer_tokens, 0), _audio_s(content))
        try:
            for budget in budgets:
                budget.reserve(self._cost)
                self._budgets.append(budget)
        except BaseException:
            while self._budgets:
                self._budgets.pop().correct(self._cost, Spending())
            raise

    @property
    def _tokens(self) -> int:
        usage = self._chunk.usage or Usage()
        if usage.total_tokens is not None:
            return usage.total_tokens
        read, written = usage.prompt_tokens, usage.completion_tokens
        read = math.ceil(self._prompt_tokens) if read is None else read
        return read + (math.ceil(self._written_tokens) if written is None else written)


async def charged(
    send: Callable[[], Awaitable[httpx.Response]], method: str, content: Mapping[str, Any]
) -> httpx.Response:
    """Send a request, counted by the budgets at this place; looking at a server (GET) is free.

    Whoever reads the response closes its charge: `read_charged`, or for a stream `charge_of`.

    Raises:
        BudgetExceededError: a budget has not enough left; nothing was sent.
    """
    charge = Charge(applied_budgets() if method == "POST" else (), content)
    try:
        response = await send()
    except BaseException as error:
        charge.close(was_taken=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout))
        raise
    response.extensions[_ON_RESPONSE] = charge
    return response


async def read_charged(response: httpx.Response, base_url: str, config: GatewayConfig) -> httpx.Response:
    """What `read_response` gives, with its charge closed.

    Raises: as `read_response`.
    """
    charge = charge_of(response)
    try:
        whole = await read_response(response, base_url, config)
        charge.take_whole(whole)
        return whole
    finally:
        charge.close(was_taken=response.is_success)


def charge_of(response: httpx.Response) -> Charge:
    """The charge of a response."""
    charge = response.extensions.get(_ON_RESPONSE)
    return charge if isinstance(charge, Charge) else NO_CHARGE


NO_CHARGE: Final = Charge((), {})


def sound_seconds(head: bytes, total_bytes: int) -> float:
    """How long a recording is, told from its first bytes and its size; rather too long where unknown."""
    seconds = known_seconds(head, total_bytes)
    return total_bytes / FEWEST_BYTES_PER_SECOND if seconds is None else seconds


def known_seconds(head: bytes, total_bytes: int) -> float | None:
    """How long a recording is, or None where its first bytes don't tell."""
    try:
        rate = bytes_per_second(head)
    except AudioProcessingError:
        return None
    return total_bytes / rate if rate else None


def part_seconds(part: Mapping[str, Any]) -> tuple[float, int]:
    """Seconds and bytes of a recording that is a part of a message."""
    holder = part.get("input_audio") or part.get("audio")
    data = holder.get("data") if isinstance(holder, Mapping) else holder
    if isinstance(data, Base64Later):
        return sound_seconds(data.data[:HEAD_BYTES], len(data.data)), len(data.data)
    if not isinstance(data, str):
        return 0.0, 0
    size = len(data) * 3 // 4 - data[-2:].count("=")
    try:
        head = base64.b64decode(data[: HEAD_BYTES // 3 * 4])
    except (binascii.Error, ValueError):
        head = b""
    return sound_seconds(head, size), size


def _audio_s(content: Mapping[str, Any]) -> float:
    if "files" in content:
        _, file, _ = content["files"]["file"]
        with file.getbuffer() as data:
            return sound_seconds(bytes(data[:HEAD_BYTES]), len(data))
    messages = (content.get("json") or {}).get("messages") or ()
    parts = (part for message in messages for part in content_parts(message))
    return sum(part_seconds(part)[0] for part in parts if is_audio_part(part))
