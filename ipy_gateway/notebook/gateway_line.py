"""What %gateway does: how the servers are, what is configured, and changes of it."""

from IPython.core.interactiveshell import InteractiveShell

from ..core.cassettes.tape import tape_in_use
from ..core.config import GatewayConfig
from ..core.doctor.status import server_statuses
from ..core.requests.budget import apply_everywhere, budget_of_process
from ..core.transcribing.journal import empty_journal, journal_entries
from ..render.budget import budget_bundle, budget_text
from ..render.journal import journal_bundle
from ..render.results import changes_bundle, note_bundle
from ..render.status import models_bundle, status_bundle
from . import cassettes
from .display import is_headless
from .examination import Examination
from .gateway_magics import GatewayMagics
from .kernel_loop import KernelLoop
from .lines.budget_line import budget_after
from .settings import changed, loop_named, names_in
from .shown_bundles import bundle_of


class GatewayLine:
    """A line of %gateway, for the magics of a shell."""

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        self._ipython = shell
        self._gateway = gateway

    def follow(self, line: str) -> GatewayConfig | None:
        """Do what the line says, and give the configuration, or None where the line is not about it."""
        match line.split():
            case ["models"]:
                self._show_models()
            case ["journal", *words]:
                self._journal(words)
            case ["record" | "replay", *_]:
                self._gateway.output("").show(note_bundle(cassettes.follow(line)))
            case ["doctor", *servers]:
                config, bridge = self._gateway.gateway_config, self._gateway.bridge
                examination = Examination(self._ipython, config, servers, bridge)
                examination.run(is_deterministic=self._gateway.is_headless)
            case ["budget", *words]:
                apply_everywhere(budget_after(words, budget_of_process()))
                self._gateway.output("").show(budget_bundle(budget_of_process()))
            case ["loop", *names]:
                self._choose_loop(names)
            case _:
                return self._configuration(line)
        return None

    def _configuration(self, line: str) -> GatewayConfig:
        gateway = self._gateway
        match line.split():
            case ["status"]:
                self._show_status()
            case [] if not is_headless(self._ipython):
                self._show_status()
            case [] | ["settings"]:
                gateway.output("").show(bundle_of(gateway.gateway_config))
            case _:
                before, gateway.gateway_config = gateway.gateway_config, changed(gateway.gateway_config, line)
                # What is replayed may begin with other settings than it was recorded with.
                named = names_in(line) if tape_in_use() else None
                gateway.output("").show(changes_bundle(before, gateway.gateway_config, named=named))
        gateway.shown.note(gateway.gateway_config)
        return gateway.gateway_config

    def _show_status(self) -> None:
        config = self._gateway.gateway_config
        output = self._gateway.output("Asking the servers")
        statuses = output.wait_for(server_statuses(config))
        output.show(status_bundle(statuses, config, notes=self._notes()))

    def _notes(self) -> list[str]:
        """What is to be known of the session."""
        budget = budget_of_process()
        spent = budget_text(budget) if budget else ""
        taped = "" if is_headless(self._ipython) else cassettes.state()
        return [note for note in (spent, taped) if note]

    def _show_models(self) -> None:
        output = self._gateway.output("Asking for models")
        statuses = output.wait_for(server_statuses(self._gateway.gateway_config))
        self._gateway.output("").show(models_bundle(statuses))

    def _journal(self, words: list[str]) -> None:
        if words == ["--empty"]:
            count = empty_journal()
            note = note_bundle(f"The journal is empty now; it held {count} pieces.")
            self._gateway.output("").show(note)
        else:
            self._gateway.output("").show(journal_bundle(journal_entries(" ".join(words))))

    def _choose_loop(self, names: list[str]) -> None:
        self._gateway.bridge = KernelLoop() if loop_named(names) == "kernel" else None
        whose = "the kernel's own event loop" if self._gateway.bridge else "a loop of their own"
        self._gateway.output("").show(note_bundle(f"From now on requests run on {whose}."))
