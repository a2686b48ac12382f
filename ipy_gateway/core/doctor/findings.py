"""What the doctor finds at a server: what works, what does not, and what to change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from ..config import GatewayConfig
from ..requests.servers import AudioApi

Probe = Literal[
    "proxy",
    "TLS",
    "URL",
    "key",
    "models",
    "chat",
    "stream",
    "usage",
    "JSON schema",
    "speed",
    "audio in chat",
    "transcriptions",
    "formats",
]
State = Literal["works", "fails", "not offered", "not tried"]
PROBES: tuple[Probe, ...] = get_args(Probe)


@dataclass(frozen=True, slots=True)
class Fix:
    """What makes something work that does not.

    Attributes:
        advice: one imperative sentence.
        settings: of GatewayConfig, with the values to give them.
        key: the setting for a key that only the user knows, "api_key" or "audio_api_key", or "".
        variables: of the environment, with the values to give them.
    """

    advice: str
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    key: Literal["", "api_key", "audio_api_key"] = ""
    variables: Mapping[str, str] = field(default_factory=dict, hash=False)

    def applied_to(self, config: GatewayConfig, *, key: str | None = None) -> GatewayConfig:
        """The configuration with these settings; variables are the environment's, and stay as they are.

        Args:
            config: what was examined.
            key: the key, where one is missing.
        """
        given: dict[str, Any] = {self.key: key} if self.key and key else {}
        return replace(config, **{**self.settings, **given})


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a server wrote a short answer; it varies with all else that the server does.

    Attributes:
        first_token_s: seconds from the request to the first word.
        tokens_per_s: tokens in a second from then on, or None where there were too few to tell.
    """

    first_token_s: float
    tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one probe.

    Attributes:
        probe: what was tried.
        state: "works", "fails", "not offered" by a server that is well otherwise, or "not tried".
        detail: what is known of it, or why it is so; a few words or a sentence.
        fix: what to change, or None where nothing has to be.
        speed: what was measured, for the probe "speed".
    """

    probe: Probe
    state: State
    detail: str = ""
    fix: Fix | None = None
    speed: Speed | None = None


@dataclass(frozen=True, slots=True)
class ServerReport:
    """All that was found at a server.

    Attributes:
        url: its base URL.
        purposes: what it is asked for: "text", "audio" or both.
        findings: one for each probe, in the order of `PROBES`.
        version: what tells this server from the next that answers at its URL, or "".
        audio_api: how it takes recordings, or None where it does not, or nobody knows.
        takes_json_schema: whether its answers keep to a JSON schema, or None where nobody knows.
    """

    url: str
    purposes: tuple[str, ...]
    findings: tuple[Finding, ...]
    version: str = ""
    audio_api: AudioApi | None = None
    takes_json_schema: bool | None = None

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to change."""
        return not self.fixes and not any(found.state == "fails" for found in self.findings)

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """All that there is to change."""
        return tuple(found.fix for found in self.findings if found.fix)

    def __getitem__(self, probe: Probe) -> Finding:
        return next(found for found in self.findings if found.probe == probe)
