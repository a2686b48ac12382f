"""What a recording is, told from its bytes alone: no IO, and no trust in a size that a header states."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..exceptions import AudioProcessingError
from ..files.random_access import Bytes
from .wav import little, read_wav

MIN_DURATION_S = 0.1  # llama.cpp's server ends its process over a WAV of one sample

# libav's demuxer for each container. It must be the only one that is tried: left to guess, libav takes a
# playlist that calls itself .wav, and reads the files which that names.
DEMUXERS: Mapping[str, str] = {
    **{name: name for name in ("wav", "mp3", "ogg", "flac", "aac", "amr", "aiff")},
    "m4a": "mov",
    "webm": "matroska",
    "wma": "asf",
}

_MAX_ID3_TAGS = 8
_ID3_PADDING_BYTES = 4096  # some writers leave padding between the tag and the first frame
_TEXT_PROBE_BYTES = 1024
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
        has_true_header: whether it is a WAV, and every number of its header that readers use is right.
    """

    container: Literal["wav", "mp3", "ogg", "flac", "m4a", "webm", "aac", "amr", "aiff", "wma"]
    codec: str = ""
    sample_rate_hz: int | None = None
    channels: int | None = None
    duration_s: float | None = None
    sound_start: int = 0
    sound_bytes: int = 0
    has_true_header: bool = False


_BY_MAGIC = (
    (b"\x1aE\xdf\xa3", Recording("webm")),  # EBML
    (b"#!AMR\n", Recording("amr", "amr_nb", 8000, 1)),
    (b"#!AMR-WB\n", Recording("amr", "amr_wb", 16000, 1)),
    (b"ADIF", Recording("aac", "aac")),
    (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), Recording("wma")),  # the GUID of ASF
)


def recognize(audio_bytes: Bytes, *, accept_truncated: bool = False) -> Recording:
    """Tell what kind of recording this is, from its bytes.

    Args:
        audio_bytes: a whole recording, as in its file; of a long one little is read.
        accept_truncated: take a WAV that is shorter than its header promises for what is there, and one that
            goes on after that for what is promised.

    Raises:
        AudioProcessingError: "invalid_audio"; it is no recording, or one that no server could use.
    """
    if not audio_bytes:
        raise AudioProcessingError("The recording is empty: it has 0 bytes.", "Record or copy it again.")
    if audio_bytes[:4] in (b"RIFF", b"RF64", b"BW64") and b"WAVE".startswith(audio_bytes[8:12]):
        return _recognize_wav(audio_bytes, accept_wrong_length=accept_truncated)
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


def bytes_per_second(head: bytes) -> float | None:
    """How many bytes a second of sound takes, told from a recording's first bytes, or None.

    Of an MP3 whose bit rate varies, that of the first frame.

    Raises:
        AudioProcessingError: "invalid_audio"; it is no recording.
    """
    recording = recognize(head, accept_truncated=True)
    if recording.duration_s:
        return recording.sound_bytes / recording.duration_s
    frame_start = head.find(b"\xff", _end_of_id3_tags(head)) if recording.codec == "mp3" else -1
    length, frame = _read_mp3_frame(head[frame_start : frame_start + 4]) if frame_start >= 0 else (0, None)
    if not frame or not frame.sample_rate_hz:
        return None
    return length * frame.sample_rate_hz / (1152 if frame.sample_rate_hz >= 32_000 else 576)


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


def _recognize_wav(audio_bytes: Bytes, *, accept_wrong_length: bool) -> Recording:
    wav = read_wav(audio_bytes, accept_wrong_length=accept_wrong_length)
    if wav.duration_s is not None and wav.duration_s < MIN_DURATION_S:
        raise too_short(wav.duration_s)
    encoding = wav.encoding
    return Recording(
        "wav",
        encoding.codec,
        encoding.sample_rate_hz,
        encoding.channels,
        duration_s=wav.duration_s,
        sound_start=wav.sound_start,
        sound_bytes=wav.sound_bytes,
        has_true_header=wav.has_true_header,
    )


def _recognize_by_magic(audio_bytes: Bytes) -> Recording | None:
    is_mp4 = audio_bytes[4:8] in _MP4_BOXES and audio_bytes[0] < 0x20  # a size; "The wide river" is text
    if is_mp4 and audio_bytes[8:12] not in _PICTURE_BRANDS:
        return Recording("m4a")
    if audio_bytes.startswith(b"FORM") and audio_bytes[8:12] in (b"AIFF", b"AIFC"):
        return Recording("aiff")
    return next((recording for magic, recording in _BY_MAGIC if audio_bytes.startswith(magic)), None)


def _recognize_ogg(audio_bytes: Bytes) -> Recording | None:
    """Ogg (RFC 3533): a page's segment table, then the first packet, whose first bytes name the codec."""
    if audio_bytes[:4] != b"OggS":
        return None
    start = 27 + little(audio_bytes, 26, 1)
    packet = audio_bytes[start : start + 16]
    if packet.startswith(b"OpusHead"):
        return Recording("ogg", "opus", 48000, little(packet, 9, 1) or None)
    if packet.startswith(b"\x01vorbis"):
        return Recording("ogg", "vorbis", little(packet, 12, 4) or None, little(packet, 11, 1) or None)
    return Recording("ogg", "flac" if packet.startswith(b"\x7fFLAC") else "")


def _end_of_id3_tags(audio_bytes: Bytes) -> int:
    """Where the sound starts: after the ID3v2 tags (id3.org, ID3v2.4 section 3.1), or at 0."""
    position = 0
    for _ in range(_MAX_ID3_TAGS):
        if audio_bytes[position : position + 3] != b"ID3":
            break
        size = 0
        for byte in audio_bytes[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        has_footer = little(audio_bytes, position + 5, 1) & 0x10
        position += 10 + size + (10 if has_footer else 0)
    return position


def _recognize_flac(audio_bytes: Bytes, start: int) -> Recording | None:
    if audio_bytes[start : start + 4] != b"fLaC":
        return None
    bits = int.from_bytes(audio_bytes[start + 18 : start + 21], "big")  # STREAMINFO: RFC 9639, section 8.2
    rate = bits >> 4
    return Recording("flac", "flac", rate or None, (bits >> 1 & 7) + 1 if rate else None)


def _recognize_mp3(audio_bytes: Bytes, start: int) -> Recording | None:
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


def _recognize_adts(audio_bytes: Bytes, start: int) -> Recording | None:
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


def _explain_refusal(audio_bytes: Bytes) -> AudioProcessingError:
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


def _text_at_start(audio_bytes: Bytes) -> str | None:
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
        f"The recording is plain text, not sound: {text[:60]!r}.", "Give a sound file."
    )
