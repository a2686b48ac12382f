"""A recording as the server that is going to get it takes it."""

from dataclasses import replace

from ..audio import UploadAudio, prepare_upload
from ..config import GatewayConfig
from ..routing import audio_urls, is_local


async def upload_of(audio_bytes: bytes, config: GatewayConfig) -> UploadAudio:
    """A recording after `prepare_upload`; the embedded engine, though, decodes every kind by itself.

    Raises: as `prepare_upload`.
    """
    is_auto = config.audio_preprocess_enabled == "auto"
    if is_auto and all(map(is_local, audio_urls(config))):
        config = replace(config, audio_preprocess_enabled=False)
    return await prepare_upload(audio_bytes, config)
