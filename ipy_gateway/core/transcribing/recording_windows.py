"""A recording of any kind cut into windows, or left whole where nothing here can decode it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ..config import GatewayConfig
from ..exceptions import AudioProcessingError
from ..files.random_access import Bytes
from ..recordings.ffmpeg_command import find_ffmpeg
from ..recordings.recording_kinds import Recording
from ..recordings.sound_stream import is_as_sent, sound_of
from ..recordings.uploads import upload_of
from ..routing import audio_urls, is_local
from .windows import Window, windows_of

_TAKEN_BY_EVERY_SERVER = ("mp3", "pcm_s16le")


async def recording_windows(
    content: Bytes, recording: Recording, config: GatewayConfig, window_s: Callable[[], float]
) -> AsyncGenerator[Window, None]:
    """The windows of a recording, or all of it as one where it can't be cut.

    Args:
        content: the recording.
        recording: what it was recognized as.
        config: rate and channels of the windows, and how to convert.
        window_s: as in `windows_of`.

    Raises:
        AudioProcessingError: it can't be used, or is longer than a day.
    """
    if await _goes_whole(content, recording, config):
        yield Window(await upload_of(content[:], config), is_cut=False)
        return
    sound = sound_of(content, recording, config)
    windows = windows_of(sound, config, window_s)
    async with aclosing(sound), aclosing(windows):
        async for window in windows:
            yield window


async def _goes_whole(content: Bytes, recording: Recording, config: GatewayConfig) -> bool:
    """Whether a recording is sent as it is, because nothing is here, or wanted, to decode it."""
    if is_as_sent(recording, config):
        return False
    if config.audio_preprocess_enabled is False:
        return True
    try:
        await asyncio.to_thread(find_ffmpeg, config.ffmpeg_bin)
    except AudioProcessingError:
        is_local_alone = all(map(is_local, audio_urls(config)))
        is_taken = is_local_alone or recording.codec in _TAKEN_BY_EVERY_SERVER
        if not is_taken or len(content) > config.audio_max_upload_bytes:
            raise
        return True
    return False
