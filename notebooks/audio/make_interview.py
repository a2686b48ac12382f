#!/usr/bin/env python3
"""Make interview.wav and note.m4a from interview.txt and note.txt.

Needs flite and sox (Debian: apt-get install flite sox) and ffmpeg, either
on the PATH or from the Python package imageio-ffmpeg.

    python make_interview.py
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Speaker -> flite voice and its settings.
VOICES = {
    "A": ("slt", {"duration_stretch": "1.0"}),
    "B": ("rms", {"duration_stretch": "0.97"}),
}
PAUSES = (0.5, 0.6, 0.4)  # seconds between turns, taken in a circle
BREATH = 0.35  # seconds between the sentences of one turn
EDGE = 0.3  # seconds of silence at both ends
RMS_DB = -22.0  # every sentence is brought to this loudness ...
PEAK_DB = "-1"  # ... and the whole to this peak


def run(*command) -> str:
    """Run a program; return what it wrote on stderr."""
    done = subprocess.run(
        [str(word) for word in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} failed:\n{done.stderr}")
    return done.stderr


def ffmpeg() -> str:
    """The ffmpeg program."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        raise SystemExit("ffmpeg not found: install it, or imageio-ffmpeg") from None
    return imageio_ffmpeg.get_ffmpeg_exe()


def turns(path: Path) -> list[tuple[str, str]]:
    """The (speaker, words) lines of a script text."""
    result = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            speaker, words = line.split(":", 1)
            result.append((speaker.strip(), words.strip()))
    return result


def speak(speaker: str, words: str, out: Path, scratch: Path) -> None:
    """One sentence: 16 kHz mono 16 bit, no silence at its ends, even loudness."""
    voice, settings = VOICES[speaker]
    raw, cut = scratch / "raw.wav", scratch / "cut.wav"
    options = [w for k, v in settings.items() for w in ("--setf", f"{k}={v}")]
    run("flite", "-voice", voice, *options, "-t", words, "-o", raw)
    trim = ("silence", "1", "0.01", "-58d", "reverse")
    run("sox", "-D", raw, "-r", "16000", "-c", "1", "-b", "16", cut,
        "gain", "-6", "highpass", "60", *trim, *trim)  # fmt: skip
    stats = run("sox", cut, "-n", "stats")
    level = float(re.search(r"^RMS lev dB\s+(\S+)", stats, re.M).group(1))
    run("sox", "-D", cut, out, "gain", "-l", f"{RMS_DB - level:.2f}")


def make(script: Path, out: Path) -> None:
    """Speak a whole script into a WAV file."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        pieces = []
        for number, (speaker, words) in enumerate(turns(script)):
            pause = PAUSES[(number - 1) % len(PAUSES)] if number else EDGE
            for sentence in re.split(r"(?<=[.?!])\s+", words):
                said, padded = scratch / "said.wav", scratch / f"{len(pieces)}.wav"
                speak(speaker, sentence, said, scratch)
                run("sox", "-D", said, padded, "pad", pause, "0")
                pieces.append(padded)
                pause = BREATH
        run("sox", "-D", *pieces, out, "pad", "0", EDGE, "norm", PEAK_DB)


def main() -> None:
    make(HERE / "interview.txt", HERE / "interview.wav")
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "note.wav"
        make(HERE / "note.txt", wav)
        run(ffmpeg(), "-nostdin", "-y", "-loglevel", "error", "-i", wav,
            "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact",
            "-c:a", "aac", "-b:a", "48k", "-ar", "16000", "-ac", "1",
            HERE / "note.m4a")  # fmt: skip


if __name__ == "__main__":
    main()
