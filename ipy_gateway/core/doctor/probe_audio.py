"""Whether a server hears: in a chat message, at /v1/audio/transcriptions, and in which formats it answers."""

from collections.abc import Coroutine
from typing import Any

import httpx

from ..answers.answers import parse_completion
from ..answers.retries import is_worth_retrying
from ..client import forward_chat_completion, forward_transcription
from ..config import LOCAL_SPEECH_MODEL
from ..exceptions import BudgetExceededError, GatewayError, UpstreamResponseError
from ..requests.servers import AudioApi
from ..routing import is_local
from ..transcribing.transcribing import TranscriptRequest
from ..transcribing.transcription_json import json_of
from ..transcribing.transcriptions import parse_transcription, transcription_fields
from ..transcripts.subtitles import are_subtitles
from ..wire.web_pages import decoded
from .findings import Fix, Probe, State
from .fixes import give_key, hear_elsewhere, name_model
from .probing import Probing, failed_for_its_key, has_embedded_engine
from .sample_sound import sample_sound

MAX_TOKENS = 1
FORMATS = ("json", "text", "verbose_json", "srt", "vtt")
WAYS: tuple[tuple[Probe, AudioApi], ...] = (
    ("audio in chat", "chat"),
    ("transcriptions", "transcriptions"),
)
Outcome = tuple[State, str, Fix | None]
WORKS: Outcome = ("works", "", None)


async def probe_audio(probing: Probing) -> None:
    """Send a second of sound in both ways, and say what came of it."""
    if "audio" not in probing.purposes:
        _note_untried(probing, "it is asked for text alone")
        return
    if is_local(probing.url):
        await _probe_engine(probing)
        return
    request = TranscriptRequest(sample_sound(), probing.url, probing.patient)
    found: dict[AudioApi, Outcome] = {
        "chat": await _outcome(probing, _by_chat(request)),
        "transcriptions": await _outcome(probing, _by_endpoint(request)),
    }
    await _note_ways(probing, found)
    if found["transcriptions"] == WORKS:
        await _probe_formats(probing, request)
    else:
        probing.note("formats", "not tried", "there are no transcriptions")


def _note_untried(probing: Probing, reason: str) -> None:
    for probe in ("audio in chat", "transcriptions", "formats"):
        probing.note(probe, "not tried", reason)


async def _probe_engine(probing: Probing) -> None:
    """The embedded engine hears everything in one way, and its formats are known."""
    if LOCAL_SPEECH_MODEL in probing.unfetched:
        _note_untried(probing, "its weights are fetched when it is first asked")
        return
    request = TranscriptRequest(sample_sound(), probing.url, probing.patient)
    # At one temperature: the sample is no speech, and would be listened to again at each of several.
    outcome = await _outcome(probing, _by_endpoint(request, temperature="0"))
    probing.note("transcriptions", *outcome)
    if outcome == WORKS:
        probing.note("audio in chat", "works", "as it is transcribed")
        probing.note("formats", "works", ", ".join(FORMATS))


async def _note_ways(probing: Probing, found: dict[AudioApi, Outcome]) -> None:
    """Say what came of both ways: one is enough, unless the configuration insists on the other."""
    working = [way for _, way in WAYS if found[way] == WORKS]
    probing.audio_api = working[0] if working else None
    nobody_hears = all(found[way][0] == "not offered" for _, way in WAYS)
    for probe, way in WAYS:
        state, detail, fix = found[way]
        if working and state != "works":
            is_wanted = probing.config.audio_api == way
            state = "fails" if is_wanted else "not offered"
            fix = Fix("Let the way be found out.", {"audio_api": "auto"}) if is_wanted else None
        elif nobody_hears and way == "chat":
            has_engine = await has_embedded_engine(probing.config)
            fix = hear_elsewhere(probing.config, has_engine=has_engine)
        probing.note(probe, state, detail, fix)


async def _outcome(probing: Probing, attempt: Coroutine[Any, Any, None]) -> Outcome:
    try:
        await attempt
    except BudgetExceededError:
        raise
    except GatewayError as error:
        return _failure(probing, error)
    return WORKS


def _failure(probing: Probing, error: GatewayError) -> Outcome:
    if failed_for_its_key(error):
        return "fails", error.message, give_key(probing.url, probing.config)
    is_refusal = isinstance(error, UpstreamResponseError) and not is_worth_retrying(
        error, answered_before=True
    )
    single = probing.config.routing_mode == "single" and not probing.config.audio_model
    has_name = single and probing.config.text_model  # which recordings are asked with, too
    fix = name_model(error, "audio_model", probing.config, probing.models)
    if fix and not (has_name and fix.settings["audio_model"] == probing.config.text_model):
        return "fails", error.message, fix
    if is_refusal:
        return "not offered", error.message, None
    return "fails", error.message, Fix(error.hint) if error.hint else None


async def _by_chat(request: TranscriptRequest) -> None:
    body = {**request.chat_body(), "max_tokens": MAX_TOKENS}
    response = await forward_chat_completion(body, request.base_url, request.config)
    parse_completion(response, request.base_url, request.config, had_audio=True)


async def _by_endpoint(request: TranscriptRequest, **more: str) -> None:
    response = await _sent(request, {**request.form_fields(), **more})
    parse_transcription(response, request.base_url, request.config, takes_plain_text=False)


async def _probe_formats(probing: Probing, request: TranscriptRequest) -> None:
    """Ask for each format: what came counts, for many servers answer in one whatever is asked."""
    given = [name for name in FORMATS if await _comes_as(name, request)]
    state: State = "works" if len(given) > 1 else "not offered"
    probing.note("formats", state, ", ".join(given) or "it takes no wish for a format")


async def _comes_as(name: str, request: TranscriptRequest) -> bool:
    fields = transcription_fields(model=request.model, response_format=name)
    try:
        response = await _sent(request, fields)
        parse_transcription(response, request.base_url, request.config)
    except BudgetExceededError:
        raise
    except GatewayError:
        return False
    text = decoded(response.content)
    body = json_of(text)
    match name:
        case "json":
            return isinstance(body, dict) and "text" in body
        case "verbose_json":
            return isinstance(body, dict) and "segments" in body
        case "text":
            return not isinstance(body, dict) and not are_subtitles(text)
        case _:
            return not isinstance(body, dict) and text.lstrip().startswith("WEBVTT") == (name == "vtt")


async def _sent(request: TranscriptRequest, fields: dict[str, str | list[str]]) -> httpx.Response:
    sound = request.upload
    return await forward_transcription(sound.data, sound.format, fields, request.base_url, request.config)
