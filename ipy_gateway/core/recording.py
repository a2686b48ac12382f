"""What a recording is, told from its bytes alone: no IO, and no trust in a size that a header states."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from .exceptions import AudioProcessingError

MIN_DURATION_S = 0.1  # llama.cpp's server ends its process over a WAV of one sample
MIN_SAMPLE_RATE_HZ, MAX_SAMPLE_RATE_HZ = 1_000, 768_000  # of sound; some sensors record at 1 Hz

# libav's demuxer for each container. It must be the only one that is tried: left to guess, libav takes a
# playlist that calls itself .wav, and reads the files which that names.
DEMUXERS: Mapping[str, str] = {
    **{name: name for name in ("wav", "mp3", "ogg", "flac", "aac", "amr", "aiff")},
    "m4a": "mov",
    "webm": "matroska",
    "wma": "asf",
}

_MAX_WAV_CHUNKS = 1000  # a real WAV has about five; 20 MB of empty chunks would take a second to walk
_MAX_ID3_TAGS = 8
_ID3_PADDING_BYTES = 4096  # some writers leave padding between the tag and the first frame
_TEXT_PROBE_BYTES = 1024
_EXTENSIBLE_TAG, _EXTENSIBLE_GUID_TAIL = 0xFFFE, bytes.fromhex("000000001000800000aa00389b71")
_WAV_CODECS = {  # of plain samples, by format tag and bits
    1: {8: "pcm_u8", 16: "pcm_s16le", 24: "pcm_s24le", 32: "pcm_s32le"},
    3: {32: "pcm_f32le", 64: "pcm_f64le"},
    6: {8: "alaw"},
    7: {8: "mulaw"},
}
_MP3_KBITS_VERSION_1 = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MP3_KBITS_VERSION_2 = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MP3_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")  # QuickTime before 2001 has no ftyp
_PICTURE_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")
_OTHER_KINDS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"FLV\x01", "a Flash video"),
)
_TEXT_KINDS = (
    ("<", "a web page (HTML)", "Download the file itself: the link led to a page, often to a login."),
    ("version https://git-lfs", "a Git LFS pointer", "Fetch the file that it stands for: git lfs pull."),
    (("#extm3u", "ffconcat"), "a playlist, which only names files", "Give one of the files that it names."),
    ("data:", "a data: URL", "Decode the base64 after its comma first."),
    (("{", "["), "JSON text", "Read it: it may be a server's error message."),
)


@dataclass(frozen=True, slots=True)
class Recording:
    """What the first bytes of a recording tell.

    Attributes:
        container: the kind of file, in the word that servers use for it.
        codec: how the sound is encoded, in ffmpeg's word; "" where the first bytes don't tell.
        sample_rate_hz: None where unknown.
        channels: None where unknown.
        duration_s: seconds of sound that are really there, in a WAV of plain samples; None for all else.
        sound_start: offset in bytes of the first sample of a WAV; 0 for all else.
        sound_bytes: bytes of sound in a WAV, whole samples only; 0 for all else.
    """

    container: Literal["wav", "mp3", "ogg", "flac", "m4a", "webm", "aac", "amr", "aiff", "wma"]
    codec: str = ""
    sample_rate_hz: int | None = None
    channels: int | None = None
    duration_s: float | None = None
    sound_start: int = 0
    sound_bytes: int = 0


_BY_MAGIC = (
    (b"\x1aE\xdf\xa3", Recording("webm")),  # EBML
    (b"#!AMR\n", Recording("amr", "amr_nb", 8000, 1)),
    (b"#!AMR-WB\n", Recording("amr", "amr_wb", 16000, 1)),
    (b"ADIF", Recording("aac", "aac")),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Recording("wma")),  # the GUID of ASF
)


def recognize(audio_bytes: bytes, *, accept_truncated: bool = False) -> Recording:
    """Tell what kind of recording this is, from its bytes.

    Args:
        audio_bytes: a whole recording, as in its file.
        accept_truncated: take a WAV that is shorter than its header promises for what is there.

    Raises:
        AudioProcessingError: "invalid_audio"; it is no recording, or one that no server could use.
    """
    if not audio_bytes:
        raise AudioProcessingError("The recording is empty: it has 0 bytes.", "Record or copy it again.")
    if audio_bytes[:4] in (b"RIFF", b"RF64", b"BW64") and b"WAVE".startswith(audio_bytes[8:12]):
        return _recognize_wav(audio_bytes, accept_truncated=accept_truncated)
    sound_start = _end_of_id3_tags(audio_bytes)
    recording = (
        _recognize_by_magic(audio_bytes)
        or _recognize_ogg(audio_bytes)
        or _recognize_flac(audio_bytes, sound_start)
        or _recognize_mp3(audio_bytes, sound_start)
        or _recognize_adts(audio_bytes, sound_start)
    )
    if recording is None:
        raise _explain_refusal(audio_bytes)
    return recording


def too_short(duration_s: float) -> AudioProcessingError:
    """The error for a recording with next to nothing in it."""
    return AudioProcessingError(
        f"The recording is too short: {duration_s:.4f} s, "
        f"and at least {MIN_DURATION_S} s of sound are needed.",
        "Give a longer recording.",
    )


def no_sound() -> AudioProcessingError:
    """The error for a file of a good kind in which there is no stream of sound."""
    return AudioProcessingError("The recording is a video without sound.", "Give a file that holds sound.")


def _recognize_wav(audio_bytes: bytes, *, accept_truncated: bool) -> Recording:
    chunks = _wav_chunks(audio_bytes)
    if b"data" not in chunks and len(audio_bytes) < max(12, _little(audio_bytes, 4, 4) + 8):
        raise AudioProcessingError("The WAV is cut short within its header.", "Copy the file again.")
    start, size = chunks.get(b"fmt ", (0, 0))
    wav, frame_bytes, bytes_per_second = _read_wav_format(audio_bytes[start : start + min(size, 40)])
    if b"data" not in chunks:
        raise AudioProcessingError("The WAV has no sound: its data chunk is missing.", "Copy the file again.")
    sound_start, promised_bytes = chunks[b"data"]
    present_bytes = len(audio_bytes) - sound_start
    if not present_bytes:
        raise _empty_wav()
    if promised_bytes == 0xFFFFFFFF and b"ds64" in chunks:  # RF64 (EBU Tech 3306): sizes of 64 bits
        promised_bytes = _little(audio_bytes, chunks[b"ds64"][0] + 8, 8)
    if _is_unknown_size(promised_bytes, audio_bytes):
        promised_bytes = present_bytes
    if promised_bytes > present_bytes and not accept_truncated:
        raise _truncated_wav(promised_bytes, present_bytes, bytes_per_second)
    sound_bytes = min(promised_bytes, present_bytes)
    sound_bytes -= sound_bytes % (frame_bytes or 1)
    if not sound_bytes:
        raise _empty_wav()
    duration_s = sound_bytes / bytes_per_second if frame_bytes else None
    if duration_s is not None and duration_s < MIN_DURATION_S:
        raise too_short(duration_s)
    return replace(wav, duration_s=duration_s, sound_start=sound_start, sound_bytes=sound_bytes)


def _wav_chunks(audio_bytes: bytes) -> dict[bytes, tuple[int, int]]:
    """Where the chunks up to the sound start, and how long they claim to be."""
    chunks: dict[bytes, tuple[int, int]] = {}
    position = 12
    for _ in range(_MAX_WAV_CHUNKS):
        if position + 8 > len(audio_bytes) or b"data" in chunks:
            break
        size = _little(audio_bytes, position + 4, 4)
        chunks.setdefault(audio_bytes[position : position + 4], (position + 8, size))
        position += 8 + size + size % 2
    return chunks


def _read_wav_format(chunk: bytes) -> tuple[Recording, int, int]:
    """The encoding, bytes of a sample in all channels (0 where that is not fixed), bytes per second."""
    if len(chunk) < 16:
        raise AudioProcessingError("The WAV header says nothing of its encoding.", "Export the file again.")
    tag, channels, rate = _little(chunk, 0, 2), _little(chunk, 2, 2), _little(chunk, 4, 4)
    bits = (_little(chunk, 14, 2) + 7) // 8 * 8
    if tag == _EXTENSIBLE_TAG and chunk[26:40] == _EXTENSIBLE_GUID_TAIL:
        tag = _little(chunk, 24, 2)
    codec = _WAV_CODECS[tag].get(bits) if tag in _WAV_CODECS else ""
    if codec is None or not 1 <= channels <= 64 or not MIN_SAMPLE_RATE_HZ <= rate <= MAX_SAMPLE_RATE_HZ:
        raise AudioProcessingError(
            f"The WAV header makes no sense: {channels} channels of {bits} bits at {rate} Hz.",
            "Export the recording again, as WAV with 16 bits.",
        )
    frame_bytes = channels * bits // 8 if codec else 0
    return Recording("wav", codec, rate, channels), frame_bytes, rate * frame_bytes or _little(chunk, 8, 4)


def _is_unknown_size(size: int, audio_bytes: bytes) -> bool:
    """Whether this was written before the size was known: as 0, or as something near the largest number."""
    if size == 0:  # a crashed recorder leaves 0 too; with a true size of the file it is a truly empty chunk
        return _little(audio_bytes, 4, 4) + 8 != len(audio_bytes)
    return any(abs(size - largest) <= 0xFFFF for largest in (2**31, 2**32, 2**63, 2**64))


def _empty_wav() -> AudioProcessingError:
    return AudioProcessingError("The WAV has no sound after its header.", "Record or copy it again.")


def _truncated_wav(promised_bytes: int, present_bytes: int, bytes_per_second: int) -> AudioProcessingError:
    promised, present = f"{promised_bytes:,} bytes", f"{present_bytes:,} bytes"
    if bytes_per_second:
        promised = f"{promised_bytes / bytes_per_second:.2f} s ({promised})"
        present = f"{present_bytes / bytes_per_second:.2f} s ({present})"
    return AudioProcessingError(
        f"The WAV is cut short: its header promises {promised} of sound, and {present} are there.",
        "Copy the file again, or set audio_preprocess_enabled=True to use what is there.",
    )


def _recognize_by_magic(audio_bytes: bytes) -> Recording | None:
    is_mp4 = audio_bytes[4:8] in _MP4_BOXES and audio_bytes[0] < 0x20  # a size; "The wide river" is text
    if is_mp4 and audio_bytes[8:12] not in _PICTURE_BRANDS:
        return Recording("m4a")
    if audio_bytes.startswith(b"FORM") and audio_bytes[8:12] in (b"AIFF", b"AIFC"):
        return Recording("aiff")
    return next((recording for magic, recording in _BY_MAGIC if audio_bytes.startswith(magic)), None)


def _recognize_ogg(audio_bytes: bytes) -> Recording | None:
    """Ogg (RFC 3533): a page's segment table, then the first packet, whose first bytes name the codec."""
    if audio_bytes[:4] != b"OggS":
        return None
    start = 27 + _little(audio_bytes, 26, 1)
    packet = audio_bytes[start : start + 16]
    if packet.startswith(b"OpusHead"):
        return Recording("ogg", "opus", 48000, _little(packet, 9, 1) or None)
    if packet.startswith(b"\x01vorbis"):
        return Recording("ogg", "vorbis", _little(packet, 12, 4) or None, _little(packet, 11, 1) or None)
    return Recording("ogg", "flac" if packet.startswith(b"\x7fFLAC") else "")


