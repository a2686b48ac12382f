"""The doctor: tries out all that the servers of a configuration can do, and says what to change."""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from ..answers.answers import parse_object
from ..client import forward
from ..config import GatewayConfig
from ..exceptions import BudgetExceededError, UpstreamError
from ..loop_clients import Connections
from ..printable import printable
from ..requests.server_memory import KnownServer, known_server, remember
from ..requests.servers import board
from ..routing import audio_urls, is_local
from .findings import ServerReport
from .other_addresses import USUAL_PORTS
from .probe_address import probe_address
from .probe_audio import probe_audio
from .probe_chat import probe_chat
from .probing import OnFinding, Probing

PATIENCE_S = 30.0  # a small model on a slow machine, with a few tokens to write
MAX_VERSION_CHARACTERS = 60


async def diagnose(
    config: GatewayConfig,
    *,
    on_finding: OnFinding = lambda url, finding: None,
    patience_s: float = PATIENCE_S,
    usual_ports: Sequence[int] = USUAL_PORTS,
) -> tuple[ServerReport, ...]:
    """Try out every server of a configuration: whether it is reached, chats and hears, and how.

        for report in await diagnose(config):
            for finding in report.findings:
                print(report.url, finding.probe, finding.state, finding.detail, finding.fix)

    All are asked at the same time, each for a few short answers and about a second of sound. What is wrong
    is told as findings; nothing is raised. How a server takes recordings, and whether its answers keep to a
    JSON schema, is remembered in a file of the user.

    Args:
        config: the servers, as they are asked otherwise.
        on_finding: told of each finding as it is made, with the URL of the server.
        patience_s: how long a model may take for one short answer; all else gets five seconds.
        usual_ports: where another server may listen on this computer, when one is missing there.
    """
    urls = dict.fromkeys([*config.text_urls, *audio_urls(config)])
    async with Connections():  # of its own: none that was opened as the environment was before
        probings = [Probing(url, config, on_finding, patience_s) for url in urls]
        examinations = (_examine(one, usual_ports) for one in probings)
        return tuple(await asyncio.gather(*examinations))


async def _examine(probing: Probing, ports: Sequence[int]) -> ServerReport:
    version = ""
    try:
        if await probe_address(probing, ports):
            version = await _version(probing)
            await probe_chat(probing)
            if "key" not in probing.findings or probing.findings["key"].state != "fails":
                await probe_audio(probing)
    except BudgetExceededError as error:  # which says nothing of the server
        probing.note_end_of_budget(error)
    report = ServerReport(
        probing.url,
        probing.purposes,
        probing.close(),
        version=version,
        audio_api=probing.audio_api,
        takes_json_schema=probing.takes_json_schema,
    )
    _remember(report)
    return report


async def _version(probing: Probing) -> str:
    """What the server says of itself, and a hash of its models: with others it is another server."""
    if is_local(probing.url):
        return ""
    parts = urlsplit(probing.url)
    origin = f"{parts.scheme}://{parts.netloc}"
    props, version = await asyncio.gather(
        *(_object_at(f"{origin}/{path}", probing) for path in ("props", "version"))
    )
    said = [props.get("build_info"), version.get("version"), probing.headers.get("server")]
    name = next((text for text in said if isinstance(text, str) and text), "")
    models = hashlib.sha256("\n".join(probing.models).encode()).hexdigest()[:8]
    return f"{printable(name)[:MAX_VERSION_CHARACTERS]} models:{models}".strip()


async def _object_at(address: str, probing: Probing) -> Mapping[str, Any]:
    with suppress(UpstreamError):
        return parse_object(await forward("GET", address, "", probing.glance), address, probing.config)
    return {}


def _remember(report: ServerReport) -> None:
    """Keep what was found, for requests of this process and of later ones."""
    if is_local(report.url) or not report.version:
        return
    before = known_server(report.url, version=report.version) or KnownServer(report.url, report.version)
    was_heard = report["transcriptions"].state != "not tried"
    schema = report.takes_json_schema
    remember(
        replace(
            before,
            audio_api=report.audio_api if was_heard else before.audio_api,
            takes_json_schema=before.takes_json_schema if schema is None else schema,
        )
    )
    if report.audio_api:
        board.learn_audio_api(report.url, report.audio_api)
