"""WAV headers: read without trust in any number that they state, and written so that every number is true."""

import struct
from dataclasses import dataclass

from ..exceptions import AudioProcessingError
from ..files.random_access import Bytes

MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 1_000, 768_000  # of sound; some sensors record at 1 Hz

_MAX_CHANNELS = 64
_MAX_CHUNKS = 1000  # a real WAV has about five; 20 MB of empty chunks would take a second to walk
_MAX_SIZE = 0xFFFFFFFF
_PIECE_BYTES = 1 << 20
_EXTENSIBLE_TAG, _EXTENSIBLE_GUID_TAIL = 0xFFFE, bytes.fromhex("000000001000800000aa00389b71")
_CODECS = {  # of plain samples, by format tag and bits
    1: {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"},
    3: {32: "pcm_f32le", 64: "pcm_f64le"},
    6: {8: "alaw"},
    7: {8: "mulaw"},
}
_TAG_AND_BITS = {codec: (tag, bits) for tag, codecs in _CODECS.items() for bits, codec in codecs.items()}


@dataclass(frozen=True, slots=True)
class Wav:
    """What a WAV really holds.

    Attributes:
        encoding: how it is encoded.
        sound_start: offset in bytes of the first sample.
        sound_bytes: bytes of sound that are there, whole samples only.
        has_true_header: whether every number of its header that readers use is right.
    """

    encoding: "Encoding"
    sound_start: int
    sound_bytes: int
    has_true_header: bool

    @property
    def duration_s(self) -> float | None:
        """Seconds of sound that are there; None where samples have no fixed size."""
        return self.sound_bytes / self.encoding.bytes_per_second if self.encoding.frame_bytes else None


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a WAV.

    Attributes:
        codec: in ffmpeg's word; "" where it is not one of plain samples.
        sample_rate_hz: samples in a second.
        channels: samples at a time.
        frame_bytes: bytes of a sample in all channels; 0 where that is not fixed.
        bytes_per_second: of sound; where `frame_bytes` is 0 what the header states, which may be 0.
        is_true: whether the header states all this in the plainest way, which every reader understands.
    """

    codec: str
    sample_rate_hz: int
    channels: int
    frame_bytes: int
    bytes_per_second: int
    is_true: bool


def read_wav(audio_bytes: Bytes, *, accept_wrong_length: bool = False) -> Wav:
    """What is in a WAV.

    Args:
        audio_bytes: a whole file that starts as a WAV does.
        accept_wrong_length: take one that is shorter or longer than its header promises, as far as both go.

    Raises:
        AudioProcessingError: "invalid_audio"; it can't be used, or its header is wrong about its length.
    """
    chunks = _chunks(audio_bytes)
    if b"data" not in chunks and len(audio_bytes) < max(12, little(audio_bytes, 4, 4) + 8):
        raise AudioProcessingError("The WAV is cut short within its header.", "Copy the file again.")
    start, size = chunks.get(b"fmt ", (0, 0))
    encoding = _read_encoding(audio_bytes[start : start + min(size, 40)])
    if b"data" not in chunks:
        raise AudioProcessingError("The WAV has no sound: its data chunk is missing.", "Copy the file again.")
    sound_start, stated_bytes = chunks[b"data"]
    present_bytes = len(audio_bytes) - sound_start
    if not present_bytes:
        raise _empty()
    promised_bytes = _promised_bytes(audio_bytes, chunks)
    if not accept_wrong_length:
        _check_length(audio_bytes, sound_start, promised_bytes, encoding)
    sound_bytes = min(promised_bytes, present_bytes)
    sound_bytes -= sound_bytes % (encoding.frame_bytes or 1)
    if not sound_bytes:
        raise _empty()
    is_size_true = audio_bytes[:4] == b"RIFF" and little(audio_bytes, 4, 4) + 8 == len(audio_bytes)
    is_true = is_size_true and stated_bytes == sound_bytes and encoding.is_true
    return Wav(encoding, sound_start, sound_bytes, is_true)


def plain_header(sound_bytes: int, sample_rate_hz: int, channels: int, *, codec: str = "pcm_s16le") -> bytes:
    """The 44 bytes before plain samples (Microsoft, "Multimedia Programming Interface 1.0", 1991)."""
    tag, bits = _TAG_AND_BITS[codec]
    frame_bytes = channels * bits // 8
    bytes_per_second = sample_rate_hz * frame_bytes
    encoding = struct.pack("<HHIIHH", tag, channels, sample_rate_hz, bytes_per_second, frame_bytes, bits)
    return header_of(b"fmt " + struct.pack("<I", len(encoding)) + encoding + b"data", sound_bytes)


def header_of(chunks: bytes, sound_bytes: int) -> bytes:
    """A WAV up to its sound: `chunks` end with the name of the data chunk."""
    riff_bytes = min(len(b"WAVE") + len(chunks) + 4 + sound_bytes, _MAX_SIZE)
    data_size = struct.pack("<I", min(sound_bytes, _MAX_SIZE))
    return b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVE" + chunks + data_size


def little(data: Bytes, start: int, count: int) -> int:
    """The unsigned little-endian number there; where the data ends early, of what there is."""
    return int.from_bytes(data[start : start + count], "little")


def _chunks(audio_bytes: Bytes) -> dict[bytes, tuple[int, int]]:
    """Where the chunks up to the sound start, and how long they claim to be."""
    chunks: dict[bytes, tuple[int, int]] = {}
    position = 12
    for _ in range(_MAX_CHUNKS):
        if position + 8 > len(audio_bytes) or b"data" in chunks:
            break
        name, size = audio_bytes[position : position + 4], little(audio_bytes, position + 4, 4)
        if name == b"fmt " and name in chunks:  # some readers believe the first one, some the last
            raise AudioProcessingError("The WAV states its encoding twice.", "Export the file again.")
        chunks.setdefault(name, (position + 8, size))
        position += 8 + size + size % 2
    return chunks


def _read_encoding(chunk: bytes) -> Encoding:
    if len(chunk) < 16:
        raise AudioProcessingError("The WAV header says nothing of its encoding.", "Export the file again.")
    tag, channels, rate, stated_per_second, block, bits = struct.unpack("<HHIIHH", chunk[:16])
    valid_bits = bits
    if tag == _EXTENSIBLE_TAG and chunk[26:40] == _EXTENSIBLE_GUID_TAIL:
        valid_bits, tag = little(chunk, 18, 2), little(chunk, 24, 2)
    codec = _CODECS[tag].get(_container_bits(bits, channels, block)) if tag in _CODECS else ""
    if codec is None or not 1 <= channels <= _MAX_CHANNELS:
        raise _senseless(channels, bits, rate)
    if not MIN_SAMPLE_RATE_HZ <= rate <= MAX_SAMPLE_RATE_HZ:
        raise _senseless(channels, bits, rate)
    if not codec:
        return Encoding("", rate, channels, 0, stated_per_second, is_true=True)
    sample_bits = _TAG_AND_BITS[codec][1]
    frame_bytes = channels * sample_bits // 8
    if block not in (0, frame_bytes):
        raise _senseless(channels, bits, rate, blocks=f" in blocks of {block:,} bytes")
    truth = (rate * frame_bytes, frame_bytes, sample_bits, sample_bits)
    is_true = (stated_per_second, block, bits, valid_bits) == truth
    return Encoding(codec, rate, channels, frame_bytes, rate * frame_bytes, is_true=is_true)


def _container_bits(bits: int, channels: int, block_bytes: int) -> int:
    """What a sample takes: whole bytes, or for 24 bits four of them, as sound cards deliver it."""
    return 32 if bits == 24 and block_bytes == 4 * channels else (bits + 7) // 8 * 8


def _promised_bytes(audio_bytes: Bytes, chunks: dict[bytes, tuple[int, int]]) -> int:
    """How much sound the header promises; all that there is, where its size was not known yet."""
    sound_start, size = chunks[b"data"]
    if size == _MAX_SIZE and b"ds64" in chunks:  # RF64 (EBU Tech 3306): sizes of 64 bits
        size = little(audio_bytes, chunks[b"ds64"][0] + 8, 8)
    return len(audio_bytes) - sound_start if _is_unknown_size(size, audio_bytes) else size


def _is_unknown_size(size: int, audio_bytes: Bytes) -> bool:
    """Whether this was written before the size was known: as 0, or as something near the largest number."""
    if size == 0:  # a crashed recorder leaves 0 too; with a true size of the file it is a truly empty chunk
        return little(audio_bytes, 4, 4) + 8 != len(audio_bytes)
    return any(abs(size - largest) <= 0xFFFF for largest in (2**31, 2**32, 2**63, 2**64))


def _check_length(audio_bytes: Bytes, sound_start: int, promised_bytes: int, encoding: Encoding) -> None:
    present_bytes = len(audio_bytes) - sound_start
    promised = _length(promised_bytes, encoding)
    if promised_bytes > present_bytes:
        raise AudioProcessingError(
            f"The WAV is cut short: its header promises {promised} of sound, "
            f"and {_length(present_bytes, encoding)} are there.",
            "Copy the file again, or set audio_preprocess_enabled=True to use what is there.",
        )
    unnamed_bytes = _unnamed_bytes(audio_bytes, sound_start + promised_bytes)
    if unnamed_bytes > max(encoding.bytes_per_second, 1000):  # up to a second of it may be padding
        raise AudioProcessingError(
            f"The WAV goes on after its end: its header promises {promised} of sound, "
            f"and {_length(unnamed_bytes, encoding)} more follow.",
            "Export the file again, or set audio_preprocess_enabled=True to use what is promised.",
        )


def _unnamed_bytes(audio_bytes: Bytes, position: int) -> int:
    """How much follows the sound that is no chunk, such as a title would be, and not all zeros."""
    for _ in range(_MAX_CHUNKS):
        # After an odd size there is one byte of padding, which some writers forget.
        starts = [start for start in (position + position % 2, position) if _is_chunk(audio_bytes, start)]
        if not starts:
            break
        position = starts[0] + 8 + little(audio_bytes, starts[0] + 4, 4)
    return 0 if _is_padding(audio_bytes, position) else len(audio_bytes) - position


def _is_padding(audio_bytes: Bytes, start: int) -> bool:
    """Whether nothing but zeros follows; read in pieces, because it may be most of a long file."""
    positions = range(start, len(audio_bytes), _PIECE_BYTES)
    pieces = (audio_bytes[position : position + _PIECE_BYTES] for position in positions)
    return all(piece.count(0) == len(piece) for piece in pieces)


def _is_chunk(audio_bytes: Bytes, start: int) -> bool:
    """Whether a chunk with a name starts there and ends within the file; a second WAV does not count."""
    name, size = audio_bytes[start : start + 4], little(audio_bytes, start + 4, 4)
    is_name = len(name) == 4 and name.isascii() and name.decode("ascii").isprintable()
    return is_name and name not in (b"RIFF", b"RF64", b"BW64") and start + 8 + size <= len(audio_bytes)


def _length(size: int, encoding: Encoding) -> str:
    shown = f"{size:,} bytes"
    return f"{size / encoding.bytes_per_second:.2f} s ({shown})" if encoding.bytes_per_second else shown


def _senseless(channels: int, bits: int, rate_hz: int, blocks: str = "") -> AudioProcessingError:
    return AudioProcessingError(
        f"The WAV header makes no sense: {channels} channels of {bits} bits at {rate_hz} Hz{blocks}.",
        "Export the recording again, as WAV with 16 bits.",
    )


def _empty() -> AudioProcessingError:
    return AudioProcessingError("The WAV has no sound after its header.", "Record or copy it again.")
