"""%gateway doctor: the servers tried out, with what is found shown while it is found."""

from collections.abc import Sequence

from IPython.core.interactiveshell import InteractiveShell

from ..core.config import GatewayConfig
from ..core.doctor.doctor import diagnose
from ..core.doctor.findings import Finding
from ..render.doctor import doctor_bundle, examination_bundle
from .display import Output
from .loop import Bridge
from .settings import asking


class Examination(Output):
    """The output of `%gateway doctor`: what was found so far, then all of it with what to do.

    Args:
        shell: where it is shown.
        config: what is configured, and examined unless servers are named.
        servers: URLs that are examined in their place, if any.
        bridge: where the work runs; by default the gateway's own loop.
    """

    def __init__(
        self,
        shell: InteractiveShell,
        config: GatewayConfig,
        servers: Sequence[str] = (),
        bridge: Bridge | None = None,
    ) -> None:
        super().__init__(shell, "Trying out the servers", bridge)
        self._examined = asking(config, servers, _address_meant_by) if servers else config
        is_configured = self._examined.text_urls == config.text_urls
        self._url = "" if is_configured else " ".join(self._examined.text_urls)
        self._found: dict[str, list[Finding]] = {}

    def run(self, *, is_deterministic: bool) -> None:
        """Examine, and show it; the states stay the same where the servers do."""
        reports = self.wait_for(diagnose(self._examined, on_finding=self._note_finding))
        self.show(doctor_bundle(reports, self._examined, url=self._url, is_deterministic=is_deterministic))

    def _note_finding(self, url: str, finding: Finding) -> None:
        self._found.setdefault(url, []).append(finding)

    def _repaint(self) -> None:
        if self._is_time():
            found = {url: list(findings) for url, findings in list(self._found.items())}
            self._replace(examination_bundle(found, seconds=self.seconds))


def _address_meant_by(word: str) -> str:
    return f"Write %gateway doctor http://{word}, or %gateway doctor for the servers that are configured."
