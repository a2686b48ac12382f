"""How loud a recording is over its time, in a fixed amount of memory however long it is."""

from itertools import pairwise

SAMPLE_RATE_HZ = 8_000
# ffmpeg's name for samples of one byte, finer where it is quiet (ITU-T G.711): quiet speech keeps its shape.
CODEC = "pcm_mulaw"

_PART_SAMPLES = 80  # 10 ms
_RANKS = bytes(~code & 0x7F for code in range(256))  # a code without its sign: the louder, the larger
_MAGNITUDES = tuple(((2 * (rank & 15) + 33) << (rank >> 4)) - 33 for rank in range(128))  # 0 to 8031
_SILENCE = 32  # the noise of a silent room is not drawn as tall as speech


class Peaks:
    """The loudness of a recording in parts of the same length: the mean of its peaks of 10 ms."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._samples = 0
        self._rest = b""
        self._sums: list[int] = []
        self._peaks_per_sum = 1
        self._open_sum, self._open_peaks = 0, 0

    def add(self, samples: bytes) -> None:
        """Take the next samples, in mu-law."""
        self._samples += len(samples)
        ranks = self._rest + samples.translate(_RANKS)
        stop = len(ranks) - len(ranks) % _PART_SAMPLES
        for start in range(0, stop, _PART_SAMPLES):
            self._take(_MAGNITUDES[max(ranks[start : start + _PART_SAMPLES])])
        self._rest = ranks[stop:]

    @property
    def duration_s(self) -> float:
        """Length of what was taken."""
        return self._samples / SAMPLE_RATE_HZ

    @property
    def numbers(self) -> bytes:
        """One number for each part: 255 for the loudest, 0 for silence. A short recording has fewer parts."""
        means = [peaks / self._peaks_per_sum for peaks in self._sums]
        if self._open_peaks:
            means.append(self._open_sum / self._open_peaks)
        count = min(self._count, len(means))
        edges = [position * len(means) // count for position in range(count + 1)] if count else []
        parts = [sum(means[start:stop]) / (stop - start) for start, stop in pairwise(edges)]
        loudest = max([_SILENCE, *parts])
        return bytes(round(255 * part / loudest) for part in parts)

    def _take(self, peak: int) -> None:
        self._open_sum += peak
        self._open_peaks += 1
        if self._open_peaks < self._peaks_per_sum:
            return
        self._sums.append(self._open_sum)
        self._open_sum, self._open_peaks = 0, 0
        if len(self._sums) == 2 * self._count:
            self._sums = [left + right for left, right in zip(self._sums[::2], self._sums[1::2], strict=True)]
            self._peaks_per_sum *= 2
