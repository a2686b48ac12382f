"""%gateway: how the servers are, what is configured, and how to change it."""

import dataclasses
from typing import Any

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from traitlets import TraitError, observe

from ..core.budget import apply_everywhere, budget_of_process
from ..core.config import GatewayConfig
from ..core.exceptions import ConfigurationError
from ..core.journal import empty_journal, journal_entries
from ..core.messages import TranscriptText
from ..core.status import server_statuses
from ..core.tape import tape_in_use
from ..render.budget import budget_bundle, budget_text
from ..render.bundle import Bundle
from ..render.journal import journal_bundle
from ..render.results import changes_bundle, config_bundle, note_bundle, transcript_bundle
from ..render.status import models_bundle, status_bundle
from . import cassettes
from .batch_output import BatchOutput
from .budget_line import budget_after
from .display import Output, ShownValues, is_headless
from .examination import Examination
from .kernel_loop import KernelLoop
from .live import LiveAnswer
from .loop import Bridge
from .recordings import Batch
from .settings import UNSET, SettingTraits, changed, configured, loop_named, names_in


@magics_class
class GatewayMagics(Magics, SettingTraits):
    """%gateway, and what all magics share: the configuration, the loop and the outputs."""

    def __init__(self, shell: InteractiveShell, config: GatewayConfig) -> None:
        self._config: GatewayConfig | None = None
        super().__init__(shell)
        self.shown = ShownValues(shell)
        self.shown.add_type(TranscriptText, transcript_bundle)
        self.shown.add_type(GatewayConfig, _config_bundle)
        self._bridge: Bridge | None = None
        self.gateway_config = configured(config, self)

    @property
    def gateway_config(self) -> GatewayConfig:
        """What the magics use."""
        assert self._config
        return self._config

    @gateway_config.setter
    def gateway_config(self, config: GatewayConfig) -> None:
        self._config = None  # the observer below has nothing to do
        for name in self.setting_names():
            setattr(self, name, getattr(config, name))
        self._config = config

    @property
    def bridge(self) -> Bridge | None:
        """Where requests run, None for the gateway's own loop."""
        return self._bridge

    @property
    def is_headless(self) -> bool:
        """Whether outputs have to be the same in each run: nobody watches, or it is recorded or replayed."""
        return is_headless(self._ipython) or tape_in_use() is not None

    def output(self, what: str) -> Output:
        """The output of a magic, with what it says while it waits."""
        return Output(self._ipython, what, self._bridge)

    def batch_output(self, what: str, batch: Batch) -> BatchOutput:
        """The output of recordings, with how far they have come."""
        return BatchOutput(self._ipython, what, batch, self._bridge)

    def live_answer(self, what: str, *, owns_cell: bool) -> LiveAnswer:
        """The output of a chat, with what it says until the answer begins."""
        return LiveAnswer(self._ipython, what, self._bridge, owns_cell=owns_cell)

    @line_magic
    def gateway(self, line: str) -> GatewayConfig | None:
        """Show how the servers are and what is configured, or change it; returns the configuration.

        Usage::

            %gateway                          ask the servers how they are, and show it
            %gateway models                   list the models of all servers
            %gateway settings                 show all settings
            %gateway http://localhost:8080    ask this server from now on, for text and for audio
            %gateway local://engine           ask the embedded engine: nothing leaves this computer
            %gateway http://a:80 http://b:80  ask two servers that do the same: whichever is free, and works
            %gateway set timeout_s=60         change settings, see help(GatewayConfig)
            %gateway key                      type in the key of the server that is configured
            %gateway key audio                the same for the server that audio_base_url names
            %gateway journal                  show what is kept of transcripts; with words, those with them
            %gateway journal --empty          forget all of it
            %gateway record lesson.json       keep every exchange in a file, without keys and sound
            %gateway replay lesson.json       answer from that file: nothing is sent; "off" ends either
            %gateway doctor                   try out all that the servers can do, and say what to change
            %gateway doctor http://host:80    the same for a server that is not configured
            %gateway loop kernel              run requests on the kernel's own event loop; "own" takes it back
            %gateway budget 200k tokens       spend no more from now on; also: requests, audio minutes
            %gateway budget                   show what is spent; "off" takes the budget back
            config = %gateway                 a value for `await transcribe_audio(data, config)`

        `%config GatewayMagics.timeout_s = 60` does the same as `set`, and so does, for all notebooks,
        `c.GatewayMagics.timeout_s = 60` in a profile's ipython_config.py. Where IPY_GATEWAY_REPLAY names a
        recorded file when the extension is loaded, answers come from there, and nothing is recorded: so a
        notebook runs in CI as it is, without its servers.
        """
        words = line.split()
        match words:
            case ["models"]:
                statuses = self.output("Asking for models").wait_for(server_statuses(self.gateway_config))
                self.output("").show(models_bundle(statuses))
                return None
            case ["journal", *words_sought]:
                self._journal(words_sought)
                return None
            case ["record" | "replay", *_]:
                self.output("").show(note_bundle(cassettes.follow(line)))
                return None
            case ["doctor", *servers]:
                examination = Examination(self._ipython, self.gateway_config, servers, self._bridge)
                examination.run(is_deterministic=self.is_headless)
                return None
            case ["budget", *words_of_budget]:
                apply_everywhere(budget_after(words_of_budget, budget_of_process()))
                self.output("").show(budget_bundle(budget_of_process()))
                return None
            case ["loop", *names]:
                self._bridge = KernelLoop() if loop_named(names) == "kernel" else None
                whose = "the kernel's own event loop" if self._bridge else "a loop of their own"
                self.output("").show(note_bundle(f"From now on requests run on {whose}."))
                return None
            case [] | ["status"] if words or not is_headless(self._ipython):
                output = self.output("Asking the servers")
                statuses = output.wait_for(server_statuses(self.gateway_config))
                output.show(status_bundle(statuses, self.gateway_config, notes=self._notes()))
            case [] | ["settings"]:
                self.output("").show(_config_bundle(self.gateway_config))
            case _:
                before, self.gateway_config = self.gateway_config, changed(self.gateway_config, line)
                # What is replayed may begin with other settings than it was recorded with.
                named = names_in(line) if tape_in_use() else None
                self.output("").show(changes_bundle(before, self.gateway_config, named=named))
        self.shown.note(self.gateway_config)
        return self.gateway_config

    def _notes(self) -> list[str]:
        """What is to be known of the session."""
        budget = budget_of_process()
        spent = budget_text(budget) if budget else ""
        taped = "" if is_headless(self._ipython) else cassettes.state()
        return [note for note in (spent, taped) if note]

    def _journal(self, words: list[str]) -> None:
        if words == ["--empty"]:
            count = empty_journal()
            self.output("").show(note_bundle(f"The journal is empty now; it held {count} pieces."))
        else:
            self.output("").show(journal_bundle(journal_entries(" ".join(words))))

    def close(self) -> None:
        """Take back what was added to the shell, other than the magics themselves."""
        self.shown.close()

    @observe(*SettingTraits.setting_names())
    def _use_setting(self, change: Any) -> None:
        """`%config GatewayMagics.timeout_s = 60`."""
        if self._config is None or change.new is UNSET:
            return
        try:
            self.gateway_config = dataclasses.replace(self._config, **{change.name: change.new})
        except ConfigurationError as error:
            self.gateway_config = self._config
            raise TraitError(str(error)) from error

    @property
    def _ipython(self) -> InteractiveShell:
        assert self.shell
        return self.shell


def _config_bundle(config: GatewayConfig) -> Bundle:
    """The settings; what is replayed needs no keys, and is to look as it did with them."""
    return config_bundle(config, shows_keys=tape_in_use() is None)


def notebook_config() -> GatewayConfig:
    """What the magics of the running notebook use; without them, what the environment says."""
    shell = get_ipython()
    loaded = [one for one in getattr(shell, "configurables", ()) if isinstance(one, GatewayMagics)]
    return loaded[0].gateway_config if loaded else GatewayConfig.from_env()