def _end_of_id3_tags(audio_bytes: bytes) -> int:
    """Where the sound starts: after the ID3v2 tags (id3.org, ID3v2.4 section 3.1), or at 0."""
    position = 0
    for _ in range(_MAX_ID3_TAGS):
        if audio_bytes[position : position + 3] != b"ID3":
            break
        size = 0
        for byte in audio_bytes[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = _little(audio_bytes, position + 5, 1) & 0x10
        position += 10 + size + (10 if has_footer else 0)
    return position


def _recognize_flac(audio_bytes: bytes, start: int) -> Recording | None:
    if audio_bytes[start : start + 4] != b"fLaC":
        return None
    bits = int.from_bytes(audio_bytes[start + 18 : start + 21], "big")  # STREAMINFO: RFC 9639, section 8.2
    rate = bits >> 4
    return Recording("flac", "flac", rate or None, (bits >> 1 & 7) + 1 if rate else None)


def _recognize_mp3(audio_bytes: bytes, start: int) -> Recording | None:
    """MPEG audio, layer III: one frame right after a tag, or two alike in a row."""
    padding = audio_bytes[start : start + _ID3_PADDING_BYTES] if start else b""
    frame_start = start + len(padding) - len(padding.lstrip(b"\0"))
    length, frame = _read_mp3_frame(audio_bytes[frame_start : frame_start + 4])
    next_start = frame_start + length
    _, next_frame = _read_mp3_frame(audio_bytes[next_start : next_start + 4])
    is_next_alike = frame and next_frame and next_frame.sample_rate_hz == frame.sample_rate_hz
    return frame if start or is_next_alike else None


def _read_mp3_frame(header: bytes) -> tuple[int, Recording | None]:
    """Length in bytes of the frame that starts with these four, and what it holds (ISO 11172-3, 2.4.1.3)."""
    bits = int.from_bytes(header, "big") if len(header) == 4 else 0
    version, layer, kbits_index, rate_index = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    if bits >> 21 != 0x7FF or version == 1 or layer != 1 or kbits_index in (0, 15) or rate_index == 3:
        return 0, None
    rate = _MP3_RATES[version][rate_index]
    kbits = (_MP3_KBITS_VERSION_1 if version == 3 else _MP3_KBITS_VERSION_2)[kbits_index - 1]
    length = (144 if version == 3 else 72) * kbits * 1000 // rate + (bits >> 9 & 1)
    return length, Recording("mp3", "mp3", rate, 1 if bits >> 6 & 3 == 3 else 2)


def _recognize_adts(audio_bytes: bytes, start: int) -> Recording | None:
    """AAC in ADTS frames: one that fills the file, or two alike in a row (ISO 13818-7, 6.2)."""
    header = audio_bytes[start : start + 7]
    bits = int.from_bytes(header, "big") if len(header) == 7 else 0
    rate_index, length = bits >> 34 & 15, bits >> 13 & 0x1FFF
    if bits >> 44 != 0xFFF or bits >> 41 & 3 or rate_index >= len(_AAC_RATES) or length < 7:
        return None
    is_next_alike = audio_bytes[start + length : start + length + 2] == header[:2]
    if not is_next_alike and start + length != len(audio_bytes):
        return None
    return Recording("aac", "aac", _AAC_RATES[rate_index], (bits >> 30 & 7) or None)


def _explain_refusal(audio_bytes: bytes) -> AudioProcessingError:
    if audio_bytes.startswith(b"ID3"):
        return AudioProcessingError("The recording is an ID3 tag without sound.", "Copy the file again.")
    text = _text_at_start(audio_bytes)
    if text is not None:
        return _explain_text(text)
    kinds = [name for magic, name in _OTHER_KINDS if audio_bytes.startswith(magic)]
    if audio_bytes[4:8] == b"ftyp" or audio_bytes[8:12] == b"WEBP":
        kinds = ["a picture"]
    if audio_bytes[:4] == b"RIFF" and audio_bytes[8:12] == b"AVI ":
        kinds = ["an AVI video"]
    shown = kinds[0] if kinds else f"of no known kind (it starts with the bytes {audio_bytes[:8].hex(' ')})"
    hint = "Give a recording: WAV, MP3, FLAC, OGG, M4A, WebM, AAC, AMR, AIFF or WMA."
    return AudioProcessingError(f"The recording is {shown}, not sound.", hint)


def _text_at_start(audio_bytes: bytes) -> str | None:
    """The first characters, when the file starts as text does."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()  # the probe may end in mid-character
    try:
        text = decoder.decode(audio_bytes[:_TEXT_PROBE_BYTES], final=len(audio_bytes) <= _TEXT_PROBE_BYTES)
    except UnicodeDecodeError:
        return None
    return None if any(char < " " and char not in "\t\n\r\f" for char in text) else text.strip()


def _explain_text(text: str) -> AudioProcessingError:
    for prefix, name, hint in _TEXT_KINDS:
        if text.lower().startswith(prefix):
            return AudioProcessingError(f"The recording is {name}, not sound.", hint)
    return AudioProcessingError(
        f"The recording is plain text, not sound: {text[:60]!r}.", "Name a sound file."
    )


def _little(data: bytes, start: int, count: int) -> int:
    """The unsigned little-endian number there; where the data ends early, of what there is."""
    return int.from_bytes(data[start : start + count], "little")
