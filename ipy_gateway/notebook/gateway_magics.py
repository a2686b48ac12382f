"""%gateway: how the servers are, what is configured, and how to change it."""

import dataclasses
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from traitlets import TraitError, observe

from ..core.config import GatewayConfig
from ..core.exceptions import ConfigurationError
from ..core.journal import empty_journal, journal_entries
from ..core.messages import TranscriptText
from ..core.status import server_statuses
from ..render.journal import journal_bundle
from ..render.results import changes_bundle, config_bundle, note_bundle, transcript_bundle
from ..render.status import models_bundle, status_bundle
from .batch_output import BatchOutput
from .display import Output, ShownValues, is_headless
from .kernel_loop import KernelLoop
from .live import LiveAnswer
from .loop import Bridge
from .recordings import Batch
from .settings import UNSET, SettingTraits, changed, configured, loop_named


@magics_class
class GatewayMagics(Magics, SettingTraits):
    """%gateway, and what all magics share: the configuration, the loop and the outputs."""

    def __init__(self, shell: InteractiveShell, config: GatewayConfig) -> None:
        self._config: GatewayConfig | None = None
        super().__init__(shell)
        self.shown = ShownValues(shell)
        self.shown.add_type(TranscriptText, transcript_bundle)
        self.shown.add_type(GatewayConfig, config_bundle)
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
        """Whether nobody watches, so that outputs have to be the same in each run."""
        return is_headless(self._ipython)

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
            %gateway journal                  show what is kept of transcripts; with words, those with them
            %gateway journal --empty          forget all of it
            %gateway loop kernel              run requests on the kernel's own event loop; "own" takes it back
            config = %gateway                 a value for `await transcribe_audio(data, config)`

        `%config GatewayMagics.timeout_s = 60` does the same as `set`, and so does, for all notebooks,
        `c.GatewayMagics.timeout_s = 60` in a profile's ipython_config.py.
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
            case ["loop", *names]:
                self._bridge = KernelLoop() if loop_named(names) == "kernel" else None
                whose = "the kernel's own event loop" if self._bridge else "a loop of their own"
                self.output("").show(note_bundle(f"From now on requests run on {whose}."))
                return None
            case [] | ["status"] if words or not self.is_headless:
                output = self.output("Asking the servers")
                statuses = output.wait_for(server_statuses(self.gateway_config))
                output.show(status_bundle(statuses, self.gateway_config))
            case [] | ["settings"]:
                self.output("").show(config_bundle(self.gateway_config))
            case _:
                before, self.gateway_config = self.gateway_config, changed(self.gateway_config, line)
                self.output("").show(changes_bundle(before, self.gateway_config))
        self.shown.note(self.gateway_config)
        return self.gateway_config

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
