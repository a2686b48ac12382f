"""What %%analyze does: an instruction about a recording or transcript, with the answer as it is written."""

from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell

from ..core.analysis.long_analysis import stream_analysis
from ..core.answers.replies import Reply
from ..core.config import GatewayConfig
from ..core.exceptions import InvalidRequestError
from ..core.recordings.preview import Preview
from ..core.waiting.progress import AnalysisProgress, Progress, report
from ..render.answers import Answer, answer_of
from ..render.results import note_bundle
from .analyzed import Analyzed, analyzed_by, preview_for
from .chat.asked import config_for, filled_options, text_of_cell
from .chat.dry_run import show_analysis_dry_run
from .chat.live import LiveAnswer
from .display import is_chat_cell
from .files import naming, naming_near_misses
from .gateway_magics import GatewayMagics
from .lines.analyze_options import parse_analyze_line
from .lines.options import ChatOptions, request_params
from .sources import expanded
from .values.variables import Names, fill

KEPT = "Stopped. What is transcribed is kept: run the cell again, and it is not asked for again."
NOT_KEPT = "Stopped. Nothing is kept: the answers about parts are drawn together in the end alone."


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
        analyzed = analyzed_by(options.question, self._ipython, local_ns)
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

    def _answered(
        self, analyzed: Analyzed, instruction: str, options: ChatOptions, *, notices: tuple[str, ...]
    ) -> Reply:
        config = config_for(options, self._gateway.gateway_config)
        what = f"Analyzing {analyzed.name}"
        live = self._gateway.live_answer(what, owns_cell=is_chat_cell(self._ipython))
        asked = _Asked(what, live, config, options)

        def shown(reply: Reply) -> Answer:
            if options.output:
                self._ipython.user_ns[options.output] = reply
            return self._answer(reply, live, analyzed, asked.preview, notices)

        try:
            reply = live.follow(asked.answered(analyzed, instruction), shown)
        except KeyboardInterrupt:
            if not live.incoming.is_whole:
                is_kept = config.journal and "transcribing" in asked.steps
                self._gateway.output("").show(note_bundle(KEPT if is_kept else NOT_KEPT))
            raise
        self._gateway.shown.note(reply)
        return reply

    def _answer(
        self,
        reply: Reply,
        live: LiveAnswer,
        analyzed: Analyzed,
        preview: Preview | None,
        notices: tuple[str, ...],
    ) -> Answer:
        return answer_of(
            reply,
            source=analyzed.name,
            player=analyzed.player or (analyzed.name if preview else ""),
            preview=preview,
            notices=notices,
            seconds=live.seconds,
            first_token_s=live.incoming.first_token_s,
            is_deterministic=self._gateway.is_headless,
        )


class _Asked:
    """One analysis under way: what it has done, and what plays the moments that its answer names."""

    def __init__(self, what: str, live: LiveAnswer, config: GatewayConfig, options: ChatOptions) -> None:
        self._what = what
        self._live = live
        self._config = config
        self._options = options
        self.steps: set[str] = set()
        self.preview: Preview | None = None

    async def answered(self, analyzed: Analyzed, instruction: str) -> Reply:
        incoming, options = self._live.incoming, self._options
        async with analyzed.at_hand(self._config) as source:
            chunks = stream_analysis(
                source,
                instruction,
                self._config,
                system_prompt_prefix=options.system,
                on_progress=self._tell,
                **request_params(options),
            )
            await incoming.take_all(chunks, timeout_s=options.timeout_s)
            reply = incoming.reply()
            if not options.no_audio:
                self.preview = await preview_for(reply.text, source, self._config)
            return reply

    def _tell(self, progress: AnalysisProgress) -> None:
        self.steps.add(progress.step)
        report(Progress(f"{self._what}, {progress}"))
