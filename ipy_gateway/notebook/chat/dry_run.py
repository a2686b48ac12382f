"""--dry-run: what a question would send, found out without sending anything."""

from typing import Any

from ...core.analysis.analysis_parts import lines_of
from ...core.cassettes.tape import tape_in_use
from ...core.config import GatewayConfig
from ...core.conversations.context import request_tokens, tokens_of_text
from ...core.conversations.conversation import Prompt
from ...core.messages import Message, text_message
from ...core.recordings.recording_source import open_source
from ...core.requests.budget import budget_of_process
from ...core.requests.charges import HEAD_BYTES, known_seconds
from ...core.requests.model_names import audio_model, named, text_model
from ...core.requests.typed_answers import typed_request
from ...core.routing import audio_urls, has_audio_content, upstream_urls
from ...core.transcripts.transcript import Transcript
from ...render.budget import budget_text
from ...render.dry_run import DryRun, dry_run_bundle
from ...render.text import duration, file_size
from ..gateway_magics import GatewayMagics
from ..lines.options import ChatOptions, request_params
from ..values.parts import Inserted, Part, Picture, Sound, content_of
from .conversations import Conversations, Question, left_out_notice


def show_chat_dry_run(
    question: Question, conversations: Conversations, gateway: GatewayMagics, *, kind: Any = None
) -> None:
    """Show what `%%chat` would send; neither the conversation nor a variable changes.

    Raises:
        AudioProcessingError: a recording in the question can't be used.
    """
    output = gateway.output("Preparing the question")
    content = output.wait_for(content_of(question.filled, question.config))
    prompt = question.conversation.prompt(
        {"role": "user", "content": content},
        system=question.system,
        max_prompt_tokens=conversations.prompt_tokens(question.config),
    )
    output.show(dry_run_bundle(_chat_dry_run(prompt, question, kind)))


def show_analysis_dry_run(
    source: Any,
    name: str,
    instruction: str,
    options: ChatOptions,
    config: GatewayConfig,
    gateway: GatewayMagics,
) -> None:
    """Show what `%%analyze` would send, as far as that is known before a recording is cut or transcribed.

    Raises:
        InvalidRequestError: there is no such recording.
    """
    output = gateway.output(f"Looking at {name}")
    is_text = isinstance(source, Transcript)
    what, tokens = _transcript(source) if is_text else (output.wait_for(_recording(source)), 0)
    prefix = config.analyze_system_prompt_prefix if options.system is None else options.system
    system = [text_message("system", prefix)] if prefix else []
    messages = [*system, text_message("user", instruction)]
    urls = config.text_urls if is_text else audio_urls(config)
    tokens += request_tokens(messages)
    notices = [] if tokens <= config.history_tokens else [_in_parts(tokens, config)]
    run = DryRun(
        servers=urls,
        has_key=_has_key(urls, config),
        params={**named(text_model if is_text else audio_model, urls[0], config), **request_params(options)},
        messages=messages,
        values=[(name, what)],
        tokens=tokens,
        notices=[*notices, *_of_budget()],
    )
    output.show(dry_run_bundle(run))


def _chat_dry_run(prompt: Prompt, question: Question, kind: Any) -> DryRun:
    config = question.config
    has_audio = has_audio_content(prompt.messages)
    urls = upstream_urls({"messages": prompt.messages}, config)
    model = named(audio_model if has_audio else text_model, urls[0], config)
    request = {"messages": list(prompt.messages), **question.params}
    if kind is not None:
        request = typed_request(prompt.messages, kind, urls[0], question.params)
    messages: list[Message] = request.pop("messages")
    schema = request.get("response_format")
    left_out = left_out_notice(prompt.left_out)
    return DryRun(
        servers=urls,
        has_key=_has_key(urls, config),
        params={**model, **request},
        messages=messages,
        values=[(one.label, _inserted(one)) for one in question.filled.inserted],
        tokens=request_tokens(messages) + round(tokens_of_text(str(schema)) if schema else 0),
        notices=[*question.filled.notices, *([left_out] if left_out else []), *_of_budget()],
    )


def _has_key(urls: tuple[str, ...], config: GatewayConfig) -> bool | None:
    if tape_in_use():  # what is replayed needs none, and is to look as it did with it
        return None
    return any(config.key_for(url) for url in urls)


def _of_budget() -> list[str]:
    budget = budget_of_process()
    return [budget_text(budget)] if budget else []


def _inserted(one: Inserted) -> str:
    return f"{one.type_name}: {' and '.join(map(_part, one.parts))}"


def _part(part: Part) -> str:
    if isinstance(part, Picture):
        return f"picture, {part.media_type}, {file_size(len(part.data))}"
    if isinstance(part, Sound):
        return f"recording, {_length(part.data[:HEAD_BYTES], len(part.data))}"
    characters, tokens = len(part), round(tokens_of_text(part))
    return f"text, {_counted(characters, 'character')}, about {_counted(tokens, 'token')}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _length(head: bytes, byte_count: int) -> str:
    seconds = known_seconds(head, byte_count)
    return file_size(byte_count) if seconds is None else f"{duration(seconds)}, {file_size(byte_count)}"


def _transcript(transcript: Transcript) -> tuple[str, int]:
    text = "\n".join(line.text for line in lines_of(transcript))
    tokens = round(tokens_of_text(text))
    return f"transcript, {len(text):,} characters, about {tokens:,} tokens", tokens


async def _recording(source: Any) -> str:
    if isinstance(source, str):
        return "recording, which would be fetched first"
    async with open_source(source) as opened:
        return f"recording, {_length(bytes(opened.content[:HEAD_BYTES]), len(opened.content))}"


def _in_parts(tokens: int, config: GatewayConfig) -> str:
    return (
        f"About {tokens:,} tokens are more than is sent at once, {config.history_tokens:,}: "
        "it would be asked about in parts, and the answers drawn together."
    )
