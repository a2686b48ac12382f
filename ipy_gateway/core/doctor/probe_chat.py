"""Whether a server chats: in one piece, as a stream, with its tokens counted, by a schema, and how fast."""

import json
import re
import time
from contextlib import aclosing
from typing import Any

from ..answers.answers import parse_completion
from ..answers.chunks import ChatChunk
from ..cassettes.tape import tape_in_use
from ..client import forward_chat_completion
from ..config import LOCAL_CHAT_MODEL
from ..exceptions import BudgetExceededError, GatewayError, UpstreamResponseError
from ..messages import answer_text, is_cut_off, text_message
from ..requests.streams import ChatStream
from ..routing import is_local
from .findings import Fix, Speed
from .fixes import chat_elsewhere, give_key, is_about_a_model, name_model
from .probe_address import NO_ROUTE
from .probing import Probing, failed_for_its_key, has_embedded_engine

MAX_TOKENS = 8
FEW_TOKENS = 3  # fewer tell nothing of speed
SHORT_S = 0.005  # what comes faster was written before, and came at once
SCHEMA = {
    "type": "object",
    "properties": {"is_wet": {"type": "boolean"}},
    "required": ["is_wet"],
    "additionalProperties": False,
}
# The question does not tell of JSON, so an answer that begins like this keeps to the schema; llama.cpp's
# grammar lets a model fill the limit with blanks, and put the JSON into a fence.
BY_SCHEMA = re.compile(r'\s*(?:```json\s*)?(?:$|\{\s*(?:$|"(?:$|i)))')
THINKS = "it thinks for longer than that, so nobody can tell"


async def probe_chat(probing: Probing) -> bool:
    """Chat with the server, and say what came of it; whether there is a chat and a key for it."""
    if is_local(probing.url) and LOCAL_CHAT_MODEL in probing.unfetched:
        _note_unfetched(probing)
        return False
    limit = await _ask_once(probing)
    if not limit:
        return False
    if await _probe_stream(probing, limit):
        await _probe_schema(probing, limit)
    return True


def _note_unfetched(probing: Probing) -> None:
    for probe in ("chat", "stream", "usage", "JSON schema", "speed"):
        probing.note(probe, "not tried", "its weights are fetched when it is first asked")


async def _ask_once(probing: Probing) -> str:
    """How answers are limited, "max_tokens" or OpenAI's newer name for it, or "" where there is no chat."""
    error: GatewayError | None = None
    for limit in ("max_tokens", "max_completion_tokens"):
        try:
            await _complete(probing, "Say hello.", {limit: 1})
        except BudgetExceededError:
            raise
        except GatewayError as refusal:
            error = refusal
            if "max_completion_tokens" not in refusal.message:
                break
        else:
            _note_key(probing)
            probing.note("chat", "works")
            return limit
    assert error
    await _say_why_not(probing, error)
    return ""


def _note_key(probing: Probing) -> None:
    has_key = probing.config.key_for(probing.url) is not None
    detail = "it is accepted" if has_key else "none is needed"
    probing.note("key", "works", "" if tape_in_use() else detail)  # what is replayed has none


async def _say_why_not(probing: Probing, error: GatewayError) -> None:
    config, url = probing.config, probing.url
    if failed_for_its_key(error):
        probing.note("key", "fails", error.message, give_key(url, config))
        return
    is_asked = "text" in probing.purposes
    setting = "text_model" if is_asked else "audio_model"
    fix = name_model(error, setting, config, probing.models)
    has_no_route = isinstance(error, UpstreamResponseError) and error.status_code in NO_ROUTE
    if has_no_route and not is_about_a_model(error):
        has_engine = is_asked and await has_embedded_engine(config)
        elsewhere = chat_elsewhere(url, config, has_engine=has_engine) if is_asked else None
        probing.note("chat", "not offered", error.message, elsewhere)
    elif is_asked:
        probing.note("chat", "fails", error.message, fix or _hint(error))
    else:  # an ear need not talk
        probing.note("chat", "not offered", error.message)


def _hint(error: GatewayError) -> Fix | None:
    return Fix(error.hint) if error.hint else None


async def _probe_stream(probing: Probing, limit: str) -> bool:
    started = time.monotonic()
    arrivals: list[tuple[float, ChatChunk]] = []
    body = {**probing.chat_model, "messages": _messages("Count from one to twenty."), limit: MAX_TOKENS}
    stream = ChatStream(probing.url, probing.patient, body)
    try:
        await stream.open()
        async with aclosing(stream.read_out()) as chunks:
            async for chunk in chunks:
                arrivals.append((time.monotonic() - started, chunk))
    except BudgetExceededError:
        raise
    except GatewayError as error:
        probing.note("stream", "fails", error.message, _hint(error))
        return False
    in_one_piece = len(arrivals) == 1 and bool(arrivals[0][1].text)
    if in_one_piece:
        probing.note("stream", "not offered", "it answers in one piece")
    else:
        probing.note("stream", "works")
    usage = next((chunk.usage for _, chunk in reversed(arrivals) if chunk.usage), None)
    if usage:
        probing.note("usage", "works", "it counts tokens")
    else:
        probing.note("usage", "not offered", "it does not count tokens: they are estimated")
    tokens = usage.completion_tokens if usage else None
    _note_speed(probing, [at for at, chunk in arrivals if chunk.text or chunk.reasoning], tokens)
    return True


def _note_speed(probing: Probing, at_s: list[float], tokens: int | None) -> None:
    """From the times at which words came; what comes in one piece tells nothing of tokens."""
    if not at_s:
        probing.note("speed", "not tried", "its answer was empty")
        return
    count = tokens or len(at_s)
    writing_s = at_s[-1] - at_s[0]
    rate = (count - 1) / writing_s if count >= FEW_TOKENS and writing_s >= SHORT_S else None
    probing.note("speed", "works", speed=Speed(at_s[0], rate))


async def _probe_schema(probing: Probing, limit: str) -> None:
    schema = {"name": "answer", "strict": True, "schema": SCHEMA}
    wish = {"response_format": {"type": "json_schema", "json_schema": schema}, limit: MAX_TOKENS}
    try:
        completion = await _complete(probing, "Is water wet?", wish)
    except UpstreamResponseError as error:
        probing.takes_json_schema = False
        probing.note("JSON schema", "not offered", error.message)
        return
    except BudgetExceededError:
        raise
    except GatewayError as error:
        probing.note("JSON schema", "fails", error.message, _hint(error))
        return
    text = answer_text(completion)
    if not text and is_cut_off(completion):
        probing.note("JSON schema", "not tried", THINKS)
        return
    probing.takes_json_schema = _keeps_to_schema(text, is_cut_off=is_cut_off(completion))
    if probing.takes_json_schema:
        probing.note("JSON schema", "works")
    else:
        probing.note("JSON schema", "not offered", "its answer does not keep to the schema")


def _keeps_to_schema(text: str, *, is_cut_off: bool) -> bool:
    if is_cut_off:
        return bool(BY_SCHEMA.match(text))
    try:
        answer = json.loads(text.removeprefix("```json").removesuffix("```"))
    except ValueError:
        return False
    return isinstance(answer, dict) and list(answer) == ["is_wet"] and isinstance(answer["is_wet"], bool)


async def _complete(probing: Probing, question: str, wish: dict[str, Any]) -> dict[str, Any]:
    body = {**probing.chat_model, "messages": _messages(question), **wish}
    response = await forward_chat_completion(body, probing.url, probing.patient)
    return parse_completion(response, probing.url, probing.config)


def _messages(question: str) -> list[dict[str, Any]]:
    return [text_message("user", question)]
