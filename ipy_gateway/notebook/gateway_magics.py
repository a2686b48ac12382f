"""%gateway, and what all magics share; what they do is imported when it is first asked for."""

import dataclasses
from typing import TYPE_CHECKING, Any

from IPython import get_ipython
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, line_magic, magics_class
from traitlets import TraitError, observe

from ..core.exceptions import ConfigurationError
from .settings import SettingTraits, configured
from .shown_values import ShownValues

if TYPE_CHECKING:
    from ..core.config import GatewayConfig
    from .batch_output import BatchOutput
    from .chat.live import LiveAnswer
    from .display import Output
    from .loop import Bridge
    from .recordings import Batch


@magics_class
class GatewayMagics(Magics, SettingTraits):
    """%gateway, and what all magics share: the configuration, the loop and the outputs.

    Attributes:
        shown: values that are shown at the end of a cell.
        bridge: where requests run, None for the gateway's own loop.
    """

    def __init__(self, shell: InteractiveShell, config: "GatewayConfig | None") -> None:
        self._config = config
        self._is_observing = False
        super().__init__(shell)
        self.shown = ShownValues(shell)
        self.bridge: Bridge | None = None
        self._is_observing = True
        given = self.given_settings()
        if config or given:
            self.gateway_config = configured(self._known_config(), given)

    @property
    def gateway_config(self) -> "GatewayConfig":
        """What the magics use; where nothing is configured, it is made when it is first wanted."""
        return self._known_config()

    @gateway_config.setter
    def gateway_config(self, config: "GatewayConfig") -> None:
        self._config = config
        self._is_observing = False
        for name in self.setting_names():
            setattr(self, name, getattr(config, name))
        self._is_observing = True

    @property
    def is_configured(self) -> bool:
        """Whether there is more than the defaults, or may be."""
        return self._config is not None

    def value_of_setting(self, name: str) -> Any:
        """What the configuration says."""
        return getattr(self.gateway_config, name)

    @property
    def is_headless(self) -> bool:
        """Whether outputs have to be the same in each run: nobody watches, or it is recorded or replayed."""
        from ..core.cassettes.tape import tape_in_use
        from .display import is_headless

        return is_headless(self._ipython) or tape_in_use() is not None

    def output(self, what: str) -> "Output":
        """The output of a magic, with what it says while it waits."""
        from .display import Output

        return Output(self._ipython, what, self.bridge)

    def batch_output(self, what: str, batch: "Batch") -> "BatchOutput":
        """The output of recordings, with how far they have come."""
        from .batch_output import BatchOutput

        return BatchOutput(self._ipython, what, batch, self.bridge)

    def live_answer(self, what: str, *, owns_cell: bool) -> "LiveAnswer":
        """The output of a chat, with what it says until the answer begins."""
        from .chat.live import LiveAnswer

        return LiveAnswer(self._ipython, what, self.bridge, owns_cell=owns_cell)

    @line_magic
    def gateway(self, line: str) -> "GatewayConfig | None":
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
            %gateway record lesson.json       keep every exchange in a file, without keys or sound; "off" ends
            %gateway replay lesson.json       answer from that file: nothing is sent; "off" ends
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
        from .gateway_line import GatewayLine

        return GatewayLine(self._ipython, self).follow(line)

    def close(self) -> None:
        """Take back what was added to the shell, other than the magics themselves."""
        self.shown.close()

    @observe(*SettingTraits.setting_names())
    def _use_setting(self, change: Any) -> None:
        """`%config GatewayMagics.timeout_s = 60`."""
        if not self._is_observing:
            return
        try:
            self.gateway_config = dataclasses.replace(self.gateway_config, **{change.name: change.new})
        except ConfigurationError as error:
            self.gateway_config = self.gateway_config  # the traits, as they were
            raise TraitError(str(error)) from error

    def _known_config(self) -> "GatewayConfig":
        if self._config is None:
            from ..core.config import GatewayConfig

            self._config = GatewayConfig()
        return self._config

    @property
    def _ipython(self) -> InteractiveShell:
        assert self.shell
        return self.shell


def notebook_config() -> "GatewayConfig":
    """What the magics of the running notebook use; without them, what the environment says."""
    from ..core.config import GatewayConfig

    shell = get_ipython()
    loaded = [one for one in getattr(shell, "configurables", ()) if isinstance(one, GatewayMagics)]
    return loaded[0].gateway_config if loaded else GatewayConfig.from_env()
