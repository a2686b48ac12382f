"""One server under examination: what is known of it so far."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from ..answers.answers import is_about_key, parse_object
from ..client import forward_models
from ..config import LOCAL_BASE_URL, GatewayConfig
from ..exceptions import BudgetExceededError, GatewayError, UpstreamResponseError
from ..requests.model_names import ModelFields, audio_model, named, text_model
from ..requests.servers import AudioApi
from ..routing import audio_urls
from .findings import PROBES, Finding, Fix, Probe, State

GLANCE_S = 5.0  # for what costs a server nothing

OnFinding = Callable[[str, Finding], None]


@dataclass(slots=True)
class Probing:
    """What is known of a server so far.

    Attributes:
        url: its base URL.
        config: what is examined.
        on_finding: told of each finding, with the URL.
        patience_s: how long its model may take for an answer.
        models: names of the models that it offers.
        unfetched: those of them whose weights are not on this machine yet.
        headers: of its list of models.
        findings: what was found, by probe.
        audio_api: how it takes recordings.
        takes_json_schema: whether its answers keep to a schema.
    """

    url: str
    config: GatewayConfig
    on_finding: OnFinding
    patience_s: float
    models: tuple[str, ...] = ()
    unfetched: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    findings: dict[Probe, Finding] = field(default_factory=dict)
    audio_api: AudioApi | None = None
    takes_json_schema: bool | None = None

    @property
    def purposes(self) -> tuple[str, ...]:
        """What the server is asked for."""
        is_for = {"text": self.url in self.config.text_urls, "audio": self.url in audio_urls(self.config)}
        return tuple(purpose for purpose, is_asked in is_for.items() if is_asked)

    @property
    def glance(self) -> GatewayConfig:
        """The configuration for requests that are answered at once, or not at all."""
        return self._hurried(GLANCE_S)

    @property
    def patient(self) -> GatewayConfig:
        """The configuration for requests to a model."""
        return replace(self._hurried(self.patience_s), first_token_timeout_s=self.patience_s)

    @property
    def chat_model(self) -> dict[str, str]:
        """The field of a chat request that names the model, if it is named."""
        model: ModelFields = text_model if "text" in self.purposes else audio_model
        return named(model, self.url, self.config)

    def note(
        self, probe: Probe, state: State, detail: str = "", fix: Fix | None = None, **more: Any
    ) -> Finding:
        """Take note of a finding, and tell it."""
        finding = self.findings[probe] = Finding(probe, state, detail, fix, **more)
        self.on_finding(self.url, finding)
        return finding

    def note_end_of_budget(self, error: BudgetExceededError) -> None:
        """Take note that nothing more can be tried: the first probe that is left says why, and what to do."""
        first, *others = (probe for probe in PROBES if probe not in self.findings)
        self.note(first, "not tried", error.message, Fix(error.hint))
        for probe in others:
            self.note(probe, "not tried", "the budget has not enough left")

    def close(self) -> tuple[Finding, ...]:
        """All findings; what was left out was not tried, because of what failed or is not there."""
        stands_out = [found for found in self.findings.values() if found.state == "fails"]
        reason = f"{stands_out[0].probe} fails" if stands_out else "there is no chat"
        for probe in PROBES:
            if probe not in self.findings:
                self.note(probe, "not tried", reason)
        return tuple(self.findings[probe] for probe in PROBES)

    def _hurried(self, seconds: float) -> GatewayConfig:
        timeout_s = min(self.config.timeout_s, seconds)
        connect_s = min(self.config.connect_timeout_s, GLANCE_S)
        return replace(self.config, timeout_s=timeout_s, connect_timeout_s=connect_s)


async def has_embedded_engine(config: GatewayConfig) -> bool:
    """Whether the embedded engine is there to do what a server does not."""
    with suppress(GatewayError):
        parse_object(await forward_models(LOCAL_BASE_URL, config), LOCAL_BASE_URL, config)
        return True
    return False


def failed_for_its_key(error: GatewayError) -> bool:
    """Whether the server wants a key, or another one."""
    if not isinstance(error, UpstreamResponseError):
        return False
    return is_about_key(error.status_code, error.message.lower())
