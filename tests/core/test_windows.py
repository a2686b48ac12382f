"""How a recording becomes windows."""

from collections.abc import AsyncIterator

import pytest

from ipy_gateway import GatewayConfig
from ipy_gateway.core.transcribing.windows import MAX_OVERLAP_S, Window, halves, windows_of

from ..support.tones import RATE_HZ, spoken

CONFIG = GatewayConfig()
HEADER_BYTES = 44


async def in_pieces(samples: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


async def windows(samples: bytes, *, length_s: float = 30.0, piece_bytes: int = 100_000) -> list[Window]:
    found = windows_of(in_pieces(samples, piece_bytes), CONFIG, lambda: length_s)
    return [window async for window in found]


def without_overlaps(found: list[Window]) -> bytes:
    starts = [HEADER_BYTES + 2 * round(window.overlap_s * RATE_HZ) for window in found]
    return b"".join(window.upload.data[start:] for window, start in zip(found, starts, strict=True))


@pytest.mark.parametrize("pause_s", [0.5, 0.0])
@pytest.mark.parametrize("seconds", [1, 29, 30, 30.5, 31, 59.9, 61, 200])
async def test_windows_hold_every_sample(pause_s: float, seconds: float) -> None:
    samples = spoken(range(500), pause_s=pause_s, pause_every=5)[: int(seconds * RATE_HZ) * 2]

    found = await windows(samples)

    assert without_overlaps(found) == samples
    assert all(1 <= window.duration_s <= 30 for window in found)
    assert found[-1].end_s == pytest.approx(len(samples) / 2 / RATE_HZ)
    assert [window.start_s + window.overlap_s for window in found[1:]] == pytest.approx(
        [window.end_s for window in found[:-1]]
    )


async def test_windows_overlap_only_where_there_is_no_pause() -> None:
    with_pauses = await windows(spoken(range(300), pause_s=0.5, pause_every=5))
    without = await windows(spoken(range(300)))

    assert {window.overlap_s for window in with_pauses} == {0}
    assert {window.overlap_s for window in without[1:]} == {MAX_OVERLAP_S}


async def test_windows_do_not_depend_on_the_pieces() -> None:
    samples = spoken(range(300))

    assert await windows(samples, piece_bytes=1002) == await windows(samples, piece_bytes=10**9)


async def test_halves_hold_every_sample_of_the_window() -> None:
    window = (await windows(spoken(range(300))))[1]

    both = halves(window, CONFIG)

    assert without_overlaps(list(both)) == without_overlaps([window])
    assert both[0].overlap_s == window.overlap_s
    assert (both[0].start_s, both[1].end_s) == pytest.approx((window.start_s, window.end_s))
    assert all(0.35 < half.duration_s / window.duration_s < 0.7 for half in both)


async def test_a_short_window_is_not_halved() -> None:
    (window,) = await windows(spoken(range(20)))

    assert not window.can_be_halved
