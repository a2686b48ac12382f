"""What %%analyze does: an instruction about a recording or transcript, with the answer as it is written."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.exceptions import InvalidRequestError
from ..core.long_analysis import stream_analysis
from ..core.messages import TranscriptText
from ..core.progress import AnalysisProgress, Progress, report
from ..core.replies import Reply
from ..core.transcript import Transcript
from ..core.transcripts import Transcripts
from ..render.answers import Answer, answer_of
from ..render.results import note_bundle
from .analyze_options import parse_analyze_line
from .asked import config_for, filled_options, text_of_cell
from .display import is_chat_cell
from .dry_run import show_analysis_dry_run
from .files import file_argument, naming, naming_near_misses
from .gateway_magics import GatewayMagics
from .live import LiveAnswer
from .options import ChatOptions, request_params
from .sources import expanded
from .variables import Names, fill, value_of

KEPT = "Stopped. What is transcribed is kept: run the cell again, and it is not asked for again."
NOT_KEPT = "Stopped. Nothing is kept: the answers about parts are drawn together in the end alone."


@dataclass(frozen=True, slots=True)
class _Analyzed:
    """What is analyzed.

    Attributes:
        source: a recording or transcript, as `stream_analysis` takes it.
        name: what to call it.
        player: the name that its player has in the notebook, or "".
    """

    source: Any = field(repr=False)
    name: str
    player: str = ""


class Analyzing:
    """Questions about recordings."""

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        self._ipython = shell
        self._gateway = gateway

    def analyze(self, line: str, cell: str, local_ns: Names | None) -> Reply | None:
        """What a cell of %%analyze gives."""
        names = {**self._ipython.user_ns, **(local_ns or {})}
        parsed = parse_analyze_line(expanded(line, names))
        options, notices = filled_options(parsed, self._ipython, local_ns)
        instruction, more = self._instruction(cell, local_ns)
        analyzed = self._analyzed(options.question, local_ns)
        place = Path(analyzed.source) if isinstance(analyzed.source, Path) else Path(analyzed.name)
        with naming(analyzed.name), naming_near_misses(place):
            if options.dry_run:
                config = config_for(options, self._gateway.gateway_config)
                source = analyzed.source
                show_analysis_dry_run(source, analyzed.name, instruction, options, config, self._gateway)
                return None
            return self._answered(analyzed, instruction, options, notices=(*notices, *more))

    def _instruction(self, cell: str, local_ns: Names | None) -> tuple[str, tuple[str, ...]]:
        filled = fill(text_of_cell(cell, "%%analyze"), self._ipython, local_ns)
        texts = [part for part in filled.parts if isinstance(part, str)]
        if len(texts) < len(filled.parts):
            raise InvalidRequestError(
                "The instruction of %%analyze takes text alone, no pictures and sounds.",
                "Write the recording behind %%analyze, or ask with %%chat.",
            )
        return "".join(texts), filled.notices

    def _analyzed(self, text: str, local_ns: Names | None) -> _Analyzed:
        if not (text.startswith("{{") and text.endswith("}}")):
            path = file_argument(text, "%%analyze")
            return _Analyzed(path, path.name, path.name)
        value = value_of(text, self._ipython, local_ns)
        if isinstance(value, TranscriptText):
            value = Transcript(str(value), source=value.source, server=value.server, model=value.model)
        if isinstance(value, Transcript):
            return _Analyzed(value, value.source or text, value.source)
        if isinstance(value, os.PathLike):
            path = Path(value)
            return _Analyzed(path, path.name, path.name)
        if isinstance(value, bytes | bytearray | memoryview):
            return _Analyzed(bytes(value), text)
        if isinstance(value, Transcripts) and len(value):
            name = text[2:-2].strip()
            raise InvalidRequestError(
                f"{text} holds the transcripts of several recordings.",
                f"Give one: {{{{{name}[{next(iter(value.transcripts))!r}]}}}}, or ask about all in %%chat.",
            )
        raise InvalidRequestError(
            f"{text} is no recording but {type(value).__name__}.",
            "Give a transcript, bytes or a Path: a text is never taken for a file name.",
        )

    def _answered(
        self, analyzed: _Analyzed, instruction: str, options: ChatOptions, *, notices: tuple[str, ...]
    ) -> Reply:
        config = config_for(options, self._gateway.gateway_config)
        what = f"Analyzing {analyzed.name}"
        live = self._gateway.live_answer(what, owns_cell=is_chat_cell(self._ipython))
        steps: set[str] = set()

        def tell(progress: AnalysisProgress) -> None:
            steps.add(progress.step)
            report(Progress(f"{what}, {progress}"))

        def shown(reply: Reply) -> Answer:
            if options.output:
                self._ipython.user_ns[options.output] = reply
            return self._answer(reply, live, analyzed, notices)

        async def answered() -> Reply:
            chunks = stream_analysis(
                analyzed.source,
                instruction,
                config,
                system_prompt_prefix=options.system,
                on_progress=tell,
                **request_params(options),
            )
            await live.incoming.take_all(chunks, timeout_s=options.timeout_s)
            return live.incoming.reply()

        try:
            reply = live.follow(answered(), shown)
        except KeyboardInterrupt:
            is_kept = config.journal and "transcribing" in steps
            self._gateway.output("").show(note_bundle(KEPT if is_kept else NOT_KEPT))
            raise
        self._gateway.shown.note(reply)
        return reply

    def _answer(
        self, reply: Reply, live: LiveAnswer, analyzed: _Analyzed, notices: tuple[str, ...]
    ) -> Answer:
        return answer_of(
            reply,
            source=analyzed.name,
            player=analyzed.player,
            notices=notices,
            seconds=live.seconds,
            first_token_s=live.incoming.first_token_s,
            is_deterministic=self._gateway.is_headless,
        )
