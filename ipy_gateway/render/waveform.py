"""The waveform of a recording as a small picture that reads on light and on dark."""

import struct
import zlib

HEIGHT_PIXELS = 48
_GREY = bytes([0x80, 0x80, 0x80])  # has a contrast of 3.9 to white and 5.3 to black


def waveform_png(peaks: bytes) -> bytes:
    """A PNG (RFC 2083) of grey bars on nothing: two pixels wide for each peak, a line where it is silent."""
    width = 2 * len(peaks)
    rows = [_row(peaks, y) for y in range(HEIGHT_PIXELS)]
    header = struct.pack(
        ">IIBBBBB", width, HEIGHT_PIXELS, 1, 3, 0, 0, 0
    )  # one bit for a pixel, from a palette
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", bytes(3) + _GREY),
            _chunk(b"tRNS", b"\x00"),  # the first colour is not seen
            _chunk(b"IDAT", zlib.compress(b"".join(rows), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _row(peaks: bytes, y: int) -> bytes:
    """A row of pixels behind its filter type, which is none: a bar, then a gap of the same width."""
    from_middle = abs(2 * y + 1 - HEIGHT_PIXELS)
    bits = "".join(
        "10" if peak * HEIGHT_PIXELS >= from_middle * 255 or from_middle == 1 else "00" for peak in peaks
    )
    row_bytes = (len(bits) + 7) // 8
    return b"\x00" + int(bits.ljust(row_bytes * 8, "0") or "0", 2).to_bytes(row_bytes, "big")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
