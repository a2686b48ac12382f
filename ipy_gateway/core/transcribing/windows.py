"""A long recording cut into windows, at pauses where there are any."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from ..audio import UploadAudio
from ..config import GatewayConfig
from ..recordings.sound_stream import bytes_per_second, frame_bytes
from ..recordings.wav import plain_header
from .pauses import Cut, find_cut

MIN_WINDOW_S = 5.0  # less tells a speech model too little of what it hears
MAX_OVERLAP_S = 2.0  # longer than a word; the half of it belongs to each side
_OVERLAP_SHARE = 0.1
_SEARCHED_SHARE = 0.2
_MIN_REST_S = 1.0  # servers refuse a rest of next to nothing, or find in it what is not there
HEADER_BYTES = len(plain_header(0, 16_000, 1))


@dataclass(frozen=True, slots=True)
class Window:
    """A piece of a recording that is sent at once.

    Attributes:
        upload: what is sent: a WAV, or the whole recording as it is.
        start_s: where it begins, in seconds from the start of the recording.
        overlap_s: how much of its beginning the window before it has, too, because there was no pause.
        is_cut: whether its samples are at hand, so that it can be halved.
    """

    upload: UploadAudio
    start_s: float = 0.0
    overlap_s: float = 0.0
    is_cut: bool = True

    @property
    def duration_s(self) -> float:
        """Its length; 0 for a whole recording of unknown length."""
        return self.upload.duration_s or 0.0

    @property
    def end_s(self) -> float:
        """Where it ends, in seconds from the start of the recording."""
        return self.start_s + self.duration_s

    @property
    def can_be_halved(self) -> bool:
        """Whether its halves would still be windows."""
        return self.is_cut and self.duration_s >= 2 * MIN_WINDOW_S


async def windows_of(
    pieces: AsyncIterator[bytes], config: GatewayConfig, window_s: Callable[[], float]
) -> AsyncGenerator[Window, None]:
    """The windows of a recording, which depend on its samples and on `window_s` alone.

    Args:
        pieces: its samples.
        config: their rate and channels.
        window_s: how long the next window may be; asked when the one before it has been taken.
    """
    cutter = _Cutter(config)
    async for piece in pieces:
        cutter.add(piece)
        while cutter.buffered_s >= (length_s := window_s()) + _MIN_REST_S:
            yield await asyncio.to_thread(cutter.take, length_s)
    while cutter.buffered_s > (length_s := window_s()):
        yield await asyncio.to_thread(cutter.take, length_s)
    yield cutter.rest()


def halves(window: Window, config: GatewayConfig) -> tuple[Window, Window]:
    """A window in two, cut near its middle."""
    cutter = _Cutter(config, start_s=window.start_s, overlap_s=window.overlap_s)
    cutter.add(window.upload.data[HEADER_BYTES:])
    middle_s, around_s = window.duration_s / 2, window.duration_s * _SEARCHED_SHARE / 2
    first = cutter.take_between(middle_s - around_s, middle_s + around_s, heard_s=window.duration_s)
    return first, cutter.rest()


class _Cutter:
    """Samples in, windows out; it holds what is not yet in a window."""

    def __init__(self, config: GatewayConfig, *, start_s: float = 0.0, overlap_s: float = 0.0) -> None:
        self._rate, self._channels = config.audio_target_sr, config.audio_target_channels
        self._frame_bytes, self._bytes_per_second = frame_bytes(config), bytes_per_second(config)
        self._buffer = bytearray()
        self._start_frame = round(start_s * self._rate)
        self._overlap_frames = round(overlap_s * self._rate)

    @property
    def buffered_s(self) -> float:
        return len(self._buffer) / self._bytes_per_second

    def add(self, piece: bytes) -> None:
        self._buffer += piece

    def take(self, length_s: float) -> Window:
        """The next window, of this length or up to a fifth shorter."""
        end_s = min(length_s, self.buffered_s - _MIN_REST_S)
        return self.take_between(end_s - length_s * _SEARCHED_SHARE, end_s, heard_s=length_s)

    def take_between(self, earliest_s: float, latest_s: float, *, heard_s: float) -> Window:
        """The next window, which ends between two times; `heard_s` of it tell what is loud and what quiet."""
        overlap_s = min(MAX_OVERLAP_S, heard_s * _OVERLAP_SHARE)
        heard = bytes(memoryview(self._buffer)[: self._bytes(heard_s)])
        latest_s -= overlap_s / 2
        cut = find_cut(heard, self._rate, self._channels, start_s=earliest_s, end_s=latest_s)
        return self._cut(cut, 0 if cut.is_pause else round(overlap_s * self._rate))

    def rest(self) -> Window:
        return self._window(len(self._buffer) // self._frame_bytes)

    def _cut(self, cut: Cut, overlap_frames: int) -> Window:
        window = self._window(cut.frame + overlap_frames // 2)
        next_frame = cut.frame - overlap_frames // 2
        del self._buffer[: next_frame * self._frame_bytes]
        self._start_frame += next_frame
        self._overlap_frames = overlap_frames
        return window

    def _window(self, frames: int) -> Window:
        size_bytes = frames * self._frame_bytes
        header = plain_header(size_bytes, self._rate, self._channels)
        data = b"".join([header, memoryview(self._buffer)[:size_bytes]])
        upload = UploadAudio(data, "wav", frames / self._rate)
        return Window(upload, self._start_frame / self._rate, self._overlap_frames / self._rate)

    def _bytes(self, seconds: float) -> int:
        return round(seconds * self._rate) * self._frame_bytes
