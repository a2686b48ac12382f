"""What became of many recordings: their transcripts, and why others have none."""

import importlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..exceptions import ConfigurationError, InvalidRequestError
from ..files.numbered import numbered_apart
from ..files.whole_files import expanded
from .transcript import Transcript
from .transcript_files import check_formats

_MAX_STEM_BYTES = 200  # of the 255 that file systems take: a number and a suffix follow


@dataclass(frozen=True, slots=True, repr=False)
class Transcripts:
    """Transcripts by the names of their recordings, in the order in which those were named.

        talks = %transcribe talks/*.m4a
        talks["monday.m4a"].text, talks.errors, talks.to_dataframe()

    Attributes:
        transcripts: those that are there.
        errors: why the others are not.
    """

    transcripts: Mapping[str, Transcript]
    errors: Mapping[str, Exception]

    def __getitem__(self, name: str) -> Transcript:
        """The transcript of a recording.

        Raises:
            KeyError: there is no such recording.
            Exception: the error of a recording that has no transcript.
        """
        if name in self.errors:
            raise self.errors[name]
        return self.transcripts[name]

    def __contains__(self, name: object) -> bool:
        """Whether a recording of this name has a transcript."""
        return name in self.transcripts

    def __iter__(self) -> Iterator[Transcript]:
        return iter(self.transcripts.values())

    def __len__(self) -> int:
        return len(self.transcripts)

    def __repr__(self) -> str:
        failed = f", {len(self.errors)} failed" if self.errors else ""
        return f"<Transcripts of {len(self.transcripts)} recordings{failed}>"

    def to_dataframe(self) -> Any:
        """A pandas DataFrame with a row for each recording, also for those that failed.

        Raises:
            ConfigurationError: pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError as error:
            raise ConfigurationError("pandas is not installed.", "Run pip install pandas.") from error
        rows = [_row(name, transcript) for name, transcript in self.transcripts.items()]
        rows += [{"source": name, "error": str(error)} for name, error in self.errors.items()]
        columns = ("source", "text", "duration_s", "language", "seconds", "model", "server", "gaps", "error")
        return pandas.DataFrame(rows, columns=list(columns))

    def save(self, folder: str | Path, formats: Sequence[str] = ("txt",)) -> list[Path]:
        """Write each transcript into a folder, named after its recording, in each of the formats.

        Args:
            folder: where to; it is made where there is none.
            formats: of "txt", "srt", "vtt", "json", "md" and "csv".

        Returns:
            The paths of the files.

        Raises:
            InvalidRequestError: a file can't be written, though all others are, or a format is unknown.
        """
        return _save_all(_stems_apart(list(self.transcripts)), list(self), folder, formats)


def save_as(transcript: Transcript, name: str, folder: str | Path, formats: Sequence[str]) -> list[Path]:
    """Write a transcript into a folder, in each of the formats; returns the paths.

    Raises:
        InvalidRequestError: a file can't be written, or a format is unknown.
    """
    return _save_all([_file_stem(name)], [transcript], folder, formats)


def folder_for_files(folder: str | Path) -> Path:
    """A folder that files can be written into; it is made where there is none.

    Raises:
        InvalidRequestError: it can't be made, or nothing can be written into it.
    """
    folder = expanded(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name that no folder can have
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        reason = "a file is in its place" if is_file else getattr(error, "strerror", None) or str(error)
        raise InvalidRequestError(
            f"The folder {str(folder)!r} can't be made: {reason}.", "Name another one."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidRequestError(f"Nothing can be written into {str(folder)!r}.", "Name another folder.")
    return folder


def _save_all(
    stems: Sequence[str], transcripts: Sequence[Transcript], folder: str | Path, formats: Sequence[str]
) -> list[Path]:
    """Write all that can be written, and raise the first error in the end."""
    check_formats(formats)
    folder = folder_for_files(folder)
    paths: list[Path] = []
    errors: list[InvalidRequestError] = []
    for stem, transcript, kind in _each(stems, transcripts, formats):
        path = folder / f"{stem}.{kind}"
        try:
            transcript.save(path)
            paths.append(path)
        except InvalidRequestError as error:
            errors.append(error)
    if errors:
        more = f" {len(errors) - 1} other files could not be written either." if len(errors) > 1 else ""
        raise InvalidRequestError(errors[0].message + more, errors[0].hint) from errors[0]
    return paths


def _each(
    stems: Sequence[str], transcripts: Sequence[Transcript], formats: Sequence[str]
) -> Iterator[tuple[str, Transcript, str]]:
    for stem, transcript in zip(stems, transcripts, strict=True):
        for kind in formats:
            yield stem, transcript, kind


def _row(name: str, transcript: Transcript) -> dict[str, Any]:
    return {
        "source": name,
        "text": transcript.text,
        "duration_s": transcript.duration_s,
        "language": transcript.language,
        "seconds": transcript.seconds,
        "model": transcript.model,
        "server": transcript.server,
        "gaps": len(transcript.gaps),
        "error": None,
    }


def _file_stem(name: str) -> str:
    """The name of a recording as a file's, without its suffix and without what no file system takes."""
    path = Path(name)
    return _as_file_name([*path.parent.parts, path.stem])


def _stems_apart(names: Sequence[str]) -> list[str]:
    """A stem for each name. Where two would be one, as of a.wav and a.mp3, the suffix tells them apart."""
    stems = [_file_stem(name) for name in names]
    count = Counter(map(str.casefold, stems))  # A and a are one file on some systems
    longer = [
        _as_file_name([stem, Path(name).suffix.lstrip(".")]) if count[stem.casefold()] > 1 else stem
        for name, stem in zip(names, stems, strict=True)
    ]
    return numbered_apart(longer)


def _as_file_name(parts: Sequence[str]) -> str:
    text = "-".join(part for part in parts if part not in ("", "/", "\\", "..", "."))
    allowed = "".join(
        character if character.isalnum() or character in " -_.()" else "_" for character in text
    )
    return allowed.encode()[:_MAX_STEM_BYTES].decode(errors="ignore").strip() or "recording"
