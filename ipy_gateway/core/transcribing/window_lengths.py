"""How long a window may be, and how many of them a server takes at once."""

from collections.abc import Sequence

from ..config import GatewayConfig
from ..exceptions import AudioProcessingError
from ..recordings.sound_stream import bytes_per_second
from ..requests.servers import AudioApi
from ..routing import audio_urls, is_local
from .windows import HEADER_BYTES, MIN_WINDOW_S

CHAT_WINDOW_S = 30.0  # many audio models that chat leave out what comes after, and say nothing of it
ENDPOINT_WINDOW_S = 60.0  # two megabytes, where 25 are taken: four are in memory at once
LOCAL_WINDOW_S = 300.0  # it listens in windows of its own; progress and an interrupted run go by these


def known_way(config: GatewayConfig) -> AudioApi | None:
    """The way in which all servers are asked, or None where that has to be found out."""
    if config.audio_api != "auto":
        return config.audio_api
    return "transcriptions" if all(map(is_local, audio_urls(config))) else None


def longest_window_s(config: GatewayConfig, way: AudioApi | None) -> float:
    """How long a window may be.

    Args:
        config: `window_s` and `audio_max_upload_bytes`.
        way: how the servers take recordings, or None where that is not known.

    Raises:
        AudioProcessingError: "audio_too_large"; the configuration leaves no room for a window.
    """
    way = known_way(config) or way
    wanted_s = config.window_s or _usual_window_s(config, way)
    room_s = (config.audio_max_upload_bytes - HEADER_BYTES) / bytes_per_second(config)
    if room_s < MIN_WINDOW_S:
        raise AudioProcessingError(
            f"A piece of a recording of {MIN_WINDOW_S:g} s is larger than the limit, "
            f"{config.audio_max_upload_bytes:,} bytes.",
            "Raise audio_max_upload_bytes.",
            error_type="audio_too_large",
        )
    return min(wanted_s, room_s)


def _usual_window_s(config: GatewayConfig, way: AudioApi | None) -> float:
    if way != "transcriptions":
        return CHAT_WINDOW_S
    return LOCAL_WINDOW_S if all(map(is_local, audio_urls(config))) else ENDPOINT_WINDOW_S


def windows_at_once(config: GatewayConfig) -> int:
    """How many windows all servers together take at once; the embedded engine hears one after the other."""
    return requests_at_once(audio_urls(config), config)


def requests_at_once(urls: Sequence[str], config: GatewayConfig) -> int:
    """How many requests these servers take at once; the embedded engine answers one after the other."""
    return sum(1 if is_local(url) else config.max_requests for url in urls)
