"""What the doctor found out about servers, kept in a file of the user for the next time."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from ..cassettes.tape import tape_in_use
from ..exceptions import GatewayError
from ..files.user_data import data_folder
from ..files.whole_files import replace_file
from .servers import AudioApi

VARIABLE = "IPY_GATEWAY_SERVERS_FILE"
MAX_SERVERS = 200  # loopback ports come and go
MAX_BYTES = 1_000_000  # somebody else's file is not read to its end


@dataclass(frozen=True, slots=True)
class KnownServer:
    """What is known of a server.

    Attributes:
        url: its base URL.
        version: which server it was: another version at the same URL is found out about anew.
        audio_api: how it takes recordings, or None.
        takes_json_schema: whether its answers keep to a JSON schema, or None where nobody knows.
        seen: the day on which that was found, in ISO 8601.
    """

    url: str
    version: str
    audio_api: AudioApi | None = None
    takes_json_schema: bool | None = None
    seen: str = ""


def known_server(url: str, *, version: str | None = None) -> KnownServer | None:
    """What is kept of a server, or None; a file that can't be read holds nothing.

    While exchanges are recorded or replayed nothing is known: what is found out belongs into the cassette.

    Args:
        url: its base URL.
        version: which server it is now, where that is known: what is kept of another one does not count.
    """
    found = _read().get(_name(url))
    return found if found and version in (None, found.version) else None


def takes_json_schema(url: str) -> bool | None:
    """Whether the answers of a server keep to a JSON schema, as far as the doctor found out; None if not.

    Args:
        url: its base URL.
    """
    known = known_server(url)
    return known.takes_json_schema if known else None


def kept_audio_api(url: str) -> AudioApi | None:
    """How a server took recordings when the doctor saw it, or None."""
    known = known_server(url)
    return known.audio_api if known else None


def remember(server: KnownServer) -> None:
    """Keep what was found; where there is no place for it, it is found out again next time."""
    if tape_in_use():
        return
    today = datetime.now(UTC).date().isoformat()
    servers = _read()
    servers.pop(_name(server.url), None)  # the latest stands last
    servers[_name(server.url)] = replace(server, url=_name(server.url), seen=today)
    _write(servers)


def correct_audio_api(url: str, api: AudioApi) -> None:
    """The server takes recordings otherwise than is kept of it: it is another one, or has changed."""
    known = known_server(url)
    if known and known.audio_api != api:
        remember(replace(known, audio_api=api))


def _name(url: str) -> str:
    return url.rstrip("/")


def _path() -> Path:
    given = os.environ.get(VARIABLE)
    return Path(given).expanduser() if given else data_folder() / "ipy_gateway" / "servers.json"


def _read() -> dict[str, KnownServer]:
    if tape_in_use():
        return {}
    with contextlib.suppress(OSError, ValueError, RecursionError, RuntimeError):  # RuntimeError: no home
        with _path().open("rb") as file:
            kept = json.loads(file.read(MAX_BYTES))
        if isinstance(kept, list):
            return {server.url: server for server in filter(None, map(_server_in, kept))}
    return {}


def _server_in(item: Any) -> KnownServer | None:
    """A server as it is kept, or None where that makes no sense."""
    if not isinstance(item, dict) or not all(isinstance(item.get(name), str) for name in ("url", "version")):
        return None
    api, schema = item.get("audio_api"), item.get("takes_json_schema")
    return KnownServer(
        item["url"],
        item["version"],
        audio_api=api if api in get_args(AudioApi) else None,
        takes_json_schema=schema if isinstance(schema, bool) else None,
        seen=str(item.get("seen", "")),
    )


def _write(servers: dict[str, KnownServer]) -> None:
    kept = [asdict(server) for server in list(servers.values())[-MAX_SERVERS:]]
    with contextlib.suppress(OSError, RuntimeError, GatewayError):
        path = _path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, json.dumps(kept, indent=1).encode())
